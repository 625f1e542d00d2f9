"""Matrix products: of rows, of attention, and of a recurrence, which keeps them for its gradient.

The gradient of a kernel used at every time step is a sum over time of products of what came in with
what came back. A step that takes its product as an argument, `matmul` unless told otherwise, lets a
recurrence hand it a `RecordingMatmul`, which keeps the results. While the step is differentiated, a
`ReplayingMatmul` gives them out again, so that nothing is multiplied twice. After that
`kernel_gradients` makes one large product of the sum.
"""

import math

from keras import ops


def linear(inputs, kernel, dtype, bias=None):
    """`inputs` (..., D) times `kernel` (D, U), plus `bias` (U,), in `dtype`: (..., U).

    It is one product of two matrices. With more dimensions `ops.matmul` goes through a general
    contraction, whose gradient XLA cannot compile in a loop over tensors of dynamic shape.
    """
    inputs, kernel = ops.cast(inputs, dtype), ops.cast(kernel, dtype)
    rows = ops.matmul(flatten(inputs), kernel)
    if bias is not None:  # added to the rows, so that converters make one operator of both
        rows = rows + ops.cast(bias, dtype)
    return unflatten(rows, inputs)


def flatten(inputs):
    """`inputs` (..., D) as rows (N, D)."""
    if len(inputs.shape) == 2:  # some runtimes copy what is reshaped
        return inputs
    return ops.reshape(inputs, (-1, inputs.shape[-1]))


def unflatten(flat, like):
    """`flat` (N, U) in the outer shape (..., D) of `like`: (..., U)."""
    if len(like.shape) == 2:
        return flat
    first, *sizes, _ = ops.shape(like)
    return reshape_rows(flat, (*sizes, flat.shape[-1]), lambda: first)


def reshape_rows(tensor, sizes, count):
    """`tensor` in the shape (N, *sizes), where N is `count()`.

    Where all other sizes are known and none is 0, N follows from them: no size is computed, which
    runtimes would have to do before they can reshape. Elsewhere it does not follow: a tensor of
    shape (3, 0, 8) has as many elements as one of (1, 0, 8), and TensorFlow would take the latter.

    Args:
        tensor: of any shape.
        sizes: all sizes but the first; integers or scalar tensors.
        count: function that returns N, an integer or a scalar tensor. Called only if it is needed.

    >>> reshape_rows(ops.zeros((0, 8)), (0, 4), lambda: 3).shape
    (3, 0, 4)
    """
    follows = all(isinstance(size, int) and size > 0 for size in sizes)
    return ops.reshape(tensor, (-1 if follows else count(), *sizes))


def scaled_dot_product(query, key, scale=None):
    """Q K^T / sqrt(d_k) (Vaswani et al. 2017, equation 1).

    Args:
        query: (B, H, T, K).
        key: (B, G, S, K), where G divides H: H / G heads of queries, one after the other, share a
            head of keys.
        scale: number to multiply by, 1 / sqrt(K) by default.

    Returns:
        (B, H, T, S).
    """
    # The scale goes to the query: after the product TensorFlow fuses scale and mask into one CPU
    # kernel that takes ten times as long as the three separate ones.
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = query if scale == 1 else query * scale
    if _are_fewer(key, query):
        grouped = ops.matmul(_in_groups(query, key.shape[1]), ops.transpose(key, (0, 1, 3, 2)))
        return _of_heads(grouped, query)
    if query.shape[2] == 1:
        # One query: the many small products with vectors take longer than this.
        return ops.expand_dims(ops.sum(query * key, axis=-1), 2)
    return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))


def weighted_sum(weights, value):
    """The sum of values by their weights.

    Args:
        weights: (B, H, T, S).
        value: (B, G, S, K), where G divides H, as in `scaled_dot_product`.

    Returns:
        (B, H, T, K).
    """
    if not _are_fewer(value, weights):
        return ops.matmul(weights, value)
    return _of_heads(ops.matmul(_in_groups(weights, value.shape[1]), value), weights)


def _are_fewer(keys, queries):
    """Whether there are fewer heads of keys or values (B, G, ...) than of queries (B, H, ...)."""
    counts = keys.shape[1], queries.shape[1]
    return None not in counts and counts[0] != counts[1]


def _in_groups(tensor, count):
    """(B, H, T, K) -> (B, `count`, H / `count` * T, K)."""
    _, num_heads, length, width = ops.shape(tensor)
    sizes = (count, num_heads // count * length, width)
    return reshape_rows(tensor, sizes, lambda: ops.shape(tensor)[0])


def _of_heads(grouped, like):
    """(B, G, H / G * T, S) -> (B, H, T, S), where `like` is (B, H, T, K)."""
    batch_size, num_heads, length, _ = ops.shape(like)
    sizes = (num_heads, length, ops.shape(grouped)[3])
    return reshape_rows(grouped, sizes, lambda: batch_size)


def split_to_axis(tensor, count):
    """(B, S, `count` * K) -> (B, `count`, S, K), without a transposition.

    A converter would join a transposition with that of a product that reads the result. Where the
    product stands in a loop, both would then be made anew at every step.
    """
    return ops.stack(ops.split(tensor, count, axis=-1), axis=1)


def matmul(inputs, kernel, dtype, rows=(0, None), columns=(0, None)):
    """`inputs` times a part of `kernel`, in `dtype`.

    Args:
        inputs: (..., K), for a kernel of three dimensions (G, M, K).
        kernel: Keras variable or tensor, (K, N) or (G, K, N).
        dtype: of the product.
        rows: the part's first row and the one after its last; None is the end.
        columns: its first column and the one after its last.

    Returns:
        (..., N) or (G, M, N).
    """
    if (rows, columns) != ((0, None), (0, None)):
        kernel = _part(kernel, rows, columns)
    if len(kernel.shape) == 2:
        return linear(inputs, kernel, dtype)
    return ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype))


def _part(kernel, rows, columns):
    # Without an ellipsis, for which tf2onnx would have to know the rank, in a loop in a loop too.
    before = (slice(None),) * (len(kernel.shape) - 2)
    return kernel[(*before, slice(*rows), slice(*columns))]


class RecordingMatmul:
    """A `matmul` that keeps the result of every product with one of the given kernels, in order.

    Products with other kernels are computed and not kept.

    Args:
        kernels: list of what the step multiplies by: Keras variables or tensors.
        tensors: list of the tensors to multiply by in their place.
    """

    def __init__(self, kernels, tensors):
        self.kernels = list(kernels)
        self.tensors = list(tensors)
        self.results = []
        self.uses = []

    def __call__(self, inputs, kernel, dtype, rows=(0, None), columns=(0, None)):
        index = next((i for i, known in enumerate(self.kernels) if known is kernel), None)
        if index is None:
            return matmul(inputs, kernel, dtype, rows, columns)
        self.uses.append((index, rows, columns))
        return self._product(inputs, self.tensors[index], dtype, rows, columns)

    def _product(self, inputs, tensor, dtype, rows, columns):
        self.results.append(matmul(inputs, tensor, dtype, rows, columns))
        return self.results[-1]


class ReplayingMatmul(RecordingMatmul):
    """A `matmul` that gives recorded results again, in order, and keeps what came in.

    The gradient with respect to a result is what the step's gradient sends back to the product. The
    kernel gets none.

    Args:
        kernels: as those of the `RecordingMatmul`.
        tensors: list of the tensors to multiply by in their place.
        results: those of the `RecordingMatmul`.
    """

    def __init__(self, kernels, tensors, results):
        super().__init__(kernels, tensors)
        self._left = list(results)
        self.inputs = []

    def _product(self, inputs, tensor, dtype, rows, columns):
        inputs = ops.cast(inputs, dtype)
        self.inputs.append(inputs)

        @ops.custom_gradient
        def replay(inputs, result):
            def gradient(*upstream):
                (upstream,) = upstream
                # The product with the part's transpose.
                part = tensor
                if (rows, columns) != ((0, None), (0, None)):
                    part = _part(tensor, rows, columns)
                part = ops.cast(ops.swapaxes(part, -1, -2), dtype)
                if len(part.shape) == 2:
                    return linear(upstream, part, dtype), upstream
                return ops.matmul(upstream, part), upstream

            return ops.copy(result), gradient

        return replay(inputs, self._left.pop(0))


def kernel_gradients(uses, inputs, cotangents, kernels):
    """The gradients of kernels after a recurrence, one large product for each use.

    Args:
        uses: of a `RecordingMatmul`: which kernel, rows and columns each product was with.
        inputs: for each product what came in, over time (T, ...).
        cotangents: for each product what came back, over time (T, ...).
        kernels: list of tensors, for their shapes.

    Returns:
        List of gradients, one for each of `kernels`; None where there was no product.
    """
    found = [None] * len(kernels)
    for (index, rows, columns), x, y in zip(uses, inputs, cotangents, strict=True):
        shape = kernels[index].shape
        if len(shape) == 3:  # (T, G, M, K) to (G, T M, K)
            x, y = (
                ops.reshape(ops.swapaxes(z, 0, 1), (ops.shape(z)[1], -1, ops.shape(z)[3]))
                for z in (x, y)
            )
            gradient = ops.matmul(ops.swapaxes(x, 1, 2), y)
        else:
            x, y = (ops.reshape(z, (-1, z.shape[-1])) for z in (x, y))
            gradient = ops.matmul(ops.transpose(x), y)
        margins = [(0, 0)] * (len(shape) - 2)
        for (first, last), size in zip((rows, columns), shape[-2:], strict=True):
            margins.append((first, 0 if last is None else size - last))
        if any(margin != (0, 0) for margin in margins):
            gradient = ops.pad(gradient, margins)
        found[index] = gradient if found[index] is None else found[index] + gradient
    return found
