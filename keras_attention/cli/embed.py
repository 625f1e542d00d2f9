"""`keras-attention embed`: one text a line in, one vector a row out."""

import io
import json

from keras_attention._validation import InputError
from keras_attention.cli.options import (
    MODEL_OPTIONS,
    TEXT_OPTIONS,
    add_options,
    custom_objects,
    read_input,
    require_output,
    say_unknown,
    write_output,
)

FORMATS = (".npy", ".jsonl")


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "embed",
        parents=[common],
        help=help,
        description="Reads standard input and writes standard output unless files are given. An "
        "output F.npy is a float32 array (N, D), a row a text; F.jsonl and standard output have "
        "one JSON list of D numbers a line.",
    )
    add_options(parser, (*MODEL_OPTIONS, *TEXT_OPTIONS))
    parser.set_defaults(run=run)


def run(options):
    """Embeds."""
    from keras_attention.tasks.load import load

    as_array = require_format(options.output)
    require_output(options)
    lines = read_input(options.input)
    embedder = load(
        options.model,
        options.runtime,
        kind="embedding",
        custom_objects=custom_objects(options),
    )
    vectors = embedder.embed(lines)
    write_output(options, array_file(vectors) if as_array else json_lines(vectors))
    say_unknown(embedder)


def require_format(path):
    """Whether the output is an array; None, standard output, is none.

    Raises:
        InputError: if the name of the file says neither format.
    """
    if path is None or path.lower().endswith(".jsonl"):
        return False
    if not path.lower().endswith(".npy"):
        raise InputError(f"`output` must end in {' or '.join(FORMATS)}. Received: output={path!r}")
    return True


def array_file(vectors):
    """The bytes of an .npy file of an array."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, vectors)
    return file.getvalue()


def json_lines(vectors):
    """The rows of an array as lines of JSON, with the digits that tell float32 numbers apart."""
    rows = ([float(str(number)) for number in row] for row in vectors)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
