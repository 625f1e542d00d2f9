"""The lines of standard input, as all clients read them."""

import os
import sys

BATCH = 32


def batches():
    """`(number of the first, lines)` of every request, numbers from 0 on."""
    if sys.stdin is None:
        sys.exit("Standard input is closed: give one text a line.")
    data = sys.stdin.buffer.read()
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        sys.exit(f"Line {number} of standard input is not UTF-8 text.")
    lines = lines if lines[-1] else lines[:-1]
    for start in range(0, len(lines), BATCH):
        yield start, lines[start : start + BATCH]


def write(line):
    """One line of UTF-8; ends the program where it cannot be written."""
    try:
        sys.stdout.buffer.write((line + "\n").encode())
        sys.stdout.buffer.flush()
    except (OSError, AttributeError) as error:
        if sys.stdout is not None:  # or Python would try again, and say so, when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = getattr(error, "strerror", None) or "it is closed"
        sys.exit(f"Standard output cannot be written: {reason}.")
