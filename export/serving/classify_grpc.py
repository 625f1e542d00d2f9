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
            if classifier.is_regression:
                for row in tf.make_ndarray(found["scores"]):
                    lines.write(classifier.line(None, row))
                continue
            labels, probabilities = (tf.make_ndarray(found[x]) for x in ("label", "probabilities"))
            for label, row in zip(labels, probabilities, strict=True):
                lines.write(classifier.line(label.decode(), row))


if __name__ == "__main__":
    main()
