"""Gives each line of standard input a vector with an artifact's model.onnx, or its nearest line.

    python embed.py ARTIFACT < texts.txt > vectors.jsonl
    python embed.py ARTIFACT --among LIST < texts.txt > nearest.jsonl

With --among, a line of output names the line of LIST (one text a line) that is most like the text,
and their cosine similarity. Needs onnxruntime, tokenizers and numpy; neither TensorFlow nor
keras_attention.
"""

import argparse
import json
import sys

import numpy as np
import onnxruntime
from artifact import file_lines, input_lines, read_artifact, write_line
from tokenizers import Tokenizer

BATCH = 32


class Embedder:
    """The model and the tokenizer of an artifact."""

    def __init__(self, artifact):
        manifest, files = read_artifact(artifact, "embedding", "model.onnx")
        self.dimension = manifest["dimension"]
        self.tokenizer = Tokenizer.from_buffer(files["tokenizer/tokenizer.json"])
        self.tokenizer.enable_truncation(manifest["max_length"])
        self.tokenizer.enable_padding(pad_id=self.tokenizer.token_to_id("[PAD]"))
        self.session = onnxruntime.InferenceSession(
            files["model.onnx"], providers=["CPUExecutionProvider"]
        )

    def embed(self, texts):
        """The vectors (N, D) of a list of texts."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = self.tokenizer.encode_batch(texts[start : start + BATCH])
            ids = np.array([row.ids for row in rows], np.int32)
            vectors[start : start + BATCH] = self.session.run(
                ["sentence_embedding"], {"token_ids": ids}
            )[0]
        return vectors


def unit(vectors):
    """Vectors of length 1: their dot products are cosine similarities."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def main():
    """One line in, one line of JSON out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact")
    parser.add_argument("--among", metavar="LIST", help="texts of which the nearest is found")
    options = parser.parse_args()
    embedder = Embedder(options.artifact)
    vectors = embedder.embed(input_lines())
    if options.among is None:
        found = ([float(str(number)) for number in row] for row in vectors)
    else:
        others = file_lines(options.among)
        if not others:
            sys.exit(f"{options.among} holds no line.")
        similarities = unit(vectors) @ unit(embedder.embed(others)).T
        found = (
            {"text": others[row.argmax()], "similarity": round(float(row.max()), 6)}
            for row in similarities
        )
    for each in found:
        write_line(json.dumps(each, ensure_ascii=False))


if __name__ == "__main__":
    main()
