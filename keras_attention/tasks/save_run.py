"""Makes a run of a model that `model.fit` trained, or of a published one."""

from keras_attention._validation import InputError, require
from keras_attention.new_directory import new_directory, refuse_existing_directory
from keras_attention.runs.run_directory import (
    MODEL,
    TOKENIZER,
    require_loadable,
    save_model_atomically,
    write_config,
)
from keras_attention.runs.run_files import foreign_to_run
from keras_attention.tasks import TASKS, kind_of_model, task_of


def save_run(model, tokenizer, run, labels=None, force=False, *, kind=None, **config):
    """Writes what `model.fit` trained as a run, which `load`, `export` and the command line take.

    Args:
        model: a translator, a classifier, a masked LM, a token classifier, a sentence encoder, an
            encoder or a language model of this package, or of a class that derives from one. With
            `kind` given also any functional model with the inputs and outputs of one of these; a
            translator must be a `Translator`, a language model a `LanguageModel`.
        tokenizer: a `TranslationTokenizer` for a translator, one of `LANGUAGE_MODEL_TOKENIZERS` for
            a language model, else one of an encoder, such as a `WordPieceTokenizer`.
        run: path of the directory to make.
        labels: names of a classifier's classes, a list of strings; `model.labels` by default.
        force: whether an existing run may be overwritten.
        kind: "translator", "classifier", "masked-lm", "token-classifier", "encoder", "embedding" or
            "language-model"; by default what the model says.
        **config: further entries of `config.json`, such as `decoding={"beam_size": 4}` of a
            translator, or `pair_column="text_pair"` of a classifier of pairs.

    Returns:
        The path of the run.

    Raises:
        ValueError: if the kind of the model is not known.
        InputError: if model, tokenizer and labels do not belong together, an entry of the config is
            unknown, `run` exists and `force` is not given, or nothing could load the model, such as
            one with `keras.layers.Lambda`, with a layer whose `get_config` lacks an argument, or
            with two classes of your own of one name.

    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches))
    >>> keras_attention.save_run(model, tokenizer, "run", labels=["bad", "good"])
    >>> keras_attention.load("run").classify(["a gripping, funny film"])
    """
    task = task_of_model(model, kind)
    refuse_existing_directory(run, force, foreign=foreign_to_run)
    task.require_config(config)
    config = task.run_config(model, tokenizer, labels, **config)
    task.run_options(run, config)
    task.require_fit(run, config, model, tokenizer)
    with new_directory(run, force, foreign_to_run) as directory:
        tokenizer.save(directory / TOKENIZER)
        write_config(directory, config)
        save_model_atomically(model, directory / MODEL)
        require_loadable(directory / MODEL, model)  # now, while the model is still in memory
    return run


def task_of_model(model, kind=None):
    """The `Task` of a Keras model: of the kind that is given, or that its class says.

    Raises:
        ValueError: if neither does.
    """
    kind = kind or kind_of_model(model)
    require(
        kind is not None,
        "kind",
        f"given for a model that does not say its own: one of {', '.join(TASKS)}",
        model=type(model).__name__,
    )
    try:
        return task_of(kind)
    except InputError:
        require(False, "kind", f"one of {', '.join(TASKS)}", kind=kind)
