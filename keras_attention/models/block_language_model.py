"""The base class of language models that are a stack of decoder blocks."""

from keras import ops

from keras_attention._validation import require
from keras_attention.layers.attention_cache import (
    extend_cache,
    ring_of,
    ring_slots,
    row_slots,
)
from keras_attention.layers.output_projection import output_projection
from keras_attention.layers.require_shapes import sizes_fit
from keras_attention.models.encoder import require_kept, require_taken
from keras_attention.models.language_model import LanguageModel


class BlockLanguageModel(LanguageModel):
    """An embedding, `TransformerDecoder` blocks without an encoder, and a norm.

    The base of `GPT` and `Llama`, not used by itself. A family's `__init__` makes the attributes
    below, then its graph by `new_inputs` and `logits`. It then generates: `start` reads prompts in
    one pass, and each step one token of every row.

    Slot p of a row's cache holds its position p. A block whose attention has a `sliding_window` w
    shorter than the context keeps a ring of w slots.

    Attributes:
        presets: class attribute, a dict from a name to constructor arguments.
        embedding: a `TokenAndPositionEmbedding`; reversed it is the output projection.
        embedding_dropout: a layer after it, or None.
        blocks: list of `TransformerDecoder`.
        normalization: the norm after the last block, or None.
    """

    presets = {}
    embedding_dropout = None
    normalization = None

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the sizes that `presets` names.

        Args:
            preset: name of the size.
            **overrides: arguments of this class, such as `vocabulary_size`.

        Raises:
            ValueError: if there is no such preset, or the class does not take an argument.
        """
        require(preset in cls.presets, "preset", f"one of {tuple(cls.presets)}", preset=preset)
        require_taken(cls, overrides)
        made = cls(**{**cls.presets[preset], **overrides})
        require_kept(made, overrides)
        return made

    def with_dropout(self, rate):
        """The same model and weights with another dropout rate, of attention weights too."""
        config = self.get_config()
        others = ("attention_dropout", "embedding_dropout")
        changed = {"dropout": rate, **{name: None for name in others if name in config}}
        made = type(self).from_config({**config, **changed})
        made.set_weights(self.get_weights())
        return made

    def logits(self, inputs):
        """The graph: logits (B, T, V) of the `new_inputs`."""
        segment_ids = inputs["segment_ids"]
        x = self.embedding(inputs["token_ids"], segment_ids=segment_ids)
        if self.embedding_dropout is not None:
            x = self.embedding_dropout(x)
        for block in self.blocks:
            x = block(x, segment_ids=segment_ids)
        return self.project(self._normalized(x))

    def project(self, features):
        """Logits (..., V) of what comes before the output projection (..., D)."""
        return self.embedding(features, reverse=True)

    def _normalized(self, x):
        return x if self.normalization is None else self.normalization(x)

    def attention_scores(self, inputs):
        token_ids = ops.convert_to_tensor(inputs["token_ids"])
        segment_ids = inputs.get("segment_ids")
        scores = []
        x = self.embedding(token_ids, segment_ids=segment_ids)
        for block in self.blocks:
            x, weights = block(x, segment_ids=segment_ids, return_attention_scores=True)
            scores.append(weights)
        return scores

    def attention_windows(self):
        return [self._window(block) for block in self.blocks]

    # Reading with a cache whose size does not change, for programs that keep it between calls

    def empty_cache(self, batch_size, length):
        """Caches of `length` slots, one a block: see `attention_cache`."""
        return [block.empty_cache(batch_size, length) for block in self.blocks]

    def read(self, token_ids, cache, slots):
        """Reads tokens that follow those in a cache.

        Args:
            token_ids: (B, T), or (B,) for one token of each row.
            cache: from `empty_cache`, or the reading before. Slots that are banded are masked.
            slots: the `CacheSlots` of all blocks, from `attention_cache.cache_slots` for example.

        Returns:
            What `project` makes the logits of, (B, T, D) or (B, D); and the caches that hold the
            new tokens too.
        """
        return self._read(token_ids, slots.query_positions, cache, [slots] * len(self.blocks))

    def _read(self, token_ids, positions, caches, slots):
        """As `read`, where each block has slots of its own."""
        positions = ops.minimum(positions, self.max_sequence_length - 1)
        if len(token_ids.shape) == 1:  # one for each row, (B, 1), or the same for all, (1,)
            positions = ops.reshape(positions, (-1,))
            positions = ops.broadcast_to(positions, ops.shape(token_ids))
        x = self.embedding(token_ids, positions=positions)
        found = []
        for block, cache, own in zip(self.blocks, caches, slots, strict=True):
            x, _, cache = block.step(x, cache, own)
            found.append(cache)
        return self._normalized(x), found

    # Generation: see `StepContract`.

    def _window(self, block):
        """How many tokens a block sees, the slots of its ring; None if it may see all."""
        window = getattr(block.self_attention, "sliding_window", None)
        return window if window is not None and window < self.max_sequence_length else None

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        """The caches of the prompts, with room for `room` tokens: see `StepContract`.

        Of a prompt's last token, and of what fills the row, the cache holds what a step replaces
        before it is seen.
        """
        batch_size, width = self.inputs_shape(inputs)
        lengths = ops.cast(inputs["lengths"], "int32")
        caches = []
        with sizes_fit():
            # What fills a row may stand beyond the context.
            positions = ops.minimum(ops.arange(width, dtype="int32"), self.max_sequence_length - 1)
            x = self.embedding(ops.cast(inputs["token_ids"], "int32"), positions=positions)
            for block in self.blocks:
                x, cache = block.read(x)
                window = self._window(block)
                if window is None:
                    cache = extend_cache(cache, room)
                else:
                    cache = ring_of(cache, lengths, window)
                caches.append(cache)
        state, constants = {"cache": caches}, {"lengths": lengths}
        if beam_size > 1:
            rows = ops.repeat(ops.arange(batch_size, dtype="int32"), beam_size)
            state = self.select_rows(state, rows)
            constants = self.select_rows(constants, rows, rows)
        return state, constants

    def extend(self, state, count):
        """Caches for `count` more steps: see `StepContract`. Rings stay as they are."""
        caches = zip(self.blocks, state["cache"], strict=True)
        longer = [
            extend_cache(cache, count) if self._window(block) is None else cache
            for block, cache in caches
        ]
        return {**state, "cache": longer}

    def step(self, token, position, state, constants):
        """Logits (R, V) for the tokens after `token` (R,)."""
        features, state = self.step_features(token, position, state, constants)
        return self.project(features), state

    def step_projection(self):
        return output_projection(self.embedding, reverse=True)

    def step_features(self, token, position, state, constants):
        """What the logits of `step` are made of (R, D): see `StepContract`."""
        positions = constants["lengths"] - 1 + position
        slots, made = [], {}
        for block, cache in zip(self.blocks, state["cache"], strict=True):
            window = self._window(block)
            if window not in made:  # blocks of one kind share their slots
                is_ring = window is not None
                made[window] = (
                    ring_slots(window, positions) if is_ring else row_slots(cache, positions)
                )
            slots.append(made[window])
        x, caches = self._read(token, positions, state["cache"], slots)
        return x, {**state, "cache": caches}
