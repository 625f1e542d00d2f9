"""Classifies standard input line by line by TensorFlow Serving's REST interface.

    python classify_rest.py ARTIFACT/manifest.json [--url http://localhost:8501]
        [--model classifier] < texts.txt > labels.jsonl

Of a classifier of pairs each line holds two texts with a tab between them. Needs Python's standard
library only.
"""

import argparse

import lines
import rest
from classifier import Classifier


def main():
    """One line in, one JSON object a line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", help="manifest.json of the artifact: the names of the labels")
    rest.add_options(parser, "classifier")
    options = parser.parse_args()
    classifier = Classifier(options.manifest)
    for start, part in lines.batches():
        inputs = classifier.inputs(start, part)
        rows = [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
        for found in rest.predict(rows, options):
            # The server leaves out the name of an only output, which is that of a regression.
            lines.write(classifier.line(found if isinstance(found, dict) else {"scores": found}))


if __name__ == "__main__":
    main()
