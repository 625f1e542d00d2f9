"""From a run directory to an artifact directory."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import refuse_existing
from keras_attention.runs.run_files import read_config
from keras_attention.tasks import load_run
from keras_attention.tasks.classification import export_classifier
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.classification.train_classifier import load_examples, read_examples
from keras_attention.tasks.translation import export_translator
from keras_attention.tasks.translation.train_translator import load_corpus
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.text import (
    drop_empty_pairs,
    label_ids,
    phrase_corpus,
    read_lines,
    read_parallel,
)

PHRASES = 200  # where there is no other text


def _texts_to_compare_on(config, valid_source, valid_target, precision):
    """Sources, and their references if there are any."""
    if valid_source and valid_target:
        sources, references, _ = drop_empty_pairs(*read_parallel(valid_source, valid_target))
        if not sources:
            raise InputError(f"{valid_source} holds no text.")
        return sources, references
    if valid_source:
        return [line for line in read_lines(valid_source) if line.strip()], None
    if valid_target:
        raise InputError("--valid-target needs --valid-source.")
    try:
        sources, references = load_corpus(config, say=lambda text: None)[1]
        # A precision below float32 is always to be scored: who gives no files gets the run's own.
        return sources, None if precision == "float32" else references
    except InputError:  # the training files have moved: any text shows agreement
        return phrase_corpus(PHRASES, split="valid")[0], None


def export_run(run, output, valid_source=None, valid_target=None, valid=None, **options):
    """Exports what a run directory holds: see `export_translator` and `export_classifier`.

    Args:
        run: path of the run directory.
        output: path of the artifact.
        valid_source: of a translator, file of sentences to compare on; by default the run's
            validation sentences.
        valid_target: file of their references, for BLEU in the manifest.
        valid: of a classifier, file of labelled texts to compare on; by default the run's
            validation texts.
        **options: of a translator `search` (dict of fields of `SearchOptions`, over those of the
            run, or of `sample` and fields of `SamplingOptions`), `with_alignments` and
            `single_loop`; of both `formats`, `precision`, `allow_loss`, `force` and `say`, those of
            `export_translator` and `export_classifier`.

    Returns:
        The path of the artifact.

    Raises:
        InputError: if an option does not concern what the run holds.
    """
    refuse_existing(output, options.get("force", False))
    kind = read_config(run).get("kind")
    if kind == "classifier":
        _refuse(
            run,
            kind,
            valid_source=valid_source,
            valid_target=valid_target,
            **_of_translator(options),
        )
        return _export_classifier_run(run, output, valid, **options)
    _refuse(run, kind, valid=valid)
    return _export_translator_run(run, output, valid_source, valid_target, **options)


def _of_translator(options):
    """The options that concern translators alone, taken out of `options`."""
    return {name: options.pop(name, None) for name in ("search", "with_alignments", "single_loop")}


def _refuse(run, kind, **options):
    given = [name for name, value in options.items() if value]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{run} is a {kind}, which {names} does not concern.")


def _export_translator_run(
    run, output, valid_source, valid_target, search=None, precision="float32", **options
):
    values = read_config(run)
    translator = load_run(run, kind="translator", **(search or {}))
    config = TranslatorConfig.from_dict(values)
    texts, references = _texts_to_compare_on(config, valid_source, valid_target, precision)
    return export_translator(
        translator.model,
        translator.tokenizer,
        output,
        texts,
        search=translator.search,
        precision=precision,
        references=references,
        bleu_tokenize=config.bleu_tokenize,
        description={"architecture": config.architecture, "preset": config.preset},
        **options,
    )


def _export_classifier_run(run, output, valid, **options):
    config = ClassifierConfig.from_dict(read_config(run))
    classifier = load_run(run, kind="classifier")
    path = valid or config.valid
    try:
        # The training texts are read only where some of them were set aside.
        data = (
            load_examples(config, say=lambda text: None)[1]
            if path is None
            else read_examples(config, path)
        )
    except InputError as error:
        if valid is not None:
            raise
        raise InputError(f"{error} Give --valid a file of labelled texts to compare on.") from error
    label_ids(data, config.labels)  # every label is a known one
    return export_classifier(
        classifier.model,
        classifier.tokenizer,
        classifier.labels,
        output,
        data.texts,
        data.pairs,
        data.labels,
        classifier.max_length,
        description={"preset": config.preset}
        if config.initial_weights is None
        else {"initial_weights": Path(config.initial_weights).name},
        **options,
    )
