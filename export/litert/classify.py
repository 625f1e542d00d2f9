"""Classifies standard input line by line with an artifact's model.tflite.

    python classify.py ARTIFACT < texts.txt > labels.jsonl

Of a classifier of pairs each line holds two texts with a tab between them. Needs ai-edge-litert,
tokenizers and numpy; neither TensorFlow nor keras_attention.
"""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from artifact import input_lines, read_artifact, write_line
from tokenizers import Tokenizer


class Classifier:
    """The model and the tokenizer of an artifact."""

    def __init__(self, artifact):
        manifest, files = read_artifact(artifact, "classifier", "model.tflite")
        self.labels = manifest["labels"]
        self.takes_pairs = manifest["takes_pairs"]
        self.is_regression = manifest.get("problem_type") == "regression"
        self.output = "scores" if self.is_regression else "probabilities"
        self.tokenizer = Tokenizer.from_buffer(files["tokenizer/tokenizer.json"])
        self.tokenizer.enable_truncation(manifest["max_length"])
        self.tokenizer.enable_padding(pad_id=self.tokenizer.token_to_id("[PAD]"))
        # The interpreter must outlive its runner.
        self.interpreter = Interpreter(model_content=files["model.tflite"], num_threads=2)
        self.runner = self.interpreter.get_signature_runner("ids")

    def scores(self, texts):
        """The probability of each label, or a regression's numbers, (N, C), of a list of texts, or
        of pairs of texts.
        """
        rows = self.tokenizer.encode_batch(texts)
        inputs = {"token_ids": np.array([row.ids for row in rows], np.int32)}
        if self.takes_pairs:
            inputs["segment_ids"] = np.array([row.type_ids for row in rows], np.int32)
        return self.runner(**inputs)[self.output]

    def classify(self, texts):
        """The most probable label of each text, and the probabilities of all by their names; of a
        regression the numbers alone.
        """
        for row in self.scores(texts):
            scores = {
                label: round(float(value), 6) for label, value in zip(self.labels, row, strict=True)
            }
            label = {} if self.is_regression else {"label": self.labels[row.argmax()]}
            yield {**label, "scores": scores}


def main():
    """One line in, one JSON object a line out; ends with status 1 if one is null."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    classifier = Classifier(sys.argv[1])
    status = 0
    for number, line in enumerate(input_lines(), start=1):
        text = line
        if classifier.takes_pairs:
            text = tuple(line.split("\t"))
            if len(text) != 2:
                said = f"Line {number}: expected two texts with one tab between them."
                print(said, file=sys.stderr)
                write_line("null")
                status = 1
                continue
        (found,) = classifier.classify([text])
        write_line(json.dumps(found, ensure_ascii=False))
    sys.exit(status)


if __name__ == "__main__":
    main()
