"""One model, four runtimes: Keras, SavedModel, TFLite and ONNX."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.onnx_runtime import onnx_function, onnx_generate
from keras_attention.artifacts.saved_model_runtime import saved_model_strings, saved_model_texts
from keras_attention.artifacts.tflite_runtime import tflite_generate, tflite_signature
from keras_attention.tasks.classification.text_classifier import (
    TextClassifier,
    ids_to_probabilities,
)
from keras_attention.tasks.keras_runtime import keras_classifier, keras_translator
from keras_attention.tasks.translation.text_translator import (
    TextTranslator,
    TruncationWarning,
    ids_to_ids,
)
from keras_attention.text import TranslationTokenizer

RUNTIMES = ("keras", "tf_saved_model", "tflite", "onnx")

__all__ = [
    "RUNTIMES",
    "TextClassifier",
    "TextTranslator",
    "TruncationWarning",
    "artifact_classifier",
    "artifact_translator",
    "keras_classifier",
    "keras_translator",
]


def artifact_translator(directory, runtime, manifest, seed=0):
    """A `TextTranslator` that runs one of an artifact's forms.

    Args:
        directory: path of the artifact.
        runtime: "tf_saved_model", "tflite" or "onnx".
        manifest: the artifact's manifest, a dict.
        seed: of the first text where it samples: see `TextTranslator`.

    Raises:
        InputError: if the artifact does not hold that form.
    """
    _require_form(directory, runtime, manifest)
    directory = Path(directory)
    tokenizer = TranslationTokenizer.load(directory / "tokenizer")
    if runtime == "tf_saved_model":
        run = saved_model_strings(directory / "saved_model" / "1")
    elif runtime == "tflite":
        run = ids_to_ids(tokenizer, tflite_generate(directory / "model.tflite"))
    else:
        run = ids_to_ids(tokenizer, onnx_generate(directory / "model.onnx"))
    decoding = manifest["decoding"]
    seed = seed if decoding["method"] == "sampling" else None
    return TextTranslator(tokenizer, run, decoding["max_source_length"], seed=seed)


def artifact_classifier(directory, runtime, manifest):
    """A `TextClassifier` that runs one of an artifact's forms.

    Args:
        directory: path of the artifact.
        runtime: "tf_saved_model", "tflite" or "onnx".
        manifest: the artifact's manifest, a dict.

    Raises:
        InputError: if the artifact does not hold that form.
    """
    from keras_attention.text import WordPieceTokenizer  # here: it needs TensorFlow

    _require_form(directory, runtime, manifest)
    directory = Path(directory)
    tokenizer = WordPieceTokenizer.load(directory / "tokenizer")
    takes_pairs = manifest["takes_pairs"]
    if runtime == "tf_saved_model":
        run = saved_model_texts(directory / "saved_model" / "1")
    else:
        if runtime == "tflite":
            signature = tflite_signature(directory / "model.tflite")
            classify = lambda **ids: signature(**ids)["probabilities"]  # noqa: E731
        else:
            function = onnx_function(directory / "model.onnx", ["probabilities"])
            classify = lambda **ids: function(**ids)[0]  # noqa: E731
        run = ids_to_probabilities(classify, tokenizer.padding_id, takes_pairs)
    return TextClassifier(tokenizer, run, manifest["labels"], manifest["max_length"], takes_pairs)


def _require_form(directory, runtime, manifest):
    if runtime not in manifest["formats"]:
        raise InputError(
            f"{directory} holds no form for the runtime {runtime!r}; it holds "
            f"{', '.join(manifest['formats'])}."
        )
