"""Searches whose shapes are known at run time only, in rounds: the results of one loop."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import SearchOptions, search
from keras_attention.decoding.sample import sample
from keras_attention.decoding.search_loop import ROOM
from keras_attention.models import RNNTranslator, TransformerTranslator
from tests.backend import BACKEND, to_numpy
from tests.decoding.table import Table

if BACKEND != "tensorflow":
    pytest.skip("unknown sizes are TensorFlow's", allow_module_level=True)

import tensorflow as tf

LONGEST = 2 * ROOM + 5  # so that room is made twice
SOURCE = np.array(
    [
        [1, 4, 5, 3],
        [2, 3, 0, 0],
        [3, 5, 3, 0],
        [1, 3, 0, 0],
        [2, 4, 3, 0],
        [3, 4, 5, 3],
        [2, 5, 3, 0],
    ],
    "int32",
)
OPTIONS = [
    dict(),
    dict(min_length=ROOM + 1),
    dict(beam_size=3, min_length=ROOM + 1),
    dict(beam_size=3, n_best=2, length_penalty=0.8, coverage_penalty=0.3),
    dict(beam_size=2, max_length=ROOM),
]
# Of each model the options whose graphs are not in the others' too.
FAST = {
    "table": (2, 3),
    "transformer": (0,),
    "rnn": (3,),
}


def dynamic(function):
    """`function` of ids, compiled without knowing their shape."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, None), tf.int32)])


def table(kind=Table):
    """Its sequences end at different times, the longest at the limit."""
    model = kind(seed=11, longest=4, sharpness=1.0)
    model.logits[..., 3] -= 1.5  # END
    model.max_sequence_length = LONGEST
    return model


def transformer():
    keras.utils.set_random_seed(5)
    return TransformerTranslator(
        30,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=LONGEST,
    )


def rnn():
    keras.utils.set_random_seed(5)
    return RNNTranslator.from_preset(
        "small", vocabulary_size=30, units=12, embedding_dim=8, max_sequence_length=LONGEST
    )


@pytest.mark.parametrize(
    ("build", "options"),
    [
        pytest.param(
            build,
            options,
            marks=() if index in FAST[build.__name__] else pytest.mark.slow,
            id=f"{build.__name__}-{options}",
        )
        for build in (table, transformer, rnn)
        for index, options in enumerate(OPTIONS)
    ],
)
def test_rounds_change_nothing(build, options):
    model, options = build(), SearchOptions(**options)

    def run(ids, single_loop=False):
        return search(model, ids, options, return_alignment=True, single_loop=single_loop)

    expected = to_numpy(run(SOURCE))
    lengths = (expected["token_ids"] != 0).sum(-1)
    assert lengths.max() >= min(ROOM, options.max_length or LONGEST)
    for found in (dynamic(run)(SOURCE), dynamic(lambda ids: run(ids, True))(SOURCE)):
        found = to_numpy(found)
        np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
        np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)
        np.testing.assert_allclose(found["alignment"], expected["alignment"], atol=1e-5)


def test_samples_are_those_of_their_seeds():
    model = table()

    def run(ids):
        return sample(model, ids, seed=np.arange(len(SOURCE)), top_p=0.9)

    expected, found = to_numpy(run(SOURCE)), to_numpy(dynamic(run)(SOURCE))
    lengths = (expected["token_ids"] != 0).sum(1)
    assert len(set(lengths.tolist())) > 2
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_sentences_that_have_ended_leave(beam_size):
    seen = []

    class Counting(Table):
        def step(self, token, position, state, constants):
            rows = ops.shape(token)[0]
            with tf.control_dependencies([tf.numpy_function(seen.append, [rows], [])]):
                token = tf.identity(token)
            return super().step(token, position, state, constants)

    model = table(Counting)
    options = SearchOptions(beam_size=beam_size)
    found = to_numpy(dynamic(lambda ids: search(model, ids, options))(SOURCE))
    assert len(found["token_ids"]) == len(SOURCE)
    assert seen[0] == len(SOURCE) * beam_size
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] <= len(SOURCE) // 2 * beam_size
    assert len(seen) <= LONGEST


def test_no_sentence():
    model = transformer()
    found = to_numpy(dynamic(lambda ids: search(model, ids))(np.zeros((0, 4), "int32")))
    assert found["token_ids"].shape[0] == 0
