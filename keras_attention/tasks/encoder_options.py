"""The options that the trainings of encoders share, as data."""

from keras_attention.tasks.option import Option

INITIAL_WEIGHTS = Option(
    "initial_weights",
    "begin with the encoder of this run, of any task but translation, or HuggingFace directory "
    "(default: random ones)",
    metavar="DIR",
)
FAMILY = Option(
    "family",
    "whose presets give the encoder its size: bert, distilbert or bigbird (default: bert)",
    metavar="NAME",
)
VALID = Option(
    "valid",
    "texts to compare on: labelled ones of a classifier, pairs or lines of sentence vectors, any "
    "of a language model (default: the run's validation data)",
    metavar="F",
)
DISTILLATION_OPTIONS = (
    Option(
        "teacher",
        "distil this run, of the same task: learn from its answers and hidden states too. Without "
        "a preset or initial weights the student is the teacher with every second layer (default: "
        "none)",
        metavar="RUN",
    ),
    Option(
        "distillation_temperature",
        "what logits are divided by for soft targets (default: 2)",
        float,
        metavar="T",
    ),
    Option(
        "distillation_weights",
        "what soft targets, hard targets and hidden states count in the loss (default: 5,2,1)",
        metavar="SOFT,HARD,HIDDEN",
    ),
)
LEARNING_RATE = Option("learning_rate", "the highest learning rate", float, metavar="X")
FINE_TUNING_RATE = Option(
    "learning_rate",
    "the highest learning rate (default: of a preset its own; of weights that are fine-tuned 1e-4 "
    "where the encoder is at most 512 wide, else 5e-5; of adapters ten times that)",
    float,
    metavar="X",
)
ENCODER_OPTIONS = (
    Option("epochs", "passes over the training data", int, metavar="N"),
    Option("vocabulary_size", "tokens of the vocabulary; for random weights", int, metavar="N"),
    Option(
        "lowercase",
        "tell upper and lower case apart; for random weights",
        bool,
        spelling="cased",
        const=False,
    ),
    Option(
        "max_sequence_length", "tokens of a text at most", int, spelling="max-length", metavar="N"
    ),
    Option("batch_size", "texts of a batch", int, metavar="N"),
    Option("dropout", "dropout rate (default: 0.1; of initial weights theirs)", float, metavar="X"),
    Option("warmup_share", "share of the updates that are warm-up", float, metavar="X"),
    Option("weight_decay", "weight decay; norms and biases have none", float, metavar="X"),
    Option("clip_norm", "limit on the norm of all gradients together", float, metavar="X"),
)
