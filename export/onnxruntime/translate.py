"""Translates standard input line by line with an artifact's model.onnx.

    python translate.py ARTIFACT < source.txt > target.txt

Needs onnxruntime, sentencepiece and numpy; neither TensorFlow nor keras_attention.
"""

import json
import sys

import numpy as np
import onnxruntime
import sentencepiece
from artifact import input_lines, read_artifact, write_line


class Translator:
    """The model and the tokenizer of an artifact."""

    def __init__(self, artifact):
        manifest, files = read_artifact(artifact, "translator", "model.onnx")
        shared = json.loads(files["tokenizer/translation.json"])["shared"]
        names = ["shared.model"] * 2 if shared else ["source.model", "target.model"]
        self.source, self.target = [
            sentencepiece.SentencePieceProcessor(model_proto=files[f"tokenizer/{name}"])
            for name in names
        ]
        self.special_ids = manifest["special_ids"]
        decoding = manifest["decoding"]
        self.max_source_length = decoding["max_source_length"]
        self.samples = decoding["method"] == "sampling"
        self.session = onnxruntime.InferenceSession(
            files["model.onnx"], providers=["CPUExecutionProvider"]
        )

    def encode(self, text):
        """The ids of a text, END at the end; what is too long is cut."""
        ids = self.source.encode(text)[: self.max_source_length - 1]
        return [*ids, self.special_ids["end"]]

    def decode(self, ids):
        """The text of ids up to END."""
        padding, start, end = [self.special_ids[name] for name in ("padding", "start", "end")]
        ids = ids[: ids.index(end)] if end in ids else ids
        return self.target.decode([i for i in ids if i not in (padding, start)])

    def translate(self, texts, seed=0):
        """The best translation of each of a list of texts, all in one batch.

        Exported with --sample, the text at index i is drawn with the seed `seed + i`.
        """
        rows = [self.encode(text) for text in texts]
        shape = len(rows), max(map(len, rows))
        source_ids = np.full(shape, self.special_ids["padding"], dtype=np.int32)
        for padded, row in zip(source_ids, rows, strict=True):
            padded[: len(row)] = row
        inputs = {"source_ids": source_ids}
        if self.samples:
            inputs["seed"] = np.arange(seed, seed + len(rows), dtype=np.int32)
        (token_ids,) = self.session.run(["token_ids"], inputs)
        if token_ids.ndim == 3:  # exported with --n-best: the best comes first
            token_ids = token_ids[:, 0]
        return [
            self.decode(ids) if text.strip() and len(row) > 1 else ""
            for text, row, ids in zip(texts, rows, token_ids.tolist(), strict=True)
        ]


def main():
    """One line in, one line out."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    translator = Translator(sys.argv[1])
    for seed, line in enumerate(input_lines()):
        write_line(translator.translate([line], seed)[0])


if __name__ == "__main__":
    main()
