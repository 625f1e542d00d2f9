"""From a trained translator to an artifact directory."""

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS, require_formats, write_forms
from keras_attention.artifacts.manifest import write_manifest
from keras_attention.artifacts.precision_loss import check_losses, loss_report, require_precision
from keras_attention.files import new_directory
from keras_attention.search_options import GREEDY
from keras_attention.tasks.artifact_runtimes import artifact_translator
from keras_attention.tasks.keras_runtime import keras_translator
from keras_attention.tasks.translation.graph_functions import ids_function, text_function
from keras_attention.tasks.translation.parity import (
    COMPARED_SENTENCES,
    Remembered,
    best,
    check_parity,
    check_samples,
)
from keras_attention.tasks.translation.precision import measure_precision
from keras_attention.training import translation_scores


def export_translator(
    model,
    tokenizer,
    output,
    texts,
    formats=FORMATS,
    search=GREEDY,
    with_alignments=False,
    single_loop=False,
    precision="float32",
    allow_loss=None,
    references=None,
    bleu_tokenize="13a",
    description=None,
    force=False,
    say=lambda text: None,
):
    """Writes an artifact: the SavedModel, TFLite and ONNX forms of one translator.

    Every form holds the whole generation, with dynamic batch and length, and is run in its own
    runtime on `texts` and compared with Keras before the directory takes its name. A float32 form
    must give Keras' translations (compared are the first 200 texts). A form in lower precision may
    differ: the manifest says how often, and it may lose at most 0.05 BLEU as float16 and 0.3 as
    int8, on all `texts`.

    Args:
        model: a `keras_attention.models.Translator`.
        tokenizer: a `TranslationTokenizer`.
        output: path of the artifact.
        texts: list of strings to compare on.
        formats: any of "tf_saved_model", "tflite" and "onnx".
        search: how every form decodes, a `keras_attention.decoding.SearchOptions`, or a
            `SamplingOptions`: every form then takes a seed for each sentence too. Samples are
            exported in float32 only.
        with_alignments: whether the ids signature also gives `alignment` (N, T, S).
        single_loop: whether to search in one loop instead of a loop in a loop, which takes about
            twice as long and is what OpenVINO can read.
        precision: in which the weights of TFLite and ONNX are stored: "float32", "float16" or
            "int8". The SavedModel stays float32.
        allow_loss: BLEU that a lower precision may lose, in the place of its bound.
        references: list of strings; where given, the manifest reports each form's BLEU on `texts`.
            Without them the loss of a lower precision is not known, which a warning says.
        bleu_tokenize: sacrebleu's tokenizer for it: see `translation_scores`.
        description: dict of JSON values to keep in the manifest.
        force: whether an existing `output` may be overwritten.
        say: function that is told of progress.

    Returns:
        The path of the artifact.

    Raises:
        InputError: if a format or the precision is unknown, there are no `texts`, or `output`
        exists and `force` is not given.
        ParityError: if a form disagrees with Keras or holds operators that are not standard.
        PrecisionError: if a form in lower precision loses more than it may.
        Whatever was raised, nothing is left behind.
    """
    require_formats(formats)
    require_precision(precision, allow_loss, formats, search)
    if not any(text.strip() for text in texts):
        raise InputError("There is no sentence to compare the exported forms with Keras on.")
    with new_directory(output, force) as directory:
        tokenizer.save(directory / "tokenizer")
        ids = ids_function(model, search, with_alignments, single_loop)
        tokenizers = tokenizer.in_graph()
        text = text_function(ids, tokenizers, model.max_sequence_length, search.n_best)
        named = dict(zip(("source", "target"), tokenizers, strict=True))
        ops, storage = write_forms(directory, formats, model, named, ids, text, precision, say)
        manifest = {
            "kind": "translator",
            **(description or {}),
            "formats": list(formats),
            "precision": precision,
            "decoding": {
                "method": search.method,
                **search.to_dict(),
                "extra_length": model.extra_length,
                "max_source_length": model.max_sequence_length,
                "with_alignments": with_alignments,
                "single_loop": single_loop,
            },
            "signatures": _signatures(search, with_alignments),
            "ops": ops,
            "parity": {},
        }
        reference = Remembered(keras_translator(model, tokenizer, search))
        losses = {}
        for name in formats:
            lower = storage.get(name)
            compared = texts if lower else texts[:COMPARED_SENTENCES]
            say(f"comparing {name} with Keras on {len(compared)} sentences")
            translator = artifact_translator(directory, name, manifest)
            check = measure_precision if lower else check_parity
            if search.is_sampling:
                check = check_samples
            manifest["parity"][name] = check(reference, translator, compared, name)
            scores = None
            if references is not None:
                scores = translation_scores(best(translator, texts), references, bleu_tokenize)
                manifest.setdefault("scores", {})[name] = scores
            if lower:
                loss = loss_report(precision, "BLEU")
                if scores:
                    exact = translation_scores(best(reference, texts), references, bleu_tokenize)
                    loss = loss_report(precision, "BLEU", scores["bleu"], exact["bleu"])
                manifest.setdefault("lower_precision", {})[name] = {**lower, **loss}
                losses[name] = loss
                agreement = manifest["parity"][name][-1]["agreement"]
                say(f"  {lower['size_ratio']:.1%} of float32's bytes, {agreement:.1%} the same")
        if losses:
            check_losses(precision, losses, len(texts), allow_loss)
        write_manifest(directory, manifest)
    return output


def _signatures(search, with_alignments):
    rows = ["N"] if search.n_best == 1 else ["N", search.n_best]
    seed = {"seed": ["int32", ["N"]]} if search.is_sampling else {}
    outputs = {"token_ids": ["int32", [*rows, "T"]], "score": ["float32", rows]}
    if with_alignments:
        outputs["alignment"] = ["float32", [*rows, "T", "S"]]
    return {
        "serving_default": {
            "formats": ["tf_saved_model"],
            "inputs": {"text": ["string", ["N"]], **seed},
            "outputs": {"text": ["string", rows], "score": ["float32", rows]},
        },
        "ids": {
            "formats": list(FORMATS),
            "inputs": {"source_ids": ["int32", ["N", "S"]], **seed},
            "outputs": outputs,
        },
    }
