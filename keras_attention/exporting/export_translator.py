"""From a trained translator to an artifact directory."""

import shutil
import warnings

from keras_attention._validation import InputError
from keras_attention.decoding.length_limits import EXTRA_LENGTH
from keras_attention.exporting.onnx import onnx_ops, write_onnx
from keras_attention.exporting.parity import check_ops, check_parity
from keras_attention.exporting.saved_model import ids_function, saved_model_ops, write_saved_model
from keras_attention.exporting.tflite import tflite_ops, write_tflite
from keras_attention.files import new_directory
from keras_attention.manifest import write_manifest
from keras_attention.runtimes import TruncationWarning, artifact_translator, keras_translator
from keras_attention.search_options import GREEDY
from keras_attention.training import translation_scores

FORMATS = ("tf_saved_model", "tflite", "onnx")


def export_translator(
    model,
    tokenizer,
    output,
    texts,
    formats=FORMATS,
    search=GREEDY,
    with_alignments=False,
    single_loop=False,
    references=None,
    description=None,
    force=False,
    say=lambda text: None,
):
    """Writes an artifact: the SavedModel, TFLite and ONNX forms of one translator.

    Every form holds the whole generation, with dynamic batch and length, and is run in its own
    runtime on `texts` and compared with Keras before the directory takes its name.

    Args:
        model: a `keras_attention.models.Translator`.
        tokenizer: a `TranslationTokenizer`.
        output: path of the artifact.
        texts: list of strings to compare on.
        formats: any of "tf_saved_model", "tflite" and "onnx".
        search: how every form decodes, a `keras_attention.decoding.SearchOptions`.
        with_alignments: whether the ids signature also gives `alignment` (N, T, S).
        single_loop: whether to search in one loop instead of a loop in a loop, which takes about
            twice as long and is what OpenVINO can read.
        references: list of strings; where given, the manifest reports each form's BLEU on `texts`.
        description: dict of JSON values to keep in the manifest.
        force: whether an existing `output` may be overwritten.
        say: function that is told of progress.

    Returns:
        The path of the artifact.

    Raises:
        InputError: if a format is unknown, there are no `texts`, or `output` exists and `force` is
        not given.
        ParityError: if a form disagrees with Keras or holds operators that are not standard;
        nothing is left behind.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(
            f"Unknown format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(FORMATS)}."
        )
    if not any(text.strip() for text in texts):
        raise InputError("There is no sentence to compare the exported forms with Keras on.")
    with new_directory(output, force) as directory:
        tokenizer.save(directory / "tokenizer")
        # The SavedModel is always made: TFLite is converted from it.
        saved_model = directory / "saved_model" / "1"
        say("writing the SavedModel")
        write_saved_model(saved_model, model, tokenizer, search, with_alignments, single_loop)
        ops = {}
        if "tflite" in formats:
            say("converting to TFLite")
            write_tflite(directory / "model.tflite", saved_model)
            ops["tflite"] = tflite_ops(directory / "model.tflite")
        if "onnx" in formats:
            say("converting to ONNX")
            ids = ids_function(model, search, with_alignments, single_loop)
            write_onnx(directory / "model.onnx", ids)
            ops["onnx"] = onnx_ops(directory / "model.onnx")
        check_ops(ops)
        if "tf_saved_model" not in formats:
            shutil.rmtree(directory / "saved_model")
        else:
            ops["tf_saved_model"] = saved_model_ops(saved_model)
        manifest = {
            "kind": "translator",
            **(description or {}),
            "formats": list(formats),
            "precision": "float32",
            "decoding": {
                "method": "greedy" if search.is_greedy else "beam",
                **search.to_dict(),
                "extra_length": EXTRA_LENGTH,
                "max_source_length": model.max_sequence_length,
                "with_alignments": with_alignments,
                "single_loop": single_loop,
            },
            "signatures": _signatures(search.n_best, with_alignments),
            "ops": ops,
            "parity": {},
        }
        reference = keras_translator(model, tokenizer, search)
        for name in formats:
            say(f"comparing {name} with Keras on {len(texts)} sentences")
            translator = artifact_translator(directory, name, manifest)
            manifest["parity"][name] = check_parity(reference, translator, texts, name)
            if references is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", TruncationWarning)
                    scores = translation_scores(translator.translate(texts), references)
                manifest.setdefault("scores", {})[name] = scores
        write_manifest(directory, manifest)
    return output


def _signatures(n_best, with_alignments):
    rows = ["N"] if n_best == 1 else ["N", n_best]
    outputs = {"token_ids": ["int32", [*rows, "T"]], "score": ["float32", rows]}
    if with_alignments:
        outputs["alignment"] = ["float32", [*rows, "T", "S"]]
    return {
        "serving_default": {
            "formats": ["tf_saved_model"],
            "inputs": {"text": ["string", ["N"]]},
            "outputs": {"text": ["string", rows], "score": ["float32", rows]},
        },
        "ids": {
            "formats": list(FORMATS),
            "inputs": {"source_ids": ["int32", ["N", "S"]]},
            "outputs": outputs,
        },
    }
