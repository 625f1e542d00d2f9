"""The option of the trainings that can read a corpus by windows."""


def add_window(add):
    """Adds it by `add`, the `add_argument` of a parser."""
    add(
        "--window",
        type=int,
        metavar="N",
        help="hold N rows of the training files in memory, and the next N (default: all)",
    )
