"""What greedy search, beam search and sampling need of a model that emits tokens."""

from keras import ops, tree

from keras_attention.decoding.sample import sample
from keras_attention.decoding.search import search
from keras_attention.search_options import SearchOptions


class StepContract:
    """The base class of models that emit tokens one by one, with a source or without.

    The searches know a model through these methods alone. Shapes: B inputs, S positions of an
    input, K = `beam_size` hypotheses of an input, R = B * K rows, those of one input after each
    other, V tokens.

    `inputs` is whatever the model starts from: a translator's source ids (B, S), or the prompts of
    a language model with their lengths. The searches hand it to the methods below and never look
    into it. A row gives what it gives alone, whatever the other rows are.

    A step reads one token of every row. Step n, counted from 0, follows n emitted tokens. The same
    n holds for all rows: it tells which slot of a cache the step writes. Where prompts differ in
    length, the model adds a row's own length to find the position of its token.

    Where several tokens come before the first emitted one, `start` reads all of them but the last,
    in one pass, and the last is what `first_tokens` gives.

    Attributes:
        special_ids: a `SpecialIds`: `ends` finish a row, `fill` stands behind the end.
        forbidden_ids: a sequence of the token ids that are never emitted.
        vocabulary_size: number V of tokens, which a repetition penalty needs; None, the default,
            where it is not known.

    >>> class LanguageModel(StepContract, keras_attention.models.Model): ...
    """

    vocabulary_size = None

    def inputs_shape(self, inputs):
        """B, and the S positions that `state["alignment"]` has; integers where they are static."""
        raise NotImplementedError(f"{type(self).__name__} must implement `inputs_shape`.")

    def inputs_mask(self, inputs):
        """Boolean (B, S), True at tokens: what a coverage penalty asks to be attended to."""
        raise NotImplementedError(f"{type(self).__name__} must implement `inputs_mask`.")

    def first_tokens(self, inputs):
        """What the first step reads: an integer for all rows, or int32 (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must implement `first_tokens`.")

    def prompt_tokens(self, inputs):
        """The tokens of `inputs` that a repetition penalty counts, beside those emitted.

        Returns:
            Ids (B, S) and a boolean mask (B, S), False at what fills a row; None, the default, for
            none: a translator's source is in other words.
        """
        return None

    def length_limits(self, inputs, max_length=None):
        """How many tokens each row may get, at least 1, and the largest limit of such a batch.

        Args:
            inputs: what the model starts from.
            max_length: integer, tokens at most, or None for the model's own limit.

        Returns:
            int32 (B,), and an integer or, where a shape is dynamic, a scalar tensor. See the
            functions `same_limits`, `source_limits` and `context_limits` of `decoding`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `length_limits`.")

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        """Reads the source, or the prompts but for their last tokens, in one pass.

        Args:
            inputs: what the model starts from.
            room: integer or scalar tensor, the steps to make room for.
            return_alignment: whether the state holds an entry "alignment" (R, S), float32: the
                attention over the inputs that led to the last logits.
            beam_size: integer K.

        Returns:
            `(state, constants)`. The state is a structure of tensors (R, ...). What `constants`
            holds is the model's own affair: steps read it and never change it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `start`.")

    def step(self, token, position, state, constants):
        """Reads one token of every row.

        A row that is finished is read on, as `special_ids.fill`, until it leaves or the search
        ends. What the model makes of it makes no difference, but it must not fail: positions beyond
        those that the model has are to be clipped.

        Args:
            token: int32 (R,).
            position: scalar int32, the number n of the step.
            state: from `start` or the last step, for as many rows.
            constants: from `start`.

        Returns:
            Logits (R, V) of the tokens that come next, and the next state, of the same structure,
            shapes and dtypes.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `step`.")

    def step_features(self, token, position, state, constants):
        """As `step`, with what `step_projection` makes the logits of in their place: (R, D).

        Together they let a search compute the logits of some tokens alone.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `step_features`.")

    def step_projection(self):
        """The `OutputProjection` of `step_features`; None, the default, where `step` is all."""
        return None

    def select_rows(self, structure, rows, inputs=None):
        """`structure` for some rows alone, in this order; a row may come several times.

        Args:
            structure: a state, or constants.
            rows: int32 (r,).
            inputs: int32 (r / K,), the inputs that the rows belong to. Given for constants, which
                may hold a tensor once an input instead of once a row.
        """
        return tree.map_structure(lambda tensor: ops.take(tensor, rows, axis=0), structure)

    def extend(self, state, count):
        """`state` with room for `count` (scalar) more steps than it had room for."""
        return state

    def generate(self, inputs, max_length=None, return_alignment=False, **options):
        """Emits tokens for every input, the most probable ones unless told otherwise.

        Args:
            inputs: what the model starts from.
            max_length: tokens at most; by default the model's own limit.
            return_alignment: whether to return the attention that chose each token.
            **options: further fields of `keras_attention.decoding.SearchOptions`: `beam_size`,
                `length_penalty`, `coverage_penalty`, `n_best`, `min_length`,
                `repetition_penalty`.

        Returns:
            `{"token_ids": (B, T), "score": (B,)[, "alignment": (B, T, S)]}`; with `n_best` over 1
            these have an axis N after B.
        """
        options = SearchOptions(max_length=max_length, **options)
        return search(self, inputs, options, return_alignment)

    def sample(self, inputs, **options):
        """Emits tokens at random: see `keras_attention.decoding.sample`."""
        return sample(self, inputs, **options)
