"""What TFLite cannot hold is refused in one sentence."""

import keras
import pytest

from keras_attention._validation import InputError
from keras_attention.tasks.export import export
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
