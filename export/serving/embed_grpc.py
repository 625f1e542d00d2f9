"""Gives each line of standard input a vector by TensorFlow Serving's gRPC interface.

    python embed_grpc.py [--host localhost:8500] [--model embedding] < texts.txt > vectors.jsonl

Needs tensorflow-serving-api, which brings grpcio and TensorFlow.
"""

import argparse
import json

import lines
import rpc
import tensorflow as tf

OUTPUT = "sentence_embedding"


def main():
    """One line in, one JSON list out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rpc.add_options(parser, "embedding")
    options = parser.parse_args()
    with rpc.Server(options) as server:
        for _, part in lines.batches():
            found = server.predict(text=rpc.strings(part))
            if set(found) != {OUTPUT}:
                raise SystemExit(f"The model {options.model} gives something else than vectors.")
            for vector in tf.make_ndarray(found[OUTPUT]):
                lines.write(json.dumps([float(str(number)) for number in vector]))


if __name__ == "__main__":
    main()
