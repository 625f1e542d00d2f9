"""The options of decoding, which `train`, `translate`, `evaluate` and `export` share."""

NAMES = ("beam_size", "length_penalty", "coverage_penalty", "min_length", "max_length", "n_best")


def add_search_options(parser, n_best=False):
    """Adds them; those that are not given are None."""
    add = parser.add_argument
    add("--beam-size", type=int, metavar="K", help="hypotheses to search with; 1 is greedy")
    add("--length-penalty", type=float, metavar="A", help="the higher, the longer translations get")
    add("--coverage-penalty", type=float, metavar="B", help="against leaving words out")
    add("--min-length", type=int, metavar="N", help="tokens of a translation at least")
    add("--max-length", type=int, metavar="N", help="at most; by default the source's and 50 more")
    if n_best:
        add("--n-best", type=int, metavar="N", help="N translations of each line, the best first")


def search_options(options):
    """What was given of them: a dict of fields of `SearchOptions`."""
    values = {name: getattr(options, name, None) for name in NAMES}
    return {name: value for name, value in values.items() if value is not None}
