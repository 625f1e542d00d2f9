"""Training, whatever the task: from a config to a run directory."""

from pathlib import Path

from keras_attention.runs.architecture import DROPOUT, architecture, custom_code
from keras_attention.runs.fit import fit
from keras_attention.runs.recorded_reading import reading_of_run, with_reading_around
from keras_attention.runs.run_directory import CONFIG, read_config
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks import task_of
from keras_attention.tasks.adapt_model import adapt_model, without_adapters
from keras_attention.tasks.distillation import distiller, with_teacher
from keras_attention.tasks.load import load_run
from keras_attention.training.choose_jit import AUTO, choose_jit
from keras_attention.training.workers import decide, is_chief


def asked_config(kind, output, resume=False, **options):
    """The config that asks for options, for `train`.

    A training that goes on begins with those of its run. So an option that suits the run need not
    suit a new one, and those that a new one needs may be left out.

    Args:
        kind: of the task, such as "classifier".
        output, resume: those of `train`.
        **options: by the names of the task's `train_options`.

    Raises:
        InputError: if they do not fit each other, or the run is of another kind.

    >>> train(asked_config("translator", "run", resume=True, epochs=20), "run", resume=True)
    """
    task = task_of(kind)
    path = Path(output)
    begun = decide(lambda: read_config(path) if resume and (path / CONFIG).exists() else None)
    if begun is None:
        return task.make_config(**options)
    return task.config_class().of_run(begun, task.config_fields(options))


def train(config, output, resume=False, force=False, quiet=False, custom_objects=None):
    """Trains a model and leaves a run directory: see `TrainingRun`.

    Args:
        config: a `TranslatorConfig`, `ClassifierConfig`, `MaskedLMConfig`, `EmbeddingConfig` or
            `LanguageModelConfig`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one. Options that
            are given and differ from those of the run are taken or refused: see `TrainingRun`.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.
        custom_objects: as that of `keras_attention.load`, for the initial weights.

    Returns:
        The task's object for users, as `keras_attention.load` gives it: its Keras model is
        `.model`. None on a worker that is not the chief, if there was nothing left to train.

    Raises:
        InputError: if a file is unusable, `output` exists and neither `resume` nor `force` is
        given, another process writes it, or the run was begun with other data, options or with
            another model.

    >>> train(TranslatorConfig.for_preset("tiny", epochs=1), "run").translate(["three hundred"])
    """
    task = task_of(config.kind)
    with TrainingRun(with_reading_around(config), output, resume, force, quiet) as run:
        if run.is_finished:
            return load_run(output, custom_objects=custom_objects) if is_chief() else None
        with reading_of_run(run.config.to_dict()):
            return _train(task, run, custom_objects)


def _train(task, run, custom_objects):
    config = run.config
    # All that may be wrong with the user's files shows before anything is written.
    teacher = task.read_teacher(config, custom_objects)
    rows = task.read_data(config, run)
    initial = task.read_initial(config, custom_objects)
    for source in (initial, teacher):  # either may have been trained by adapters
        if source is not None and source.model is not None:
            without_adapters(source.model)
    run.require_data(
        **{
            "training data": rows.train if rows.corpus is None else rows.corpus.fingerprint,
            "validation data": rows.valid,
            "initial weights": None if initial is None else initial.model.get_weights(),
            "teacher": None if teacher is None else teacher.model.get_weights(),
        }
    )
    if teacher is not None:
        initial = with_teacher(task, config, initial, teacher, run.say)
    tokenizer = run.tokenizer(
        lambda: task.make_tokenizer(config, rows, initial, run.say), task.load_tokenizer
    )
    batches, valid_batches = task.make_batches(config, tokenizer, rows, run.say)
    student = task.make_model(config, tokenizer, initial)
    if config.lora_rank is not None:
        adapt_model(student, config, run.say)
    # The same weights are another model with other heads or another activation.
    free = DROPOUT if "dropout" in config.changeable else ()
    run.require_model(architecture(student, free), custom_code(custom_objects))
    model = student if teacher is None else distiller(config, student, teacher)
    if config.learning_rate is None:
        run.settle(learning_rate=task.fine_tuning_rate(config, student, run.say))
        config = run.config
    steps = config.updates(len(batches))
    task.compile(model, config, steps)
    if config.jit_compile == AUTO:
        shapes = len(batches.shapes) + task.xla_valid_shapes
        run.settle(jit_compile=choose_jit(model, batches, steps, shapes, run.say))
    if run.config.jit_compile:
        # XLA compiles the validation step for each of its shapes, which takes longer than padding.
        valid_batches = valid_batches.with_max_buckets(task.xla_valid_shapes)
    run.start(tokenizer, rows.save)
    plan = task.plan(run, student, tokenizer, rows, batches, valid_batches)
    fit(
        run,
        model,
        batches,
        valid_batches,
        plan.description,
        selection=plan.selection,
        scores=plan.scores,
        finish=plan.finish,
        saved=student,
    )
    return plan.result
