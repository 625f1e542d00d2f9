"""From a run directory to an artifact directory."""

from keras_attention._validation import InputError
from keras_attention.exporting import FORMATS, export_translator
from keras_attention.files import refuse_existing
from keras_attention.loading import load_run, read_config
from keras_attention.recipes.train_translator import load_corpus
from keras_attention.recipes.translator_config import TranslatorConfig
from keras_attention.text import drop_empty_pairs, phrase_corpus, read_lines, read_parallel

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


def export_run(
    run,
    output,
    formats=FORMATS,
    search=None,
    with_alignments=False,
    single_loop=False,
    precision="float32",
    allow_loss=None,
    valid_source=None,
    valid_target=None,
    force=False,
    say=lambda text: None,
):
    """Exports the translator of a run directory: see `export_translator`.

    Args:
        run: path of the run directory.
        output: path of the artifact.
        formats: any of "tf_saved_model", "tflite" and "onnx".
        search: dict of fields of `keras_attention.decoding.SearchOptions`, over those of the run,
            or of `sample` and fields of `SamplingOptions`.
        with_alignments: whether the ids signature also gives the alignment.
        single_loop: whether to search in one loop instead of a loop in a loop, for OpenVINO.
        precision: of TFLite and ONNX: "float32", "float16" or "int8".
        allow_loss: BLEU that a lower precision may lose, in the place of its bound.
        valid_source: file of sentences to compare on; by default the run's validation sentences.
        valid_target: file of their references, for BLEU in the manifest.
        force: whether an existing `output` may be overwritten.
        say: function that is told of progress.

    Returns:
        The path of the artifact.
    """
    refuse_existing(output, force)
    values = read_config(run)
    translator = load_run(run, **(search or {}))
    config = TranslatorConfig.from_dict(values)
    texts, references = _texts_to_compare_on(config, valid_source, valid_target, precision)
    return export_translator(
        translator.model,
        translator.tokenizer,
        output,
        texts,
        formats=formats,
        search=translator.search,
        with_alignments=with_alignments,
        single_loop=single_loop,
        precision=precision,
        allow_loss=allow_loss,
        references=references,
        bleu_tokenize=config.bleu_tokenize,
        description={"architecture": config.architecture, "preset": config.preset},
        force=force,
        say=say,
    )
