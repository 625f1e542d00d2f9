"""What the three formats make of ids out of range, of rows of padding, of no rows at all, and of
inputs of different sizes."""

import functools

import keras
import numpy as np
import pytest

from keras_attention import models
from tests.backend import BACKEND

if BACKEND != "tensorflow":
    pytest.skip("artifacts are written by TensorFlow", allow_module_level=True)

from keras_attention.artifacts import onnx, saved_model, tflite
from keras_attention.search_options import SamplingOptions
from keras_attention.tasks.classification.graph_functions import ids_function as classifier_ids
from keras_attention.tasks.ids_model import ids_graph
from keras_attention.tasks.translation.graph_functions import ids_function as translator_ids
from tests.artifacts.converted import graph_of

V, LENGTH = 24, 9
SIZES = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
IDS = np.array([[5, 7, 9, 3], [8, 3, 0, 0]], "int32")
SEGMENTS = {"token_ids": IDS, "segment_ids": np.array([[0, 0, 1, 1], [0, 1, 0, 0]], "int32")}
FORMATS = ("saved_model", "tflite", "onnx")


def classifier():
    encoder = models.BertEncoder(V, max_sequence_length=LENGTH, **SIZES)
    model = models.Classifier(encoder, 3)
    return model, classifier_ids(model, padding_id=0), "token_ids"


def rnn():
    model = models.RNNTranslator.from_preset(
        "small", vocabulary_size=V, units=6, embedding_dim=8, max_sequence_length=LENGTH
    )
    return model, translator_ids(model), "source_ids"


def pair_classifier():
    encoder = models.BertEncoder(V, max_sequence_length=LENGTH, **SIZES)
    model = models.Classifier(encoder, 3)
    return model, classifier_ids(model, padding_id=0, takes_pairs=True), SEGMENTS


def encoder():
    model = models.BertEncoder(V, max_sequence_length=LENGTH, **SIZES)
    return model, ids_graph(model, 0, ["sequence_output"]), SEGMENTS


def sampling():
    model = models.TransformerTranslator(V, max_sequence_length=LENGTH, **SIZES)
    seeds = {"source_ids": IDS, "seed": np.array([4, 5], "int32")}
    return model, translator_ids(model, SamplingOptions(max_length=5)), seeds


def write(folder, model, ids):
    """The three formats of a model."""
    graph = graph_of(ids)
    saved_model.write(folder / "saved_model", model, graph)
    tflite.write(folder / "tflite", model, graph, saved_model=folder / "saved_model")
    onnx.write(folder / "onnx", model, graph)


def signature(folder, name):
    module = {"saved_model": saved_model, "tflite": tflite, "onnx": onnx}[name]
    return module.signature(folder / name, "ids")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """`written(make)`: the three formats of a model with random weights, and good inputs."""

    @functools.cache
    def give(make):
        keras.utils.set_random_seed(1)
        model, ids, inputs = make()
        folder = tmp_path_factory.mktemp("files")
        write(folder, model, ids)
        return folder, inputs

    return give


# All but one model are slow: each is written in three formats.
@pytest.fixture(
    params=[
        pair_classifier,
        pytest.param(classifier, marks=pytest.mark.slow),
        pytest.param(rnn, marks=pytest.mark.slow),
    ]
)
def files(request, written):
    """The three formats of a model, and what calls one with ids alone."""
    folder, inputs = written(request.param)

    def arguments(ids):
        if isinstance(inputs, str):
            return {inputs: ids}
        return {"token_ids": ids, "segment_ids": np.zeros_like(ids)}

    return folder, arguments


@pytest.fixture(params=FORMATS)
def run(request, files):
    folder, arguments = files
    call = signature(folder, request.param)
    return lambda ids: call(**arguments(ids))


@pytest.fixture(
    params=[
        pair_classifier,
        pytest.param(encoder, marks=pytest.mark.slow),
        pytest.param(sampling, marks=pytest.mark.slow),
    ]
)
def files_of_two(request, written):
    """The three formats of a model of two inputs, and good ones."""
    return written(request.param)


def test_an_id_out_of_range_is_an_error(run):
    for wrong in (-1, -V, V, 10**6):
        ids = IDS.copy()
        ids[0, 1] = wrong
        with pytest.raises(Exception, match="(?i)out of bounds|is not in|out of data"):
            run(ids)


def test_rows_of_padding_change_no_other_row(run):
    expected = run(IDS)
    found = run(np.concatenate([IDS, np.zeros((1, 4), "int32")]))
    for name, array in expected.items():
        np.testing.assert_allclose(found[name][:2], array, atol=1e-4)
        assert np.isfinite(found[name]).all()


def test_no_rows_are_no_rows_or_an_error(run):
    """Never a crash, and never an answer for a row that is not there."""
    try:
        found = run(IDS[:0])
    except (RuntimeError, ValueError) as error:
        assert "tensor size" in str(error) or "to prepare" in str(error)
    except Exception as error:  # of ONNX Runtime, which has no public class
        assert "ONNXRuntimeError" in str(error)
    else:
        assert all(len(array) == 0 for array in found.values())


@pytest.mark.parametrize("name", FORMATS)
def test_no_input_is_broadcast(files_of_two, name):
    """One row or column of an input would serve all others of the other one."""
    folder, inputs = files_of_two
    call = signature(folder, name)
    rows = [call(**{n: array[i : i + 1] for n, array in inputs.items()}) for i in range(2)]
    for key, array in call(**inputs).items():
        one, other = (row[key] for row in rows)
        np.testing.assert_allclose(array, np.concatenate([one, other]), atol=1e-4)
    said = "(?i)reshape|ConcatOp|concat node|failed to|are not the same|must fit each other"
    for key, array in inputs.items():
        wrong = [array[:1], np.concatenate([array, array])]
        if array.ndim == 2 and "seed" not in inputs:
            wrong += [array[:, :1], array.T, np.concatenate([array, array], axis=1)]
        for given in wrong:
            with pytest.raises(Exception, match=said):
                call(**{**inputs, key: given})
