"""The options of decoding, which all commands that translate or export share."""

SAMPLING_NAMES = ("sample", "temperature", "top_k", "top_p")
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


def add_sampling_options(parser, seed=True):
    """Adds those of sampling; those that are not given are None."""
    add = parser.add_argument
    add("--sample", action="store_true", default=None, help="draw each token by its probability")
    add("--temperature", type=float, metavar="T", help="the higher, the more surprising; 1")
    add("--top-k", type=int, metavar="K", help="draw from the K most probable tokens only")
    add("--top-p", type=float, metavar="P", help="from the fewest whose probabilities reach P")
    if seed:
        add("--seed", type=int, metavar="N", help="of the first line's sample, N + 1 the next's; 0")


def search_options(options):
    """What was given of them all: the keyword arguments of `load` that say how to decode."""
    values = {name: getattr(options, name, None) for name in (*NAMES, *SAMPLING_NAMES)}
    return {name: value for name, value in values.items() if value is not None}
