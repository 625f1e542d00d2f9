"""Pure functions on attention heads (B, H, T, K): B batch, H heads, T positions, K width.

Queries may come as (B, T, D) or, of a step with one position, as (B, D). A step of one position is
faster without its axis: nothing needs to be reshaped between products of rows.
"""

from keras import ops

from keras_attention.graph.matmul import reshape_rows
from keras_attention.layers.clone_initializer import clone_initializer


def side_by_side(initializer, widths):
    """An initializer of (D, sum(widths)) whose parts are each initialised as a matrix (D, width).

    >>> side_by_side(keras.initializers.GlorotUniform(), [4, 4])((8, 8)).shape
    (8, 8)

    Args:
        initializer: `keras.initializers.Initializer`, or any function of a shape and a dtype. Each
            part has a seed of its own, or all parts would be equal.
        widths: list of integers.
    """

    def initialize(shape, dtype=None):
        parts = []
        for index, width in enumerate(widths):
            part = clone_initializer(initializer, skip=index)
            parts.append(part((shape[0], width), dtype=dtype))
        return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    return initialize


def rules_side_by_side(regularizer, constraint, widths):
    """The rules for `add_weight` of matrices side by side, which read each by itself."""

    def parts(weight):
        return ops.split(weight, [sum(widths[:n]) for n in range(1, len(widths))], axis=-1)

    def regularize(weight):
        return sum(regularizer(part) for part in parts(weight))

    def constrain(weight):
        return ops.concatenate([constraint(part) for part in parts(weight)], axis=-1)

    several = len(widths) > 1
    return {
        "regularizer": regularize if several and regularizer else regularizer,
        "constraint": constrain if several and constraint else constraint,
    }


def query_length(query):
    """How many positions a query (B, T, D), or (B, D) of one position, has."""
    return 1 if len(query.shape) == 2 else ops.shape(query)[1]


def split_heads(projected, num_heads, query):
    """(B, T, H * K), or (B, H * K) of one position -> (B, H, T, K).

    `query` (B, T, D) or (B, D) is what `projected` was made from. Its sizes are asked for, because
    what is only read once can be joined with what reads it.
    """
    width, length = projected.shape[-1] // num_heads, query_length(query)
    if isinstance(length, int) and length == 1:  # there is nothing to transpose
        return ops.reshape(projected, (-1, num_heads, 1, width))
    split = reshape_rows(projected, (length, num_heads, width), lambda: ops.shape(query)[0])
    return ops.transpose(split, (0, 2, 1, 3))


def split_query_key_value(projected, counts, query, widths):
    """Queries, keys and values (B, heads, T, K) that stand side by side in `projected`.

    Args:
        projected: (B, T, sum(widths)), or (B, sum(widths)) of one position.
        counts: the heads of queries, of keys and of values: three integers.
        query: (B, T, D) or (B, D), what `projected` was made from.
        widths: three widths, heads * K.
    """
    length = query_length(query)
    of_a_head = {width // count for width, count in zip(widths, counts, strict=True)}
    if isinstance(length, int) and length == 1 and len(of_a_head) == 1:
        # One position has nothing to transpose, and parts of one width are one operation.
        heads = ops.reshape(projected, (-1, sum(counts), 1, *of_a_head))
        equal = len(set(counts)) == 1
        return ops.split(heads, 3 if equal else [counts[0], counts[0] + counts[1]], axis=1)
    parts = ops.split(projected, [widths[0], widths[0] + widths[1]], axis=-1)
    return [split_heads(part, count, query) for part, count in zip(parts, counts, strict=True)]


def merge_heads(context, query):
    """(B, H, T, K) -> (B, T, H * K), or (B, H * K) if `query` has no axis T either."""
    width, length = context.shape[1] * context.shape[3], query_length(query)
    if len(query.shape) == 2:
        return ops.reshape(context, (-1, width))
    if isinstance(length, int) and length == 1:
        return ops.reshape(context, (-1, 1, width))
    merged = ops.transpose(context, (0, 2, 1, 3))
    return reshape_rows(merged, (length, width), lambda: ops.shape(query)[0])


def expand_mask(mask):
    """A mask (T, S), (B, T, S) or (B, H, T, S) with all four axes; those it lacked are 1."""
    if len(mask.shape) == 2:
        mask = ops.expand_dims(mask, 0)
    return ops.expand_dims(mask, 1) if len(mask.shape) == 3 else mask


def zeros_without_keys(output, count):
    """`output` of an attention without masks; zeros instead of its bias if there is no key."""
    if isinstance(count, int):
        return output if count else ops.zeros_like(output)
    return output * ops.cast(count > 0, output.dtype)


def group_queries(query, queries_per_source):
    """(B, T, D) or (B, D) -> (B / G, G * T, D): G rows that attend to the same row of a source."""
    sizes = (queries_per_source * query_length(query), query.shape[-1])
    return reshape_rows(query, sizes, lambda: ops.shape(query)[0] // queries_per_source)


def group_positions(positions, queries_per_source):
    """Positions (T,) or (B, T) of queries -> (G * T,) or (B / G, G * T)."""
    if len(positions.shape) == 1:
        return ops.tile(positions, (queries_per_source,))
    size = queries_per_source * ops.shape(positions)[1]
    return reshape_rows(positions, (size,), lambda: ops.shape(positions)[0] // queries_per_source)


def ungroup_scores(scores, queries_per_source, length):
    """(B / G, H, G * T, S) -> (B, H, T, S)."""
    num_heads, source_length = scores.shape[1], ops.shape(scores)[3]
    sizes, rows = (num_heads, length, source_length), ops.shape(scores)[0]
    grouped = reshape_rows(
        scores, (num_heads, queries_per_source, length, source_length), lambda: rows
    )
    grouped = ops.transpose(grouped, (0, 2, 1, 3, 4))
    return reshape_rows(grouped, sizes, lambda: rows * queries_per_source)
