"""Goes on with each line of standard input by TensorFlow Serving's gRPC interface.

    python generate_grpc.py [--host localhost:8500] [--max-new-tokens N] < prompts.txt

Writes a line of JSON for each prompt. Needs tensorflow-serving-api, which brings grpcio and
TensorFlow's messages.
"""

import argparse
import json

import lines
import rpc


def generate(texts, server, limit, seed=None):
    """What follows each of a list of texts; with a seed, its sample with `seed + i`."""
    inputs = {"text": rpc.strings(texts), "max_new_tokens": rpc.integers([limit] * len(texts))}
    if seed is not None:
        inputs["seed"] = rpc.integers(range(seed, seed + len(texts)))
    values = server.predict(**inputs)["text"].string_val
    # (N,), or (N, K) hypotheses, the best first.
    return [value.decode() for value in values[:: max(1, len(values) // len(texts))]]


def main():
    """One line in, one line of JSON out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rpc.add_options(parser, "language-model")
    parser.add_argument("--max-new-tokens", type=int, default=64, metavar="N")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    with rpc.Server(options) as server:
        for start, part in lines.batches():
            seed = None if options.seed is None else options.seed + start
            for text in generate(part, server, options.max_new_tokens, seed):
                lines.write(json.dumps({"text": text}, ensure_ascii=False))


if __name__ == "__main__":
    main()
