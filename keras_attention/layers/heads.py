"""Pure functions on attention heads (B, H, T, K): B batch, H heads, T positions, K width.

Queries may come as (B, T, D) or, of a step with one position, as (B, D). A step of one position is
faster without its axis: nothing needs to be reshaped between products of rows.
"""

from keras import ops


def query_length(query):
    """How many positions a query (B, T, D), or (B, D) of one position, has."""
    return 1 if len(query.shape) == 2 else ops.shape(query)[1]


def split_heads(projected, num_heads, length):
    """(B, T, H * K), or (B, H * K) of one position -> (B, H, T, K)."""
    width = projected.shape[-1] // num_heads
    if isinstance(length, int) and length == 1:  # there is nothing to transpose
        return ops.reshape(projected, (-1, num_heads, 1, width))
    return ops.transpose(ops.reshape(projected, (-1, length, num_heads, width)), (0, 2, 1, 3))


def split_query_key_value(projected, num_heads, length, widths):
    """Queries, keys and values (B, H, T, K) that stand side by side in `projected`.

    Args:
        projected: (B, T, sum(widths)), or (B, sum(widths)) of one position.
        num_heads: H.
        length: T.
        widths: three widths H * K.
    """
    if isinstance(length, int) and length == 1 and len(set(widths)) == 1:
        # One position has nothing to transpose, and equal parts are one operation.
        heads = ops.reshape(projected, (-1, 3 * num_heads, 1, widths[0] // num_heads))
        return ops.split(heads, 3, axis=1)
    parts = ops.split(projected, [widths[0], widths[0] + widths[1]], axis=-1)
    return [split_heads(part, num_heads, length) for part in parts]


def merge_heads(context, query):
    """(B, H, T, K) -> (B, T, H * K), or (B, H * K) if `query` has no axis T either."""
    width, length = context.shape[1] * context.shape[3], query_length(query)
    if len(query.shape) == 2:
        return ops.reshape(context, (-1, width))
    if isinstance(length, int) and length == 1:
        return ops.reshape(context, (-1, 1, width))
    return ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, length, width))


def group_queries(query, queries_per_source):
    """(B, T, D) or (B, D) -> (B / G, G * T, D): G rows that attend to the same row of a source."""
    length = query_length(query)
    return ops.reshape(query, (-1, queries_per_source * length, query.shape[-1]))


def group_positions(positions, queries_per_source):
    """Positions (T,) or (B, T) of queries -> (G * T,) or (B / G, G * T)."""
    if len(positions.shape) == 1:
        return ops.tile(positions, (queries_per_source,))
    return ops.reshape(positions, (-1, queries_per_source * ops.shape(positions)[1]))


def ungroup_scores(scores, queries_per_source, length):
    """(B / G, H, G * T, S) -> (B, H, T, S)."""
    num_heads, source_length = scores.shape[1], ops.shape(scores)[3]
    shape = (-1, num_heads, queries_per_source, length, source_length)
    scores = ops.transpose(ops.reshape(scores, shape), (0, 2, 1, 3, 4))
    return ops.reshape(scores, (-1, num_heads, length, source_length))
