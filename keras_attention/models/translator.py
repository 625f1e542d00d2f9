"""The base class of models that generate one sequence from another."""

from keras import ops, tree

from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.models.model import Model


class Translator(Model):
    """A model with the step contract, and everything that follows from it.

    A subclass implements

    - `start(source_ids, max_length, return_alignment=False) -> (state, constants)`: the source
      side, computed once. `state` is a structure of tensors with B rows; `constants` likewise.
    - `advance(token, position, state, constants) -> (logits, state)`: `token` (B,), `position` a
      scalar, `logits` (B, V). If `start` was asked for it, `state["alignment"]` (B, S) holds the
      attention over the source that led to these logits.

    and has the attribute `max_sequence_length`.
    """

    def start(self, source_ids, max_length, return_alignment=False):
        raise NotImplementedError(f"{type(self).__name__} must implement `start`.")

    def advance(self, token, position, state, constants):
        raise NotImplementedError(f"{type(self).__name__} must implement `advance`.")

    def reorder(self, state, indices):
        """The rows of `state` that `indices` (B,) names, as beam search needs it."""
        return tree.map_structure(lambda tensor: ops.take(tensor, indices, axis=0), state)

    def generate(self, source_token_ids, max_length=None, return_alignment=False):
        """Translates `source_token_ids` (B, S): see `keras_attention.decoding.greedy_search`."""
        return greedy_search(self, source_token_ids, max_length, return_alignment)
