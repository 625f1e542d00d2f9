"""A decoder-only model, as small as one can be that reads prompts of different lengths at once."""

import keras
import numpy as np
from keras import ops

from keras_attention._validation import require
from keras_attention.decoding import StepContract
from keras_attention.decoding.length_limits import context_limits
from keras_attention.layers import PositionEmbedding, TransformerDecoder
from keras_attention.layers.attention_cache import cache_slots, extend_cache
from keras_attention.masks import length_mask
from keras_attention.models import Model
from keras_attention.token_ids import SpecialIds

V = 11
CONTEXT = 24
# 0, 1 and 2 are words; nothing pads, and nothing starts.
SPECIAL = SpecialIds(padding=None, unknown=None, start=None, end=9)


@keras.saving.register_keras_serializable(package="tests")
class LanguageModel(StepContract, Model):
    """Token ids (B, T) -> logits (B, T, V), by `TransformerDecoder` blocks without an encoder.

    It generates from `{"token_ids": (B, P), "lengths": (B,)}`: prompts that are filled up to P by
    anything. Neither attention nor position sees what fills them.
    """

    def __init__(self, special_ids=SPECIAL, forbidden_ids=(), **kwargs):
        # Logits far enough apart that all runtimes choose the same tokens.
        spread = keras.initializers.RandomNormal(stddev=0.6)
        self.embedding = keras.layers.ReversibleEmbedding(
            V, 16, embeddings_initializer=spread, name="embedding"
        )
        self.position_embedding = PositionEmbedding(CONTEXT, name="positions")
        self.blocks = [
            TransformerDecoder(24, 2, normalize_first=True, name=f"block_{index}")
            for index in range(2)
        ]
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        x = self.embedding(token_ids)
        x = x + self.position_embedding(x)
        for block in self.blocks:
            x = block(x)
        super().__init__(token_ids, self.embedding(x, reverse=True), **kwargs)
        self.special_ids = special_ids
        self.forbidden_ids = tuple(forbidden_ids)
        self.vocabulary_size = V

    def get_config(self):
        return {}

    def inputs_shape(self, inputs):
        return ops.shape(inputs["token_ids"])

    def inputs_mask(self, inputs):
        return length_mask(inputs["lengths"], self.inputs_shape(inputs)[1])

    def prompt_tokens(self, inputs):
        return inputs["token_ids"], self.inputs_mask(inputs)

    def first_tokens(self, inputs):
        last = ops.expand_dims(inputs["lengths"] - 1, 1)
        return ops.squeeze(ops.take_along_axis(inputs["token_ids"], last, axis=1), 1)

    def length_limits(self, inputs, max_length=None):
        return context_limits(inputs["lengths"], max_length, CONTEXT)

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        require(not return_alignment, "return_alignment", "False: there is no source")
        batch_size, width = self.inputs_shape(inputs)
        caches = [block.empty_cache(batch_size, width + room) for block in self.blocks]
        slots = cache_slots(caches[0], 0, length=width)
        x = self.embedding(inputs["token_ids"])
        x = x + self.position_embedding(x)
        for index, block in enumerate(self.blocks):
            x, _, caches[index] = block.step(x, caches[index], slots)
        state, constants = {"cache": caches}, {"width": width, "length": inputs["lengths"]}
        if beam_size > 1:
            rows = ops.repeat(ops.arange(batch_size, dtype="int32"), beam_size)
            state = self.select_rows(state, rows)
            constants = self.select_rows(constants, rows, rows)
        return state, constants

    def step(self, token, position, state, constants):
        # The prompt's last token stands in a slot of its own, behind all prompts: what was read of
        # it with the prompt is hidden, as is what fills the prompt.
        last, width = ops.expand_dims(constants["length"] - 1, 1), constants["width"]  # (R, 1)
        cache = state["cache"][0]
        slot = ops.expand_dims(ops.arange(ops.shape(cache["key"])[2], dtype="int32"), 0)
        visible = ops.logical_or(slot < last, slot >= width)  # (R, slots)
        # A row that has ended is read on until all have, beyond the context too.
        positions = ops.minimum(last + position, CONTEXT - 1)
        slots = cache_slots(cache, width + position, positions=positions, padding_mask=visible)
        x = self.embedding(ops.expand_dims(token, 1))  # (R, 1, D)
        x = x + self.position_embedding(x, positions=positions)
        caches = []
        for block, cache in zip(self.blocks, state["cache"], strict=True):
            x, _, cache = block.step(x, cache, slots)
            caches.append(cache)
        return ops.squeeze(self.embedding(x, reverse=True), 1), {"cache": caches}

    def select_rows(self, structure, rows, inputs=None):
        if inputs is None:
            return super().select_rows(structure, rows)
        return {**structure, "length": ops.take(structure["length"], rows, axis=0)}

    def extend(self, state, count):
        return {"cache": [extend_cache(cache, count) for cache in state["cache"]]}


def language_model(**options):
    keras.utils.set_random_seed(3)
    return LanguageModel(**options)


def prompts(rows, width=None, fill=0):
    """`rows`, lists of ids, as the inputs of a `LanguageModel`."""
    lengths = [len(row) for row in rows]
    width = max(lengths) if width is None else width
    token_ids = np.full((len(rows), width), fill, "int32")
    for filled, row in zip(token_ids, rows, strict=True):
        filled[: len(row)] = row
    return {"token_ids": token_ids, "lengths": np.array(lengths, "int32")}
