"""Translates standard input line by line by TensorFlow Serving's REST interface.

    python translate_rest.py [--url http://localhost:8501] [--model translator] < source.txt

Needs Python's standard library only.
"""

import argparse

import lines
import rest


def translate(texts, options, seed=None):
    """The best translation of each of a list of texts; with a seed, its sample with `seed + i`."""
    if seed is not None:
        texts = [{"text": text, "seed": seed + i} for i, text in enumerate(texts)]
    rows = rest.predict(texts, options)
    # With several hypotheses `text` is a list of them, the best first.
    return [row["text"] if isinstance(row["text"], str) else row["text"][0] for row in rows]


def main():
    """One line in, one line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rest.add_options(parser, "translator")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    for start, part in lines.batches():
        seed = None if options.seed is None else options.seed + start
        for text in translate(part, options, seed):
            lines.write(text)


if __name__ == "__main__":
    main()
