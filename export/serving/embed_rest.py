"""Gives each line of standard input a vector by TensorFlow Serving's REST interface.

    python embed_rest.py [--url http://localhost:8501]
        [--model embedding] < texts.txt > vectors.jsonl

Needs Python's standard library only.
"""

import argparse
import json

import lines
import rest


def main():
    """One line in, one JSON list out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rest.add_options(parser, "embedding")
    options = parser.parse_args()
    for _, part in lines.batches():
        # The server leaves out the name of the only output.
        for vector in rest.predict([{"text": line} for line in part], options):
            if not isinstance(vector, list):
                raise SystemExit(f"The model {options.model} gives something else than vectors.")
            lines.write(json.dumps(vector))


if __name__ == "__main__":
    main()
