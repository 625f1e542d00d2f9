"""What TFLite cannot hold, and the threads of its interpreters."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter

from keras_attention._validation import InputError
from keras_attention.artifacts import tflite
from keras_attention.tasks.export import export
from keras_attention.tasks.graph import Graph
from tests.runs.small_runs import LABELS, TEXTS, word_piece


def recurrent_classifier():
    """A stock model whose loop over a text of any length TFLite has no operators for."""
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    embedding = keras.layers.Embedding(word_piece().vocabulary_size, 4)
    x = keras.layers.GRU(4)(embedding(inputs["token_ids"]))
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x))


def test_a_model_that_cannot_be_converted(tmp_path):
    with pytest.raises(InputError) as error:
        export(
            recurrent_classifier(),
            tmp_path / "artifact",
            word_piece(),
            labels=LABELS,
            formats=("tflite",),
            kind="classifier",
            config=dict(max_sequence_length=24),
            examples=TEXTS,
        )
    said = str(error.value)
    assert said.startswith("The model cannot be converted to tflite: 'tf.TensorListReserve' op ")
    assert "\n" not in said and "loc(" not in said and len(said) < 250
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def doubling(tmp_path_factory):
    """A file that doubles numbers (B,)."""

    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
        def ids(self, x):
            return {"y": x * 2}

    folder = tmp_path_factory.mktemp("doubling")
    module = Doubling()
    graph = Graph(module.ids, None, {}, {}, {})
    tf.saved_model.save(module, str(folder / "model"), signatures={"ids": module.ids})
    tflite.write(folder / "model.tflite", None, graph, saved_model=folder / "model")
    return folder / "model.tflite"


@pytest.fixture
def made(monkeypatch):
    """The numbers of threads of the interpreters made, on a machine with four processors."""
    threads, real = [], interpreter.Interpreter

    def make(**options):
        threads.append(options["num_threads"])
        return real(**options)

    monkeypatch.setattr(interpreter, "Interpreter", make)
    monkeypatch.setattr(tflite, "processors", lambda: 4)
    return threads


def test_one_row_has_one_thread_where_the_file_is_small(doubling, made, monkeypatch):
    run = tflite.signature(doubling)
    for rows in (1, 1, 3, 1, 3):
        np.testing.assert_array_equal(run(x=np.ones(rows, "float32"))["y"], np.full(rows, 2.0))
    assert made == [1, 4]
    made.clear()
    run = tflite.signature(doubling, num_threads=2)
    for rows in (1, 3):
        run(x=np.ones(rows, "float32"))
    assert made == [2]
    made.clear()
    monkeypatch.setattr(tflite, "SMALL_FILE", 0)
    tflite.signature(doubling)(x=np.ones(1, "float32"))
    assert made == [4]


@pytest.mark.parametrize("rows, expected", [(1, [1, 1, 1, 1]), (2, [1, 4])])
def test_calls_at_once_have_interpreters_of_their_own(doubling, made, monkeypatch, rows, expected):
    """No more than processors have threads for, whatever fails."""
    run = tflite.signature(doubling)
    answers = {}

    def ask(index):
        answers[index] = run(x=np.full(rows, index, "float32"))["y"]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(24):
        np.testing.assert_array_equal(answers[index], np.full(rows, 2.0 * index))
    assert made == expected[: len(made)] and len(made) <= len(expected)


def test_a_call_that_fails_leaves_its_interpreter(doubling, made):
    run = tflite.signature(doubling)
    for _ in range(6):
        with pytest.raises(ValueError, match="Invalid Input name"):
            run(z=np.ones(1, "float32"))
    np.testing.assert_array_equal(run(x=np.ones(1, "float32"))["y"], [2.0])
    assert made == [1]


def test_a_pool_makes_as_many_as_are_at_work():
    at_work = threading.Barrier(3)
    made = []

    def make():
        made.append(None)
        return lambda wait: at_work.wait(timeout=60) if wait else None

    pool = tflite._Pool(make, 3)
    pool.make()
    for _ in range(5):
        pool.run({"wait": False})
    assert len(made) == 1
    threads = [threading.Thread(target=pool.run, args=({"wait": True},)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(made) == 3 and not at_work.broken
    with pytest.raises(TypeError):
        pool.run({"unknown": 1})
    pool.run({"wait": False})
    assert len(made) == 3
