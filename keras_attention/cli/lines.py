"""Lines from a file or standard input, and bytes to a file or standard output."""

import sys


def read_input(path):
    """The lines of the file `path`, or of standard input where it is None."""
    from keras_attention.text import read_lines
    from keras_attention.text.corpora.text_files import decode_lines

    if path:
        return read_lines(path)
    return decode_lines(sys.stdin.buffer.read(), "standard input")


def write_output(path, data):
    """Writes `data` (bytes) to the file `path`, or to standard output where it is None."""
    from keras_attention.files import write_atomically

    if path:
        write_atomically(path, data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
