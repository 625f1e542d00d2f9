"""Goes on with each line of standard input by TensorFlow Serving's REST interface.

    python generate_rest.py [--url http://localhost:8501] [--max-new-tokens N] < prompts.txt

Writes a line of JSON for each prompt. Needs Python's standard library only.
"""

import argparse
import json

import lines
import rest


def generate(texts, options, seed=None):
    """What follows each of a list of texts; with a seed, its sample with `seed + i`."""
    limit = options.max_new_tokens
    seeds = [{} if seed is None else {"seed": seed + i} for i in range(len(texts))]
    instances = [
        {"text": text, "max_new_tokens": limit, **more}
        for text, more in zip(texts, seeds, strict=True)
    ]
    rows = rest.predict(instances, options)
    # With several hypotheses `text` is a list of them, the best first.
    return [row["text"] if isinstance(row["text"], str) else row["text"][0] for row in rows]


def main():
    """One line in, one line of JSON out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rest.add_options(parser, "language-model")
    parser.add_argument("--max-new-tokens", type=int, default=64, metavar="N")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    for start, part in lines.batches():
        seed = None if options.seed is None else options.seed + start
        for text in generate(part, options, seed):
            lines.write(json.dumps({"text": text}, ensure_ascii=False))


if __name__ == "__main__":
    main()
