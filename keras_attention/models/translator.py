"""The base class of models that generate one sequence from another."""

from keras import ops, tree

from keras_attention.decoding.sample import sample
from keras_attention.decoding.search import search
from keras_attention.models.model import Model
from keras_attention.search_options import SearchOptions


class Translator(Model):
    """A model with the step contract, and everything that follows from it.

    A subclass implements

    - `start(source_ids, max_length, return_alignment=False, beam_size=1) -> (state, constants)`:
      the source side, computed once. `state` is a structure of tensors with R = B * `beam_size`
      rows, those of one sentence after each other; `constants` is what `advance` makes of it.
    - `advance(token, position, state, constants) -> (logits, state)`: `token` (R,), `position` a
      scalar, `logits` (R, V). If `start` was asked for it, `state["alignment"]` (R, S) holds the
      attention over the source that led to these logits.

    and has the attribute `max_sequence_length`.
    """

    def start(self, source_ids, max_length, return_alignment=False, beam_size=1):
        raise NotImplementedError(f"{type(self).__name__} must implement `start`.")

    def advance(self, token, position, state, constants):
        raise NotImplementedError(f"{type(self).__name__} must implement `advance`.")

    def reorder(self, state, indices):
        """The rows of `state` that `indices` (R,) names."""
        return tree.map_structure(lambda tensor: ops.take(tensor, indices, axis=0), state)

    def extend(self, state, count):
        """`state` with room for `count` more steps than `start` was told of."""
        return state

    def keep(self, constants, sentences, rows):
        """`constants` for the sentences (b,) alone, whose rows of the state are `rows` (b *
        beam_size,)."""
        return self.reorder(constants, rows)

    def generate(self, source_token_ids, max_length=None, return_alignment=False, **options):
        """Translates `source_token_ids` (B, S), greedily unless told otherwise.

        Args:
            source_token_ids: (B, S) int32, padded with 0.
            max_length: tokens at most; by default each sentence's unpadded length + 50.
            return_alignment: whether to return the attention that chose each token.
            **options: further fields of `keras_attention.decoding.SearchOptions`: `beam_size`,
                `length_penalty`, `coverage_penalty`, `n_best`, `min_length`.

        Returns:
            `{"token_ids": (B, T), "score": (B,)[, "alignment": (B, T, S)]}`; with `n_best` over 1
            these have an axis N after B.
        """
        options = SearchOptions(max_length=max_length, **options)
        return search(self, source_token_ids, options, return_alignment)

    def sample(self, source_token_ids, **options):
        """Translates at random: see `keras_attention.decoding.sample`."""
        return sample(self, source_token_ids, **options)
