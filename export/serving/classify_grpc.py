"""Classifies standard input line by line by TensorFlow Serving's gRPC interface.

    python classify_grpc.py ARTIFACT/manifest.json [--host localhost:8500]
        [--model classifier] < texts.txt > labels.jsonl

Of a classifier of pairs each line holds two texts with a tab between them. Needs
tensorflow-serving-api, which brings grpcio and TensorFlow.
"""

import argparse

import lines
import rpc
import tensorflow as tf
from classifier import Classifier


def main():
    """One line in, one JSON object a line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", help="manifest.json of the artifact: the names of the labels")
    rpc.add_options(parser, "classifier")
    options = parser.parse_args()
    classifier = Classifier(options.manifest)
    with rpc.Server(options) as server:
        for start, part in lines.batches():
            inputs = classifier.inputs(start, part)
            found = server.predict(**{name: rpc.strings(texts) for name, texts in inputs.items()})
            columns = {name: tf.make_ndarray(tensor).tolist() for name, tensor in found.items()}
            for row in zip(*columns.values(), strict=True):
                outputs = dict(zip(columns, row, strict=True))
                if "label" in outputs:
                    outputs["label"] = outputs["label"].decode()
                lines.write(classifier.line(outputs))


if __name__ == "__main__":
    main()
