"""Grouped-query attention (Ainslie et al. 2023), with rotary positions."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer
from keras_attention.layers.multi_head_attention import MultiHeadAttention
from keras_attention.layers.rotary_embedding import RotaryEmbedding


@keras.saving.register_keras_serializable(package="keras_attention")
class GroupedQueryAttention(MultiHeadAttention):
    """`MultiHeadAttention` whose queries share heads of keys and values.

    H heads of queries attend to G heads of keys and values: H / G of them, one after the other, to
    the same. G = 1 is multi-query attention. The cache holds G heads.

    Args:
        num_heads: number of heads H of queries.
        key_dim: width K of a head's queries and keys.
        num_key_value_heads: number of heads G, a divisor of H; H by default.
        rotary_embedding: a `RotaryEmbedding` that turns queries and keys of self-attention by their
            positions, or None.
        **kwargs: the other arguments of `MultiHeadAttention`.

    Call arguments and results are those of `MultiHeadAttention`.

    Raises:
        ValueError: if a size or a rate is out of range, G does not divide H, or an input has
            another rank or size.

    Example:

    >>> layer = GroupedQueryAttention(
    ...     num_heads=4, key_dim=8, num_key_value_heads=2, rotary_embedding=RotaryEmbedding()
    ... )
    >>> layer(keras.random.normal((3, 5, 32)), use_causal_mask=True).shape
    (3, 5, 32)
    >>> layer.empty_cache(batch_size=3, length=5)["key"].shape
    (3, 2, 5, 8)

    Reference: Ainslie et al. 2023, "GQA: Training Generalized Multi-Query Transformer Models from
    Multi-Head Checkpoints", https://arxiv.org/abs/2305.13245
    """

    stock_layer = None

    def __init__(
        self, num_heads, key_dim, num_key_value_heads=None, rotary_embedding=None, **kwargs
    ):
        super().__init__(num_heads, key_dim, **kwargs)
        if isinstance(rotary_embedding, dict):  # of a config
            rotary_embedding = keras.saving.deserialize_keras_object(rotary_embedding)
        require(
            rotary_embedding is None or isinstance(rotary_embedding, RotaryEmbedding),
            "rotary_embedding",
            "a `RotaryEmbedding` or None",
            rotary_embedding=rotary_embedding,
        )
        require(
            rotary_embedding is None or key_dim % 2 == 0,
            "key_dim",
            "even with a `rotary_embedding`, which turns two halves",
            key_dim=key_dim,
        )
        if num_key_value_heads is not None:
            require_positive_integer("num_key_value_heads", num_key_value_heads)
            require(
                num_heads % num_key_value_heads == 0,
                "num_key_value_heads",
                "a divisor of `num_heads`",
                num_key_value_heads=num_key_value_heads,
                num_heads=num_heads,
            )
            self.num_key_value_heads = num_key_value_heads
        self.rotary_embedding = rotary_embedding

    def place(self, projected, positions):
        if self.rotary_embedding is None:
            return projected
        turned = self.rotary_embedding(projected, positions=positions)
        return ops.cast(turned, projected.dtype)  # the embedding has a policy of its own

    def get_config(self):
        return {
            **super().get_config(),
            "num_key_value_heads": self.num_key_value_heads,
            "rotary_embedding": keras.saving.serialize_keras_object(self.rotary_embedding),
        }
