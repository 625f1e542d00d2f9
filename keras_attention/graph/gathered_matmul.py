"""Matrix products with blocks of a table, which are gathered for the product alone."""

from keras import ops


def gathered_matmul(inputs, table, rows, transpose=False, training=False):
    """`inputs` times blocks that are gathered from `table`, one below the other.

    Args:
        inputs: (M, T, K) with `transpose`, else (M, T, L * S).
        table: (N, S, K), blocks of S rows.
        rows: (M, L) int32, which blocks each of the M products is with.
        transpose: whether the blocks are transposed.
        training: whether the result will be differentiated. Then the gathered blocks, which may be
            many times the table, are not kept for the gradient but gathered again.

    Returns:
        (M, T, L * S) with `transpose`, else (M, T, K).

    >>> table = ops.reshape(ops.arange(12.0), (3, 2, 2))
    >>> gathered_matmul(ops.ones((1, 1, 4)), table, np.array([[2, 0]]))  # [[[20.0, 24.0]]]
    """
    size, width = table.shape[1:]
    shape = (-1, rows.shape[1] * size, width)
    flat_rows = ops.reshape(rows, (-1,))

    def product(inputs, gathered):
        return ops.matmul(inputs, ops.swapaxes(gathered, 1, 2) if transpose else gathered)

    def gather(table, rows):
        # Of rows without axes, which every runtime copies as a whole.
        flat = ops.take(ops.reshape(table, (-1, size * width)), rows, axis=0)
        return ops.reshape(flat, shape)

    if not training:
        return product(inputs, gather(table, flat_rows))

    @ops.custom_gradient
    def multiply(inputs, table):
        def gradient(*upstream):
            (upstream,) = upstream
            # The rows depend on what comes back: a compiler that finds the same gathering twice
            # would keep the first.
            first = ops.max(ops.reshape(upstream, (-1,))[:1])
            gathered = gather(table, ops.where(first == first, flat_rows, 0))
            if transpose:
                of_inputs = ops.matmul(upstream, gathered)
                of_gathered = ops.matmul(ops.swapaxes(upstream, 1, 2), inputs)
            else:
                of_inputs = ops.matmul(upstream, ops.swapaxes(gathered, 1, 2))
                of_gathered = ops.matmul(ops.swapaxes(inputs, 1, 2), upstream)
            of_gathered = ops.reshape(of_gathered, (-1, size * width))
            of_table = ops.segment_sum(of_gathered, flat_rows, ops.shape(table)[0])
            return of_inputs, ops.reshape(of_table, (-1, size, width))

        return product(inputs, gather(table, flat_rows)), gradient

    return multiply(inputs, table)
