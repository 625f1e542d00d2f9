"""An attention of one's own in a TransformerEncoder: a learned bias for each distance.

python examples/custom_attention.py [--epochs 4]

The task is to name the token to the left. The model has no position embeddings, so plain attention
cannot tell left from right and guesses; with a bias for each distance (T5's relative attention,
Raffel et al. 2020, section 2.1) it learns the task.
"""

import argparse

from keras_attention.layers import MultiHeadAttention, TransformerEncoder
from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy

import keras
import numpy as np
from keras import ops

VOCABULARY_SIZE = 20


@keras.saving.register_keras_serializable(package="examples")
class RelativeAttention(MultiHeadAttention):
    """Adds a learned bias for each head and each distance to the logits."""

    max_distance = 8

    def build(self, query_shape, value_shape=None, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        shape = (self.num_heads, 2 * self.max_distance + 1)
        self.distance_bias = self.add_weight(name="distance_bias", shape=shape, initializer="zeros")

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(key_positions, -2) - ops.expand_dims(query_positions, -1)
        distance = ops.clip(distance, -self.max_distance, self.max_distance) + self.max_distance
        by_distance = ops.transpose(ops.cast(self.distance_bias, query.dtype))
        bias = ops.take(by_distance, distance, axis=0)  # (T, S, H), or (B, T, S, H)
        bias = ops.moveaxis(bias, -1, -3)
        return super().score(query, key, query_positions, key_positions) + bias


@keras.saving.register_keras_serializable(package="examples")
class RelativeEncoder(TransformerEncoder):
    """A TransformerEncoder whose hook makes the attention above; the rest is inherited."""

    def make_attention(self, hidden_dim, name):
        plain = super().make_attention(hidden_dim, name)
        return RelativeAttention.from_config(plain.get_config())


def make_model(encoder_class):
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.Embedding(VOCABULARY_SIZE, 64)(token_ids)
    for _ in range(2):
        x = encoder_class(intermediate_dim=128, num_heads=4)(x, padding_mask=token_ids != 0)
    logits = keras.layers.Dense(VOCABULARY_SIZE)(x)
    model = keras.Model(token_ids, logits)
    loss = LabelSmoothedCrossEntropy(0.0)
    model.compile(keras.optimizers.Adam(2e-3), loss=loss, metrics=[TokenAccuracy()])
    return model


def main(epochs=4):
    """Trains both; returns the validation accuracy of each."""
    keras.utils.set_random_seed(0)
    tokens = np.random.default_rng(0).integers(1, VOCABULARY_SIZE, (4000, 12)).astype("int32")
    left = np.roll(tokens, 1, axis=1)
    left[:, 0] = 0  # nothing stands to the left of the first: no loss there
    accuracy = {}
    for encoder_class in (TransformerEncoder, RelativeEncoder):
        model = make_model(encoder_class)
        history = model.fit(
            tokens, left, batch_size=64, epochs=epochs, validation_split=0.1, verbose=0
        )
        accuracy[encoder_class.__name__] = history.history["val_accuracy"][-1]
        print(f"{encoder_class.__name__:<20} accuracy {accuracy[encoder_class.__name__]:.1%}")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    main(**vars(parser.parse_args()))
