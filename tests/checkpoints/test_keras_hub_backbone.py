"""Random weights go from KerasHub's BertBackbone to ours and back; both compute the same."""

import keras
import numpy as np
import pytest

from keras_attention.checkpoints import from_keras_hub, to_keras_hub
from keras_attention.models import BertEncoder
from tests.backend import to_numpy

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")

SIZES = dict(
    vocabulary_size=23,
    num_layers=3,
    num_heads=2,
    hidden_dim=12,
    intermediate_dim=20,
    max_sequence_length=11,
    num_segments=3,
)
RNG = np.random.default_rng(5)
MASK = (np.arange(7) < np.array([[7], [3], [5], [1]])).astype("int32")
INPUTS = {
    "token_ids": RNG.integers(0, 23, (4, 7)).astype("int32"),
    "segment_ids": RNG.integers(0, 3, (4, 7)).astype("int32"),
    "padding_mask": MASK,
}


def randomise(model):
    model.set_weights([RNG.normal(scale=0.4, size=w.shape) for w in model.get_weights()])
    return model


def assert_equal_outputs(ours, theirs):
    found, expected = to_numpy(ours(INPUTS)), to_numpy(theirs(INPUTS))
    rows = MASK.astype(bool)
    np.testing.assert_allclose(
        found["sequence_output"][rows], expected["sequence_output"][rows], atol=1e-5
    )
    np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-5)


def test_from_keras_hub():
    theirs = randomise(keras_hub.models.BertBackbone(**SIZES, dropout=0.2))
    ours = from_keras_hub(theirs)
    assert type(ours) is BertEncoder
    assert (ours.dropout, ours.num_segments, ours.max_sequence_length) == (0.2, 3, 11)
    assert ours.count_params() == theirs.count_params()
    assert_equal_outputs(ours, theirs)


def test_to_keras_hub():
    keras.utils.set_random_seed(2)
    ours = randomise(BertEncoder(**SIZES, dropout=0.2, activation="gelu_new"))
    theirs = to_keras_hub(ours)
    assert type(theirs) is keras_hub.models.BertBackbone
    assert theirs.dropout == 0.2
    assert_equal_outputs(ours, theirs)
    again = from_keras_hub(theirs)
    for a, b in zip(again.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_half_precision_stays():
    policy = keras.DTypePolicy("mixed_bfloat16")
    theirs = keras_hub.models.BertBackbone(**SIZES, dtype=policy)
    assert from_keras_hub(theirs).embedding.dtype_policy.name == "mixed_bfloat16"


@pytest.mark.parametrize(
    "options",
    [
        dict(activation="gelu"),
        dict(layer_norm_epsilon=1e-5),
        dict(has_pooler=False),
        dict(attention_dropout=0.3),
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_keras_hub_cannot_compute_is_refused(options):
    encoder = BertEncoder(**{**SIZES, "activation": "gelu_new", **options})
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match="one that BertBackbone can be") as caught:
        to_keras_hub(encoder)
    assert str(caught.value).endswith(f"Received: {name}={value!r}")


def test_another_model_is_refused():
    with pytest.raises(ValueError, match="`backbone` must be a keras_hub.models.BertBackbone"):
        from_keras_hub(keras.Sequential())
