"""Small language models, and what they compute without a cache."""

import keras
import numpy as np
from keras import ops

from keras_attention.layers import GPTDecoder, MultiHeadAttention, TokenAndPositionEmbedding
from keras_attention.models import GPT, Llama
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy

V, CONTEXT, END = 13, 20, 9
SPECIAL = SpecialIds(padding=None, unknown=None, start=None, end=END)
SIZES = dict(
    vocabulary_size=V, num_layers=3, hidden_dim=12, intermediate_dim=20, special_ids=SPECIAL
)


@keras.saving.register_keras_serializable(package="tests")
class AlibiAttention(MultiHeadAttention):
    """The further away a key is, the lower its score (Press et al. 2022)."""

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        slopes = 2.0 ** (-8 / self.num_heads * np.arange(1, self.num_heads + 1, dtype="float32"))
        bias = ops.expand_dims(ops.cast(distance, query.dtype), -1) * slopes
        plain = super().score(query, key, query_positions, key_positions)
        return plain - ops.moveaxis(bias, -1, -3)


@keras.saving.register_keras_serializable(package="tests")
class AlibiDecoder(GPTDecoder):
    def make_attention(self, hidden_dim, name):
        return AlibiAttention.from_config(super().make_attention(hidden_dim, name).get_config())


@keras.saving.register_keras_serializable(package="tests")
class AlibiGPT(GPT):
    def make_block(self, **options):
        return AlibiDecoder(**options)

    def make_embedding(self, *arguments, **options):
        return TokenAndPositionEmbedding(*arguments, positions=None, **options)


# name -> (class, arguments)
MODELS = {
    "GPT": (GPT, dict(num_heads=2)),
    "GPT, alternating": (
        GPT,
        dict(num_heads=2, attention_types=("global", "local"), sliding_window=3),
    ),
    "GPT-Neo, local first": (
        GPT,
        dict(
            num_heads=3,
            attention_types=("local", "global"),
            sliding_window=2,
            attention_scale=1.0,
            attention_bias=False,
            tie_weights=False,
        ),
    ),
    "Llama": (
        Llama,
        dict(num_heads=6, num_key_value_heads=2, key_dim=4, rope_base=100.0, tie_weights=True),
    ),
    "Llama, window": (
        Llama,
        dict(num_heads=4, num_key_value_heads=1, key_dim=4, sliding_window=3, attention_bias=True),
    ),
    # A user's own
    "ALiBi": (
        AlibiGPT,
        dict(num_heads=2, attention_types=("global", "local"), sliding_window=4, use_bias=False),
    ),
}


def make(name="GPT", seed=3, **options):
    """A model with weights so large that its logits lie far apart."""
    keras.utils.set_random_seed(seed)
    cls, arguments = MODELS[name]
    model = cls(**{**SIZES, "max_sequence_length": CONTEXT, **arguments, **options})
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            w + rng.normal(size=w.shape, scale=0.4 if w.ndim > 1 else 0.2).astype("float32")
            for w in model.get_weights()
        ]
    )
    return model


def prompts(rows, width=None, fill=0, **others):
    """`rows`, lists of ids, as what a model generates from."""
    width = max(map(len, rows)) if width is None else width
    token_ids = np.full((len(rows), width), fill, "int32")
    for filled, row in zip(token_ids, rows, strict=True):
        filled[: len(row)] = row
    return {"token_ids": token_ids, "lengths": np.array([len(r) for r in rows], "int32"), **others}


def logits(model, ids):
    """The logits (T, V) of one row, in one pass."""
    return to_numpy(model({"token_ids": np.array([ids], "int32")}))[0]


def greedy(model, prompt, count):
    """The most probable continuation of one prompt, each token by a pass over all before it."""
    ids = list(prompt)
    while len(ids) - len(prompt) < count and len(ids) <= model.max_sequence_length:
        ids.append(int(np.argmax(logits(model, ids)[-1])))
        if ids[-1] in model.special_ids.ends:
            break
    return ids[len(prompt) :]
