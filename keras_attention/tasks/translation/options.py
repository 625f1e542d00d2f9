"""The options of translators, as data."""

from keras_attention.tasks.option import Option

SEARCH_OPTIONS = (
    Option("beam_size", "hypotheses to search with; 1 is greedy", int, metavar="K"),
    Option("length_penalty", "the higher, the longer translations get", float, metavar="A"),
    Option("coverage_penalty", "against leaving words out", float, metavar="B"),
    Option("min_length", "tokens of a translation at least", int, metavar="N"),
    Option("max_length", "at most; by default the source's and 50 more", int, metavar="N"),
)
N_BEST = Option("n_best", "N translations of each line, the best first", int, metavar="N")
SAMPLING_OPTIONS = (
    Option("sample", "draw each token by its probability", bool, const=True),
    Option("temperature", "the higher, the more surprising; 1", float, metavar="T"),
    Option("top_k", "draw from the K most probable tokens only", int, metavar="K"),
    Option("top_p", "from the fewest whose probabilities reach P", float, metavar="P"),
)
SEED = Option(
    "seed", "of the first line's sample, N + 1 of the next one's; 0 by default", int, metavar="N"
)
# The names under which `load` and `export` take what says how to decode.
DECODING_NAMES = tuple(option.name for option in (*SEARCH_OPTIONS, N_BEST, *SAMPLING_OPTIONS))

_SHARDS = "one sentence a line; .gz is read too; several files as a directory or a pattern"
_DECODING = "how the trained model translates, unless told otherwise"

TRAIN_OPTIONS = (
    *(
        Option(f"{part}_{side}", _SHARDS, metavar="F")
        for part in ("train", "valid")
        for side in ("source", "target")
    ),
    Option(
        "window",
        "hold N rows of the training files in memory, and the next N (default: all)",
        int,
        metavar="N",
    ),
    Option("architecture", "transformer (default) or rnn", default="transformer"),
    Option(
        "preset",
        "transformer: tiny (default), base, big; "
        "rnn: small (default), small-fixed, rnnencdec, rnnsearch, gnmt",
        metavar="NAME",
    ),
    Option("epochs", "passes over the training data", int, metavar="N"),
    Option("vocabulary_size", "tokens in the shared vocabulary", int, metavar="N"),
    Option("vocabulary_type", "how the vocabulary is made", choices=("bpe", "unigram")),
    Option("normalization", "SentencePiece's; 'identity' for tokenised text", metavar="RULE"),
    Option("batch_tokens", "padded tokens of a batch, on each side", int, metavar="N"),
    Option("initial_weights", "start from the weights of this run", metavar="RUN"),
    Option("learning_rate", "the highest", float, metavar="X"),
    Option("schedule", "of the learning rate", choices=("linear", "noam")),
    Option("warmup_steps", "updates with rising learning rate", int, metavar="N"),
    Option("clip_norm", "limit on the norm of all gradients together", float, metavar="X"),
    Option("dropout", "rate", float, metavar="X"),
    Option("label_smoothing", "probability that the other tokens share", float, metavar="X"),
    Option("average_checkpoints", "epochs averaged at the end", int, metavar="N"),
    Option("bleu_tokenize", "sacrebleu's tokenizer for validation: 13a, none", metavar="NAME"),
    *(
        Option(**{**vars(option), "group": _DECODING})  # the config keeps them together
        for option in SEARCH_OPTIONS
    ),
)

EXPORT_OPTIONS = (
    *SEARCH_OPTIONS,
    N_BEST,
    *SAMPLING_OPTIONS,  # without a seed, which is an input of what is exported
    Option("with_alignments", "also give the attention of each token", bool, const=True),
    Option("single_loop", "no loop in a loop, for OpenVINO; slower", bool, const=True),
    Option("valid_source", "sentences to compare on", metavar="F"),
    Option("valid_target", "their references: BLEU of each format in the manifest", metavar="F"),
)

EVALUATE_OPTIONS = (
    *SEARCH_OPTIONS,
    *SAMPLING_OPTIONS,
    SEED,
    Option("source", metavar="F", required=True),
    Option("reference", metavar="F", required=True),
    Option("tokenize", "sacrebleu's: 13a (default), none, ...", metavar="NAME", default="13a"),
    Option("lowercase", "ignore case", bool, const=True),
)
