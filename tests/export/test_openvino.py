"""OpenVINO, which reads an artifact's SavedModel, its .tflite file and a classifier's .onnx."""

import numpy as np
import openvino
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401  (the SavedModel's tokenizer)

from keras_attention import load
from keras_attention.tasks.export import export
from keras_attention.text import phrase_corpus
from keras_attention.token_ids import pad
from tests.export.classified import CLASSIFIERS, columns_of
from tests.tasks.small_models import saved

TEXTS = phrase_corpus(6, split="test")[0]


def compiled(model):
    # Where the processor multiplies bfloat16, OpenVINO would do that unless told otherwise.
    return openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def token_ids(model, source_ids):
    (found,) = [x for x in compiled(model)([source_ids]).values() if x.dtype == np.int32]
    return found


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_it_gives_keras_translations(once, tmp_path, beam_size):
    translator = load(saved(once, "translator"))
    artifact = export(
        translator.model,
        tmp_path / "artifact",
        translator.tokenizer,
        examples=TEXTS,
        formats=("tf_saved_model", "tflite"),
        search=dict(beam_size=beam_size),
        single_loop=True,
    )
    source_ids = pad(translator.encode(TEXTS))
    expected = translator.model.generate(source_ids, beam_size=beam_size)["token_ids"]
    loaded = tf.saved_model.load(str(artifact / "saved_model" / "1"))
    models = {
        "tf_saved_model": openvino.convert_model(loaded.signatures["ids"]),
        "tflite": openvino.Core().read_model(artifact / "model.tflite"),
    }
    for name, model in models.items():
        found = token_ids(model, source_ids)
        np.testing.assert_array_equal(found, np.asarray(expected), err_msg=name)


@pytest.mark.parametrize(
    "format_name",
    [
        pytest.param("tf_saved_model", marks=pytest.mark.slow),
        pytest.param("tflite", marks=pytest.mark.slow),
        "onnx",
    ],
)
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_it_gives_keras_probabilities(request, kind, format_name):
    classifier = load(request.getfixturevalue(f"{kind}_run_directory"))
    artifact = request.getfixturevalue(f"{kind}_artifact_directory")
    if format_name == "tf_saved_model":
        loaded = tf.saved_model.load(str(artifact / "saved_model" / "1"))
        model = openvino.convert_model(loaded.signatures["ids"])
    else:
        model = openvino.Core().read_model(artifact / f"model.{format_name}")
    model = compiled(model)
    # TFLite's are called "ids_token_ids:0".
    names = ["token_ids", *(["segment_ids"] if classifier.takes_pairs else [])]
    inputs = [next(n for n in names if n in port.get_any_name()) for port in model.inputs]
    assert sorted(inputs) == sorted(names)
    for texts in (CLASSIFIERS[kind][:7], CLASSIFIERS[kind][7:10]):  # two shapes
        columns = columns_of(texts)
        encoded = classifier.encode(*columns)
        arrays = [pad(getattr(encoded, name)) for name in inputs]
        (found,) = model(arrays).values()
        np.testing.assert_allclose(found, classifier.probabilities(*columns), atol=1e-4)
