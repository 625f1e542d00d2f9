"""The lines of standard input, as all clients read them."""

import sys

BATCH = 32


def batches():
    """`(number of the first, lines)` of every request, numbers from 0 on."""
    lines = sys.stdin.buffer.read().decode().split("\n")
    lines = lines if lines[-1] else lines[:-1]
    for start in range(0, len(lines), BATCH):
        yield start, lines[start : start + BATCH]


def write(line):
    """One line of UTF-8."""
    sys.stdout.buffer.write((line + "\n").encode())
