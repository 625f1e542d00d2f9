"""The options of translators, as data."""

from keras_attention.tasks.decoding_options import (
    BEAM_SIZE,
    LENGTH_PENALTY,
    MAX_LENGTH,
    MIN_LENGTH,
    N_BEST,
    REPETITION_PENALTY,
    SAMPLING_OPTIONS,
    SEED,
    SINGLE_LOOP,
)
from keras_attention.tasks.option import Option
from keras_attention.tasks.translation.translator_families import (
    TRANSLATOR_FAMILIES,
    default_architecture,
)

SEARCH_OPTIONS = (
    BEAM_SIZE,
    LENGTH_PENALTY,
    Option(
        "coverage_penalty",
        "favours translations of every word (default: the run's, or 0)",
        float,
        metavar="B",
    ),
    MIN_LENGTH,
    MAX_LENGTH,
    REPETITION_PENALTY,
)
SHORTLIST = Option(
    "shortlist",
    "choose among the tokens that may translate a word of the sentence; for runs that were trained "
    "with it",
    bool,
    const=True,
)
# The names under which `load` and `export` take what says how to decode.
DECODING_NAMES = tuple(
    option.name for option in (*SEARCH_OPTIONS, SHORTLIST, N_BEST, *SAMPLING_OPTIONS)
)


def _presets():
    """The presets of every family, in one line."""
    return "; ".join(
        f"{name}: {', '.join(family.presets)} (default: {next(iter(family.presets))})"
        for name, family in TRANSLATOR_FAMILIES.items()
    )


_SHARDS = "one sentence a line; .gz is read too; several files as a directory or a pattern"
_DECODING = "how the trained model translates, unless told otherwise"

TRAIN_OPTIONS = (
    *(
        Option(f"{part}_{side}", f"{_SHARDS} (default: {default})", metavar="F")
        for part, default in (("train", "the built-in corpus"), ("valid", "a fiftieth of them"))
        for side in ("source", "target")
    ),
    Option(
        "window",
        "rows in memory at a time, while the next N are read (default: all rows)",
        int,
        metavar="N",
    ),
    Option(
        "architecture",
        f"{' or '.join(TRANSLATOR_FAMILIES)} (default: {default_architecture()})",
    ),
    Option("preset", _presets(), metavar="NAME"),
    Option("epochs", "passes over the training data", int, metavar="N"),
    Option("vocabulary_size", "tokens in the shared vocabulary", int, metavar="N"),
    Option("vocabulary_type", "how the vocabulary is made", choices=("bpe", "unigram")),
    Option("normalization", "SentencePiece's; 'identity' for tokenised text", metavar="RULE"),
    Option("batch_tokens", "padded tokens of a batch, on each side", int, metavar="N"),
    Option(
        "initial_weights",
        "begin with the weights of this run (default: random ones)",
        metavar="RUN",
    ),
    Option("learning_rate", "the highest learning rate", float, metavar="X"),
    Option("schedule", "how the learning rate changes", choices=("linear", "noam")),
    Option("warmup_steps", "updates of the warm-up", int, metavar="N"),
    Option("clip_norm", "limit on the norm of all gradients together", float, metavar="X"),
    Option("dropout", "dropout rate", float, metavar="X"),
    Option("label_smoothing", "probability that the other tokens share", float, metavar="X"),
    Option(
        "shortlist",
        "learn N likely translations of each token: decoding may then choose among these alone "
        "(default: none)",
        int,
        metavar="N",
    ),
    Option("average_checkpoints", "last epochs whose weights are averaged", int, metavar="N"),
    Option("bleu_tokenize", "sacrebleu's tokenizer for validation: 13a, none", metavar="NAME"),
    *(
        # The config keeps them together.
        Option(**{**vars(o), "group": _DECODING, "help": o.help.replace("the run's, or ", "")})
        for o in SEARCH_OPTIONS
    ),
)

EXPORT_OPTIONS = (
    *SEARCH_OPTIONS,
    SHORTLIST,
    N_BEST,
    *SAMPLING_OPTIONS,  # without a seed, which is an input of what is exported
    Option("with_alignments", "also give the attention of each token", bool, const=True),
    SINGLE_LOOP,
    Option("without_scores", "greedy search without scores: faster", bool, const=True),
    Option(
        "valid_source", "sentences to compare on (default: the run's validation data)", metavar="F"
    ),
    Option(
        "valid_target",
        "their references: BLEU of each format in the manifest (default: the run's)",
        metavar="F",
    ),
)

EVALUATE_OPTIONS = (
    *SEARCH_OPTIONS,
    SHORTLIST,
    *SAMPLING_OPTIONS,
    SEED,
    Option("source", metavar="F", required=True),
    Option("reference", metavar="F", required=True),
    Option("tokenize", "sacrebleu's: 13a, none, ... (default: 13a)", metavar="NAME", default="13a"),
    Option("lowercase", "ignore case", bool, const=True),
)
