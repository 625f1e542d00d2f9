"""What a `Task` hands to a training: its rows, the weights it begins with, and its plan."""

import dataclasses


@dataclasses.dataclass
class Rows:
    """The rows of a training: what `Task.read_data` returns.

    Args:
        train: training rows, in the task's own form; None where `corpus` streams them.
        valid: validation rows, in the same form.
        count: number of training rows.
        corpus: `StreamedCorpus` that reads the training files by windows, or None.
    """

    train: object
    valid: object
    count: int
    corpus: object = None

    @property
    def save(self):
        """Function of the path of a run that writes what else is known of the rows, or None."""
        return None if self.corpus is None else self.corpus.save


@dataclasses.dataclass
class Initial:
    """The weights that a training begins with.

    Args:
        model: a Keras model; None where the tokenizer alone is given.
        tokenizer: its tokenizer.
        head: a model with a head whose weights a new one begins with where they fit, or None.
        pooling: how the source makes one vector of a text: "pooled", "mean", "cls" or "max"; None
            where it does not say.
    """

    model: object
    tokenizer: object
    head: object = None
    pooling: str | None = None


@dataclasses.dataclass
class Plan:
    """What goes around `fit` in one training: what `Task.plan` returns.

    Args:
        result: what the training returns: the model with its tokenizer, ready to use.
        description: the sentence that the training begins with.
        selection: callback that chooses the final weights among those of the epochs; None keeps
            those of the last epoch.
        scores: callbacks that add to an epoch's row of `history.csv`.
        finish: function of the path of the run directory, called before `model.keras` is written.
    """

    result: object
    description: str
    selection: object = None
    scores: tuple = ()
    finish: object = None
