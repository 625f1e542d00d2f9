"""The options of decoding, as data: what translators and language models share."""

from keras_attention.tasks.option import Option

BEAM_SIZE = Option(
    "beam_size",
    "hypotheses to search with; 1 is greedy (default: the run's, or 1)",
    int,
    metavar="K",
)
LENGTH_PENALTY = Option(
    "length_penalty",
    "the higher, the longer the results get (default: the run's, or 0)",
    float,
    metavar="A",
)
MIN_LENGTH = Option(
    "min_length", "tokens of a result, at least (default: the run's, or 0)", int, metavar="N"
)
MAX_LENGTH = Option(
    "max_length",
    "tokens at most (default: the run's, or of a translation 50 more than the source)",
    int,
    metavar="N",
)
REPETITION_PENALTY = Option(
    "repetition_penalty",
    "above 1 makes tokens less likely that came before (default: the run's, or 1)",
    float,
    metavar="X",
)
N_BEST = Option(
    "n_best", "N results of each line, the best first (default: the run's, or 1)", int, metavar="N"
)
SAMPLING_OPTIONS = (
    Option("sample", "draw each token by its probability", bool, const=True),
    Option("temperature", "the higher, the more random (default: 1)", float, metavar="T"),
    Option(
        "top_k", "draw from the K most probable tokens only (default: from all)", int, metavar="K"
    ),
    Option(
        "top_p",
        "draw from the fewest tokens that reach P together (default: 1)",
        float,
        metavar="P",
    ),
)
SINGLE_LOOP = Option("single_loop", "no loop in a loop, for OpenVINO; slower", bool, const=True)
SEED = Option(
    "seed",
    "seed of the sample of the first line; the next line has N + 1 (default: 0)",
    int,
    metavar="N",
)
