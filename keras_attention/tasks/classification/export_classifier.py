"""From a trained classifier to an artifact directory."""

import numpy as np

from keras_attention._validation import InputError, require
from keras_attention.artifacts.formats import FORMATS, require_formats, write_forms
from keras_attention.artifacts.manifest import write_manifest
from keras_attention.artifacts.precision_loss import check_losses, loss_report, require_precision
from keras_attention.files import new_directory
from keras_attention.tasks.artifact_runtimes import artifact_classifier
from keras_attention.tasks.classification.graph_functions import ids_function, text_function
from keras_attention.tasks.classification.parity import check_classifier, probabilities_of
from keras_attention.tasks.keras_runtime import keras_classifier


def export_classifier(
    model,
    tokenizer,
    labels,
    output,
    texts,
    pairs=None,
    expected=None,
    max_length=128,
    formats=FORMATS,
    precision="float32",
    allow_loss=None,
    description=None,
    force=False,
    say=lambda text: None,
):
    """Writes an artifact: the SavedModel, TFLite and ONNX forms of one classifier.

    Every form takes a batch of any size and texts of any length, and is run in its own runtime on
    `texts` and compared with Keras before the directory takes its name. A float32 form must give
    Keras' labels, and its probabilities to 1e-4. A form in lower precision may differ: the manifest
    says how often, and it may lose at most 0.1 points of accuracy as float16 and 0.5 as int8.

    Args:
        model: a classifier of `keras_attention.models`, whose output is logits (B, C).
        tokenizer: a `WordPieceTokenizer`.
        labels: names of the C labels.
        output: path of the artifact.
        texts: list of strings to compare on.
        pairs: list of as many second texts for a classifier of pairs, otherwise None.
        expected: list of the label of each text; where given, the manifest reports each form's
            accuracy. Without it the loss of a lower precision is not known, which a warning says.
        max_length: the longest text in tokens; the rest is dropped.
        formats: any of "tf_saved_model", "tflite" and "onnx".
        precision: in which the weights of TFLite and ONNX are stored: "float32", "float16" or
            "int8". The SavedModel stays float32.
        allow_loss: points of accuracy that a lower precision may lose, in the place of its bound.
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
    require_precision(precision, allow_loss, formats)
    if not texts:
        raise InputError("There is no text to compare the exported forms with Keras on.")
    require(
        len(labels) == model.num_classes,
        "labels",
        f"the names of {model.num_classes} labels",
        labels=labels,
    )
    takes_pairs = pairs is not None
    with new_directory(output, force) as directory:
        tokenizer.save(directory / "tokenizer")
        ids = ids_function(model, tokenizer.padding_id, takes_pairs)
        graph = tokenizer.in_graph()
        text = text_function(ids, graph, labels, max_length, takes_pairs)
        named = {"wordpiece": graph}
        ops, storage = write_forms(directory, formats, model, named, ids, text, precision, say)
        manifest = {
            "kind": "classifier",
            **(description or {}),
            "formats": list(formats),
            "precision": precision,
            "labels": list(labels),
            "takes_pairs": takes_pairs,
            "max_length": max_length,
            "signatures": _signatures(len(labels), takes_pairs),
            "ops": ops,
            "parity": {},
        }
        by_keras = keras_classifier(model, tokenizer, labels, max_length, takes_pairs)
        reference = probabilities_of(by_keras, texts, pairs)
        losses = {}
        for name in formats:
            lower = storage.get(name)
            say(f"comparing {name} with Keras on {len(texts)} texts")
            classifier = artifact_classifier(directory, name, manifest)
            reports, found = check_classifier(
                reference, classifier, texts, pairs, name, lower is not None
            )
            manifest["parity"][name] = reports
            accuracy = None
            if expected is not None:
                accuracy = _accuracy(found, expected, labels)
                manifest.setdefault("scores", {})[name] = {"accuracy": accuracy}
            if lower:
                loss = loss_report(precision, "points of accuracy")
                if accuracy is not None:
                    exact = _accuracy(reference, expected, labels)
                    loss = loss_report(precision, "points of accuracy", 100 * accuracy, 100 * exact)
                manifest.setdefault("lower_precision", {})[name] = {**lower, **loss}
                losses[name] = loss
                agreement = reports[-1]["agreement"]
                say(f"  {lower['size_ratio']:.1%} of float32's bytes, {agreement:.1%} the same")
        if losses:
            check_losses(precision, losses, len(texts), allow_loss)
        write_manifest(directory, manifest)
    return output


def _accuracy(probabilities, expected, labels):
    """The share of rows (N, C) whose most probable label is the expected one."""
    return float(np.mean(np.array(labels)[probabilities.argmax(axis=1)] == np.array(expected)))


def _signatures(count, takes_pairs):
    text, ids = {"text": ["string", ["N"]]}, {"token_ids": ["int32", ["N", "T"]]}
    if takes_pairs:
        text["text_pair"] = ["string", ["N"]]
        ids["segment_ids"] = ["int32", ["N", "T"]]
    probabilities = {"probabilities": ["float32", ["N", count]]}
    return {
        "serving_default": {
            "formats": ["tf_saved_model"],
            "inputs": text,
            "outputs": {"label": ["string", ["N"]], **probabilities},
        },
        "ids": {"formats": list(FORMATS), "inputs": ids, "outputs": probabilities},
    }
