"""Export, whatever the task: from a run, or from a model, to an artifact directory."""

import dataclasses
import functools
from pathlib import Path

from keras_attention._validation import InputError, with_article
from keras_attention.artifacts.formats import (
    FORMATS,
    dtype_hint,
    require_dtypes,
    require_formats,
    require_further,
    require_sizes,
    write_formats,
)
from keras_attention.artifacts.manifest import SIZES, foreign_to_artifact, write_manifest
from keras_attention.artifacts.parity import BATCH_SIZES, ParityError
from keras_attention.artifacts.precision_loss import check_losses, loss_report, require_precision
from keras_attention.artifacts.write_model_card import write_model_card
from keras_attention.json_file import shortened
from keras_attention.new_directory import new_directory, refuse_existing_directory
from keras_attention.runs.recorded_reading import reading_of_run
from keras_attention.runs.run_directory import read_config
from keras_attention.tasks import task_of
from keras_attention.tasks.load import read_run


def _with_merged_model(export):
    """`export`, during which the adapters of a model that it is given are merged."""

    @functools.wraps(export)
    def merged_export(source, *args, **kwargs):
        import keras

        from keras_attention.layers.merge_lora import merged_lora

        if not isinstance(source, keras.Model):  # a run, which is merged for good
            return export(source, *args, **kwargs)
        with merged_lora(source):
            return export(source, *args, **kwargs)

    return merged_export


@_with_merged_model
def export(
    source,
    output,
    tokenizer=None,
    labels=None,
    formats=tuple(FORMATS),
    precision="float32",
    force=False,
    *,
    allow_loss=None,
    say=lambda text: None,
    examples=None,
    search=None,
    custom_objects=None,
    kind=None,
    config=None,
    **options,
):
    """Writes an artifact: the SavedModel, TFLite and ONNX formats of one model.

    Every format holds the whole model, generation included, with dynamic batch and length. It is
    run in its own runtime and compared with Keras before the directory takes its name. A format in
    float32 must give Keras' answers. One in lower precision may differ: the manifest says how
    often, and a bound says what it may lose (0.05 BLEU as float16 and 0.3 as int8, 0.1 and 0.5
    points of accuracy, 0.1 and 1 hundredths of the rank correlation of sentence vectors, 0.01 and
    0.1 nats a token of a language model).
    Adapters of LoRA are merged into the weights that they adapt.

    Args:
        source: path of a run directory, or a Keras model of this package.
        output: path of the artifact.
        tokenizer: of a model; a run has its own.
        labels: names of a classifier's classes; `model.labels` by default. A run has its own.
        formats: any of "tf_saved_model", "tflite" and "onnx"; of a language model also "litertlm".
        precision: in which the weights are stored: "float32", "float16" or "int8". The SavedModel
            stays float32.
        force: whether an existing `output` may be overwritten. It must be an artifact, with no
            other file in it, and not what is read here.
        allow_loss: BLEU, points of accuracy, hundredths of a rank correlation or nats a token that
            a lower precision may lose, in the place of its bound.
        say: function that is told of progress.
        examples: list of strings to compare on; of a translator also `Sentences` with references,
            of a classifier and of sentence vectors also `LabelledTexts`. By default the files that
            `options` name, the run's own validation data, or the built-in corpus.
        search: how a translator decodes: a dict of fields of `SearchOptions`, over those of the
            run, or of `sample=True` and fields of `SamplingOptions`.
        custom_objects: as that of `keras_attention.load`, for a run.
        kind: of a model that does not say its own, such as "classifier".
        config: dict of further entries of the config, for a model: see `save_run`.
        **options: those of the task: of a translator `valid_source`, `valid_target`,
            `with_alignments`, `without_scores` and `single_loop`; of a classifier and of sentence
            vectors `valid`; of a language model `valid`, `single_loop` and `cache_length`.

    Returns:
        The path of the artifact.

    Raises:
        InputError: if a format, the precision or an option is unknown or does not concern the task,
        a format does not compute in the model's dtype or hold so many weights, there is nothing to
        compare on, or `output` may not be overwritten.
        ParityError: if a format disagrees with Keras or holds operators that are not standard.
        PrecisionError: if a format in lower precision loses more than it may.
        Whatever was raised, nothing is left behind.

    >>> keras_attention.export("run", "artifact", precision="int8", valid_source="valid.en")
    """
    require_formats(formats)
    require_precision(precision, allow_loss, formats)
    _require_examples(examples)
    refuse_existing_directory(output, force, (source, *options.values()), foreign_to_artifact)
    task, config, user = _user(
        source, tokenizer, labels, dict(search or {}), options, custom_objects, kind, config
    )
    _require_examples_of(task, examples)
    require_further(formats, task.kind, task.further_formats)
    require_dtypes(formats, user.model)
    require_sizes(formats, user.model)
    options = {name: value for name, value in options.items() if value is not None}
    files = {name: options.pop(name) for name in task.example_options if name in options}
    task.require_export(user, precision, **options)
    for name in set(task.further_formats) & set(formats):
        task.require_further_format(user, name)
    compared_on = "texts that the export was given"
    if examples is None:
        with reading_of_run(config, files):
            examples, compared_on = task.examples(config, precision, say, **files)
    comparison = task.comparison(user, examples)
    if allow_loss is not None and comparison.measure is None:
        raise InputError(
            "`allow_loss` is of BLEU, accuracy or rank correlation, of which this model has none: "
            "what a lower precision may lose of it is bounded by its agreement with Keras alone."
        )
    with new_directory(output, force, foreign_to_artifact) as directory:
        task.artifact_tokenizer(user.tokenizer).save(directory / "tokenizer")
        graph = task.graph(user, **options)
        operators, storage = write_formats(directory, formats, user.model, graph, precision, say)
        manifest = {
            "kind": task.kind,
            **_origin(config),
            "model": {
                "class": type(user.model).__name__,
                "parameters": user.model.count_params(),
            },
            "formats": list(formats),
            "precision": precision,
            **graph.fields,
            "signatures": _signatures_in(formats, graph.signatures),
            "ops": operators,
            "compared_on": compared_on,
            "parity": {},
        }
        losses = {}
        for name in formats:
            lower = storage.get(name)
            say(f"comparing {name} with Keras on {comparison.compared(lower)} {task.unit}")
            candidate = task.open(directory, name, manifest)
            try:
                manifest["parity"][name] = comparison.check(candidate, name, lower is not None)
            except ParityError as error:
                _require_no_padding_read(comparison, user, error)
                raise ParityError(f"{error}{dtype_hint(user.model)}") from error
            scores = comparison.scores(candidate)
            if scores is not None:
                manifest.setdefault("scores", {})[name] = scores
            if lower:
                losses[name] = _loss(precision, comparison, scores)
                manifest.setdefault("lower_precision", {})[name] = {**lower, **losses[name]}
                agreement = manifest["parity"][name][-1]["agreement"]
                say(f"  {lower['size_ratio']:.1%} of float32's bytes, {agreement:.1%} the same")
        if losses and comparison.measure is not None:
            check_losses(comparison.measure, precision, losses, comparison.count, allow_loss)
        task.write_extras(directory, manifest)
        write_model_card(directory, manifest, task)
        write_manifest(directory, manifest)
    return output


def _user(source, tokenizer, labels, search, options, custom_objects, kind, config):
    """The task, the config and the object for users of a run or of a model."""
    from keras_attention.layers.merge_lora import merge_lora

    if isinstance(source, (str, Path)):
        of_model = {"tokenizer": tokenizer, "labels": labels, "config": config}
        given = [f"`{name}`" for name, value in of_model.items() if value is not None]
        if given:
            raise InputError(
                f"{source} is a run, which has its own {' and '.join(of_model)}: "
                f"{', '.join(given)} can be given with a model only."
            )
        config = read_config(source)
        task = task_of(config.get("kind"), f"{source} is a run", kind)
        _refuse(source, task, options, search)
        # The config of the model, which may have been replaced meanwhile.
        task, config, *parts, answer = read_run(source, custom_objects, kind=task.kind, **search)
        merge_lora(parts[0])
        return task, config, task.wrap(*parts, config, answer)
    from keras_attention.tasks.save_run import task_of_model

    task = task_of_model(source, kind)
    _refuse(type(source).__name__, task, options, search)
    if tokenizer is None:
        raise InputError("`tokenizer` must be given with a model; a run has its own.")
    config = config or {}
    task.require_config(config)
    config = task.run_config(source, tokenizer, labels, **config)
    answer = task.run_options(type(source).__name__, config, **search)
    task.require_fit(type(source).__name__, config, source, tokenizer)
    return task, config, task.wrap(source, tokenizer, config, answer)


def _require_no_padding_read(comparison, user, error):
    """Raises `ParityError` if padding changes what Keras itself answers, so that no format agrees.

    Args:
        comparison: the `Comparison`.
        user: the object in Keras.
        error: what a format has failed by.
    """
    try:
        comparison.check(user, "Keras", False)
    except ParityError:
        sizes = " and of ".join(map(str, BATCH_SIZES))
        raise ParityError(
            f"The {type(user.model).__name__} reads padding: in Keras itself texts have other "
            f"answers in batches of {sizes}, and no format can agree with both. Leave out what its "
            "`padding_mask` is 0 at."
        ) from error


def _require_examples(examples):
    """Raises `InputError` unless `examples` are None, a list of strings, or a dataclass of them."""
    if isinstance(examples, (list, tuple)):
        holds = all(isinstance(example, str) for example in examples)
    else:
        holds = examples is None or dataclasses.is_dataclass(examples)
    if not holds:
        raise InputError(f"`examples` must be a list of strings. Received: {shortened(examples)}")


def _require_examples_of(task, examples):
    """Raises `InputError` for a dataclass of examples that is another task's."""
    name = type(examples).__name__
    if dataclasses.is_dataclass(examples) and name not in task.example_classes:
        others = "".join(f" or {known}" for known in task.example_classes)
        raise InputError(
            f"`examples` of {with_article(task.kind)} must be a list of strings{others}. "
            f"Received: {name}"
        )


def _refuse(source, task, options, search):
    """Raises `InputError` for options that do not concern the task, whatever their values."""
    known = {option.name for option in task.export_options}
    foreign = [name for name in (*options, *search) if name not in known]
    if foreign:
        names = ", ".join(f"`{name}`" for name in foreign)
        verb = "does" if len(foreign) == 1 else "do"
        raise InputError(
            f"{source} is {with_article(task.kind)}, which {names} {verb} not concern."
        )
    misplaced = [name for name in options if name in task.decoding_names]
    if misplaced:
        raise InputError(
            f"`{misplaced[0]}` says how to decode: give it in `search`, such as "
            f"`search={{{misplaced[0]!r}: {options[misplaced[0]]!r}}}`."
        )


def _origin(config):
    """What a manifest says of where the model comes from: sizes or initial weights, a teacher."""
    sizes = {name: config[name] for name in SIZES if config.get(name)}
    teacher = {"teacher": Path(config["teacher"]).name} if config.get("teacher") else {}
    if config.get("preset") or not config.get("initial_weights"):
        return {**sizes, **teacher}
    return {"initial_weights": Path(config["initial_weights"]).name, **teacher}


def _signatures_in(formats, signatures):
    """The signatures that an artifact of these formats has, each with those that hold it."""
    held = {
        name: {**entry, "formats": [each for each in entry["formats"] if each in formats]}
        for name, entry in signatures.items()
    }
    return {name: entry for name, entry in held.items() if entry["formats"]}


def _loss(precision, comparison, scores):
    """What the manifest says of what a format in lower precision loses."""
    if comparison.measure is None:
        return {"measure": None, "loss": None}
    if scores is None:
        return loss_report(precision, comparison.measure)
    exact = comparison.points(comparison.scores())
    return loss_report(precision, comparison.measure, comparison.points(scores), exact)
