"""Coverage (Tu et al. 2016) as a subclass of AdditiveAttention: trained, then exported.

python examples/coverage_attention.py [--output DIR --epochs 6 --pairs 20000]

Each source word's attention so far enters its score, e_ij = v^T tanh(W s_i + U h_j + w_c C_ij) with
C_ij the sum of alpha_kj over the steps k before, so that the decoder can see what it has already
translated (See et al. 2017, equation 11).
"""

import argparse
from pathlib import Path

from keras_attention.layers import AdditiveAttention, RecurrentDecoder, RecurrentEncoder
from keras_attention.models import RNNTranslator
from keras_attention.tasks.export import export
from keras_attention.text import (
    TranslationBatches,
    TranslationTokenizer,
    phrase_corpus,
    train_sentencepiece,
)
from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="examples")
class CoverageAttention(AdditiveAttention):
    """Additive attention that remembers, step by step, what it has attended to."""

    def build(self, query_shape, value_shape, key_shape=None):
        self.coverage_vector = self.add_weight(name="coverage_vector", shape=(self.units,))
        super().build(query_shape, value_shape, key_shape)

    def initial_state(self, value):
        return ops.zeros(ops.shape(value)[:2], dtype=value.dtype)  # (B, S)

    def attend(self, query, value, projected_keys, value_mask, state, training=None, **options):
        term = ops.expand_dims(state, 2) * ops.cast(self.coverage_vector, state.dtype)
        context, alignment, _ = super().attend(
            query, value, projected_keys + term, value_mask, {}, training, **options
        )
        return context, alignment, state + alignment


def make_model(vocabulary_size, units=64):
    return RNNTranslator(
        vocabulary_size,
        encoder=RecurrentEncoder(units),
        decoder=RecurrentDecoder(
            keras.layers.GRUCell(units),
            CoverageAttention(units),
            readout=keras.layers.Dense(units, "tanh"),
            bridge=keras.layers.Dense(units, "tanh"),
        ),
        embedding_dim=units,
    )


def main(output="coverage", epochs=6, pairs=20_000):
    """Trains and exports; returns the history of training and the model."""
    keras.utils.set_random_seed(0)
    sources, targets = phrase_corpus(pairs)
    tokenizer = TranslationTokenizer(train_sentencepiece([*sources, *targets], 300))
    batches = TranslationBatches(
        [tokenizer.source.encode(text) for text in sources],
        [tokenizer.target.encode(text) for text in targets],
        batch_tokens=1024,
    )
    model = make_model(tokenizer.target.vocabulary_size)
    model.compile(
        keras.optimizers.Adam(3e-3, global_clipnorm=1.0),
        LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy()],
    )
    history = model.fit(
        batches.dataset(), steps_per_epoch=len(batches), epochs=epochs, shuffle=False, verbose=2
    )
    texts = phrase_corpus(32, split="test")[0]
    export(model, Path(output), tokenizer, examples=texts, force=True, say=print)
    return history.history, model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="coverage")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=20_000)
    main(**vars(parser.parse_args()))
