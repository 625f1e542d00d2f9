"""Translates standard input line by line by TensorFlow Serving's gRPC interface.

    python translate_grpc.py [--host localhost:8500] [--model translator] < source.txt

Needs tensorflow-serving-api, which brings grpcio and TensorFlow's messages.
"""

import argparse

import lines
import rpc


def translate(texts, server, seed=None):
    """The best translation of each of a list of texts; with a seed, its sample with `seed + i`."""
    inputs = {"text": rpc.strings(texts)}
    if seed is not None:
        inputs["seed"] = rpc.integers(range(seed, seed + len(texts)))
    values = server.predict(**inputs)["text"].string_val
    # (N,), or (N, K) hypotheses, the best first.
    return [value.decode() for value in values[:: max(1, len(values) // len(texts))]]


def main():
    """One line in, one line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    rpc.add_options(parser, "translator")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    with rpc.Server(options) as server:
        for start, part in lines.batches():
            seed = None if options.seed is None else options.seed + start
            for text in translate(part, server, seed):
                lines.write(text)


if __name__ == "__main__":
    main()
