"""Translates standard input line by line by TensorFlow Serving's REST interface.

    python translate_rest.py [--url http://localhost:8501] [--model translator] < source.txt

Needs Python's standard library only.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request

BATCH = 32


def translate(texts, url, model, timeout, seed=None):
    """The best translation of each of a list of texts; with a seed, its sample with `seed + i`."""
    if seed is not None:
        texts = [{"text": text, "seed": seed + i} for i, text in enumerate(texts)]
    request = urllib.request.Request(
        f"{url}/v1/models/{model}:predict",
        json.dumps({"signature_name": "serving_default", "instances": texts}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            rows = json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")
        try:
            body = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            pass
        raise SystemExit(f"{url} answers with status {error.code}: {body.strip()}") from None
    except OSError as error:  # URLError is one, and so is a time-out
        raise SystemExit(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from None
    # With several hypotheses `text` is a list of them, the best first.
    return [row["text"] if isinstance(row["text"], str) else row["text"][0] for row in rows]


def main():
    """One line in, one line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--model", default="translator")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one request")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    lines = sys.stdin.buffer.read().decode().split("\n")
    lines = lines if lines[-1] else lines[:-1]
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        seed = None if options.seed is None else options.seed + start
        for text in translate(part, options.url, options.model, options.timeout, seed):
            sys.stdout.buffer.write((text + "\n").encode())


if __name__ == "__main__":
    main()
