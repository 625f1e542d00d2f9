"""Cross-entropy from hidden states and the output projection, without the logits of a batch."""

from typing import NamedTuple

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.graph.matmul import flatten, linear
from keras_attention.training.row_chunks import (
    add_gradients,
    counted_rows,
    even_chunks,
    gradient_scales,
    scaled_gradients,
    scan_counted,
    smoothed_chunk,
)

CHUNK_SIZE = 256  # rows; docs/lab-notes.md has what others take


class _Options(NamedTuple):
    """What a chunk is computed by, beside its tensors."""

    label_smoothing: float
    transposed: bool  # whether the kernel is (V, D)
    dtype: str  # of the products
    with_accuracies: bool
    training: bool  # whether there are gradients


def linear_cross_entropy(
    hidden,
    kernel,
    targets,
    weights,
    bias=None,
    label_smoothing=0.0,
    transposed=False,
    dtype=None,
    counted=None,
    with_accuracies=True,
    training=True,
    chunk_size=CHUNK_SIZE,
):
    """The weighted sum of the cross-entropies of `hidden @ kernel + bias`, by chunks of rows.

    A row is a token. The logits of a chunk live as long as it takes to compute its losses, what
    metrics ask of it, and its share of the gradient for an upstream of 1, which the backward pass
    only scales. So nothing has B * T * V elements, and no product is made twice. Rows that do not
    count come last, and chunks without a row that counts are not computed. Shapes do not depend on
    how many count: XLA compiles a function once.

    The products are made in `dtype`, everything else in float32. In half precision the factors of
    the gradient's products are scaled: they neither underflow nor overflow, whatever the scale of
    the loss.

    Args:
        hidden: (..., D), such as (B, T, D).
        kernel: (D, V), or with `transposed` (V, D), such as an embedding matrix.
        targets: integers (...), from 0 to V - 1 where a row counts.
        weights: (...), what each row counts in the sum. No gradient reaches them.
        bias: (V,) or None.
        label_smoothing: mass taken from the gold token, in [0, 1), and given to the others evenly.
        transposed: whether the kernel is (V, D).
        dtype: of the products; by default that of `hidden`.
        counted: booleans (...), rows that metrics count; those with a weight always do.
        with_accuracies: whether accuracies are computed.
        training: whether the sum will be differentiated.
        chunk_size: how many rows have logits at the same time, at most.

    Returns:
        The sum, a float32 scalar. The log probabilities (...) of the targets, and their accuracies
        (...) as in `TokenAccuracy`, or None; without a gradient, and 0 where a chunk is left out.

    Raises:
        ValueError: if an option is out of range, or `kernel` does not fit `hidden`.

    Example:

    >>> hidden, kernel = np.ones((1, 2, 8), "float32"), np.zeros((8, 4), "float32")
    >>> total, log_probabilities, accuracies = linear_cross_entropy(
    ...     hidden, kernel, np.array([[1, 0]]), np.array([[1.0, 0.0]])
    ... )
    >>> round(float(total), 6)  # log 4
    1.386294

    Reference: Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM Training", section
    3.2 (the gradient within the forward pass), https://arxiv.org/abs/2410.10989
    """
    require_rate("label_smoothing", label_smoothing)
    require_positive_integer("chunk_size", chunk_size)
    # Copies, or TensorFlow would see the variables besides.
    floats = [ops.copy(x) for x in (hidden, kernel, bias) if x is not None]
    hidden, kernel = floats[:2]
    require(
        len(kernel.shape) == 2 and kernel.shape[1 if transposed else 0] == hidden.shape[-1],
        "kernel",
        "(V, D) if `transposed` and (D, V) if not, D being the last axis of `hidden`",
        **{"kernel.shape": tuple(kernel.shape), "hidden.shape": tuple(hidden.shape)},
        transposed=transposed,
    )
    dtype = keras.backend.standardize_dtype(hidden.dtype if dtype is None else dtype)
    options = _Options(label_smoothing, transposed, dtype, with_accuracies, training)
    shape = ops.shape(targets)
    targets, weights, is_counted = counted_rows(targets, weights, counted)

    def run(*tensors):
        # A tape that records would have TensorFlow build the gradient of the loop, which nobody
        # uses: it takes as long as all else of the trace.
        hidden, kernel, bias = (*map(ops.stop_gradient, tensors), None)[:3]
        rows, vectors = flatten(hidden), (targets, weights, is_counted)
        losses, scores, gradients = _by_chunks(rows, kernel, bias, *vectors, options, chunk_size)

        def gradient(*upstream):
            # JAX passes one tuple, TensorFlow its members. Scores send nothing back.
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            return scaled_gradients(gradients, upstream[0], floats, ops.shape(hidden))

        results = ops.sum(losses * weights), *(ops.reshape(x, shape) for x in scores)
        return (results, gradient) if training else results

    total, *scores = (ops.custom_gradient(run) if training else run)(*floats)
    scores = [ops.stop_gradient(x) for x in scores]
    return total, scores[0], scores[1] if with_accuracies else None


def _by_chunks(rows, kernel, bias, targets, weights, is_counted, options, chunk_size):
    """What comes of all rows (N, D).

    Returns:
        The losses (N,); a list of scores (N,); a list of pairs `(gradient, factor)` for `rows`,
        `kernel` and `bias`, empty without `training`.
    """
    count, chunk_size = even_chunks(ops.shape(rows)[0], chunk_size)
    # A forward pass alone has no products of the gradient.
    dtype = options.dtype if options.training else None
    scales, factors = gradient_scales(rows, kernel, weights, chunk_size, dtype)
    product_kernel = ops.cast(kernel, options.dtype)

    def step(sums, chunk):
        return _chunk(sums, *chunk, product_kernel, bias, scales, options)

    sums = []
    if options.training:
        sums = [ops.zeros(ops.shape(x), "float32") for x in (kernel, bias) if x is not None]
    inputs = ops.cast(rows, options.dtype), targets, weights
    sums, outputs = scan_counted(step, sums, inputs, is_counted, count, chunk_size)
    losses, scores, of_rows = outputs
    return losses, scores, list(zip([*of_rows, *sums], factors, strict=False))


def _chunk(sums, rows, targets, weights, kernel, bias, scales, options):
    """One chunk: rows (t, D) in the dtype of the products, targets and weights (t,).

    Returns:
        `sums`, the float32 gradients of kernel and bias so far, with this chunk's; and losses (t,),
        a list of scores (t,), and a list of the gradient (t, D) of the rows, or of nothing.
    """
    columns = ops.transpose(kernel) if options.transposed else kernel  # (D, V)
    logits = ops.cast(linear(rows, columns, options.dtype, bias), "float32")  # (t, V)
    losses, scores, gradient = smoothed_chunk(
        logits, targets, options.label_smoothing, options.with_accuracies
    )
    if not options.training:
        return sums, (losses, scores, [])
    for_weights, for_rows = scales
    difference = gradient(weights * for_weights)
    sums, of_rows = add_gradients(
        sums, difference, rows, kernel, for_rows, options.transposed, options.dtype
    )
    return sums, (losses, scores, [of_rows])
