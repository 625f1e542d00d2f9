"""A translator that chooses among the target tokens that may translate its sources."""

import keras
from keras import ops

from keras_attention._validation import require
from keras_attention.search_options import FORBIDDEN
from keras_attention.token_ids import SpecialIds


class Shortlisted:
    """The step contract of a model whose step has the logits of a few tokens, for one batch.

    The output projection is most of what a decoder computes. Here it has the rows of the tokens
    that a shortlist names for any source of the batch. A sentence may emit those of its own alone,
    so that it gets what it gets alone, whatever the other sentences are. Log-probabilities are
    those among these tokens.

    The tokens have new numbers, from 0 to C - 1: the end ids first, then the fill, the start and
    the others in the order of their ids. The attribute `token_ids` gives the id of each number.

    Args:
        model: a translator with `step_features` and a `step_projection`.
        shortlist: a `LexicalShortlist`.
        inputs: its source ids (B, S).
        least: integer, the tokens that there must be: those that are none carry a forbidden logit.

    Raises:
        ValueError: if the model has no `step_projection`, or a `step` of its own.

    >>> found = beam_search(shortlisted := Shortlisted(model, shortlist, ids), ids)["token_ids"]
    >>> token_ids = keras.ops.take(shortlisted.token_ids, found)

    Reference: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine
    Translation", https://arxiv.org/abs/1412.2007, section 3.3
    """

    def __init__(self, model, shortlist, inputs, least=8):
        projection = None if _has_own_step(model) else model.step_projection()
        require(
            projection is not None,
            "shortlist",
            "False for a model without a `step_projection`, or with a `step` of its own",
            model=type(model).__name__,
        )
        self.model = model
        own = model.special_ids
        first = list(dict.fromkeys([*own.ends, own.fill, own.start]))
        self.special_ids = SpecialIds(
            padding=first.index(own.fill),
            unknown=None,
            start=first.index(own.start),
            end=tuple(range(len(own.ends))),
        )
        self.forbidden_ids = ()  # the mask forbids them
        size = model.vocabulary_size
        named = _named(shortlist, inputs, model.inputs_mask(inputs), size)  # (B, V) boolean
        # (B, V): without those that have a place of their own, or none.
        of_others = ops.logical_and(named, _is_none_of([*first, *model.forbidden_ids], size))
        others = _indices(ops.any(of_others, axis=0), least)
        self.token_ids = ops.concatenate([ops.convert_to_tensor(first, "int32"), others], axis=0)
        self.vocabulary_size = self.token_ids.shape[0] or ops.shape(self.token_ids)[0]
        # An end may always come, unless it is forbidden; padding and start where they are named.
        ends = [0.0 if t in own.ends and t not in model.forbidden_ids else FORBIDDEN for t in first]
        free = [0.0 if t not in model.forbidden_ids else FORBIDDEN for t in first]
        by_name = ops.where(named, 0.0, FORBIDDEN)  # (B, V)
        of_first = ops.take(by_name, ops.convert_to_tensor(first, "int32"), axis=1)
        of_first = ops.maximum(ops.minimum(of_first, ops.convert_to_tensor(free)), ends)
        of_others = ops.where(ops.take(of_others, others, axis=1), 0.0, FORBIDDEN)
        self._mask = ops.concatenate([of_first, of_others], axis=1)
        kernel = ops.cast(projection.kernel, projection.dtype)
        if not projection.transposed:
            kernel = ops.transpose(kernel)
        self._kernel = ops.transpose(ops.take(kernel, self.token_ids, axis=0))  # (D, C)
        self._bias = None
        if projection.bias is not None:
            self._bias = ops.take(ops.cast(projection.bias, projection.dtype), self.token_ids)

    def inputs_shape(self, inputs):
        return self.model.inputs_shape(inputs)

    def inputs_mask(self, inputs):
        return self.model.inputs_mask(inputs)

    def first_tokens(self, inputs):
        return self.special_ids.start

    def prompt_tokens(self, inputs):
        return None  # a translator has none

    def length_limits(self, inputs, max_length=None):
        return self.model.length_limits(inputs, max_length)

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        state, constants = self.model.start(inputs, room, return_alignment, beam_size)
        return state, {"model": constants, "mask": self._mask}

    def step(self, token, position, state, constants):
        token = ops.take(self.token_ids, token)
        features, state = self.model.step_features(token, position, state, constants["model"])
        logits = ops.matmul(ops.cast(features, self._kernel.dtype), self._kernel)  # (R, C)
        if self._bias is not None:
            logits = logits + self._bias
        logits, mask = ops.cast(logits, "float32"), constants["mask"]
        rows, count = ops.shape(mask)
        hypotheses = 1 if isinstance(rows, int) and rows == 0 else -1  # of no rows none follows
        logits = ops.reshape(logits, (rows, hypotheses, count)) + ops.expand_dims(mask, 1)
        return ops.reshape(logits, (-1, count)), state

    def select_rows(self, structure, rows, inputs=None):
        if inputs is None:
            return self.model.select_rows(structure, rows)
        return {
            "model": self.model.select_rows(structure["model"], rows, inputs),
            "mask": ops.take(structure["mask"], inputs, axis=0),
        }

    def extend(self, state, count):
        return self.model.extend(state, count)


def _has_own_step(model):
    """Whether a subclass overrides `step` of a class whose `step_features` it leaves."""
    classes = type(model).__mro__
    return next(i for i, c in enumerate(classes) if "step" in vars(c)) < next(
        i for i, c in enumerate(classes) if "step_features" in vars(c)
    )


def _is_none_of(token_ids, size):
    """Boolean (V,), False at `token_ids`."""
    numbers = ops.arange(size, dtype="int32")
    return ops.all(ops.not_equal(numbers[:, None], ops.convert_to_tensor(token_ids, "int32")), 1)


def _named(shortlist, inputs, mask, size):
    """The tokens that the shortlist names for each source: boolean (B, V)."""
    inputs = ops.cast(inputs, "int32")
    batch_size, length = ops.shape(inputs)
    candidates = ops.take(ops.convert_to_tensor(shortlist.candidates), inputs, axis=0)  # (B, S, N)
    # Padding names what is named anyway.
    candidates = ops.where(ops.expand_dims(mask, 2), candidates, int(shortlist.frequent[0]))
    candidates = ops.reshape(candidates, (batch_size, length * shortlist.candidates.shape[1]))
    frequent = ops.convert_to_tensor(shortlist.frequent)[None, :]
    frequent = frequent + ops.zeros((batch_size, 1), "int32")  # of sources of no tokens too
    columns = ops.concatenate([frequent, candidates], axis=1)  # (B, F + S N)
    rows = ops.arange(batch_size, dtype="int32")[:, None] + ops.zeros_like(columns)
    places = ops.reshape(ops.stack([rows, columns], axis=-1), (-1, 2))
    ones = ops.ones_like(places[:, 0], dtype="float32")
    # Counts where the same place comes several times, or not: either is above 0.
    return ops.scatter(places, ones, shape=(batch_size, size)) > 0


def _indices(mask, least):
    """Where `mask` (V,) is True, in order; more indices where there are fewer than `least`.

    All indices, those where it is False last, where a shape must be static.
    """
    size = mask.shape[0]
    key = ops.where(mask, size - ops.arange(size, dtype="int32"), 0)
    count = size
    if keras.backend.backend() == "tensorflow":
        count = ops.maximum(ops.sum(ops.cast(mask, "int32")), min(least, size))
    _, index = ops.top_k(key, count)
    return ops.cast(index, "int32")
