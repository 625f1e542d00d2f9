"""Chunks of the rows that count: their cross-entropy, and the gradients that they add up to.

What the losses that never hold (B, T, V) share: see `linear_cross_entropy`.
"""

from keras import ops, tree

from keras_attention.graph.scan import scan
from keras_attention.training.token_metrics import (
    log_normalizers,
    softmax_parts,
    target_logits,
    tie_shares,
)


def even_chunks(length, chunk_size):
    """How many chunks `length` rows make, and of how many rows: no last chunk of a few.

    Args:
        length: integer or scalar tensor.
        chunk_size: rows of a chunk, at most.
    """
    largest = max if isinstance(length, int) else ops.maximum
    count = largest((length + chunk_size - 1) // chunk_size, 1)
    return count, largest((length + count - 1) // count, 1)


def scan_counted(step, sums, inputs, is_counted, count, chunk_size):
    """Runs `sums, outputs = step(sums, chunk)` over the chunks that have a row that counts.

    Rows that do not count come last. Shapes do not depend on how many count: XLA compiles a
    function once.

    Args:
        step: function of `sums` and of a chunk (chunk_size, ...) of each of `inputs`.
        sums: list of tensors.
        inputs: tuple of tensors (N, ...).
        is_counted: booleans (N,).
        count, chunk_size: of `even_chunks`.

    Returns:
        The last `sums`, and the outputs (N, ...), 0 in chunks that are left out.
    """
    length = ops.shape(is_counted)[0]
    order, places = _sorted(is_counted, count * chunk_size)
    number = ops.sum(ops.cast(is_counted, "int32"))

    def split(tensor):  # (N, ...) to (count, chunk_size, ...)
        sizes = ops.shape(tensor)[1:]
        missing = ops.zeros((count * chunk_size - length, *sizes), tensor.dtype)
        tensor = ops.take(ops.concatenate([tensor, missing]), order, axis=0)
        return ops.reshape(tensor, (count, chunk_size, *sizes))

    def join(tensor):  # (count, chunk_size, ...) to (N, ...)
        flat = ops.reshape(tensor, (count * chunk_size, *ops.shape(tensor)[2:]))
        return ops.take(flat, places, axis=0)

    needed = ops.maximum((number + chunk_size - 1) // chunk_size, 1)  # one tells the shapes
    sums, outputs = scan(step, sums, tuple(map(split, inputs)), count=needed)
    return sums, tree.map_structure(join, outputs)


def _sorted(is_counted, size):
    """Rows that count before those that do not, each in their order.

    Args:
        is_counted: booleans (N,).
        size: how many places there are, N or more: the last have no row.

    Returns:
        The index (size,) of the row at each place, and the place (N,) of each row.
    """
    counts = ops.cast(is_counted, "int32")
    length = ops.shape(counts)[0]
    before = ops.cumsum(counts)
    others = ops.arange(length, dtype="int32") + 1 - before
    places = ops.where(is_counted, before, ops.sum(counts) + others) - 1
    places = ops.concatenate([places, ops.arange(length, size, dtype="int32")])
    rows = ops.arange(size, dtype="int32")
    order = ops.scatter(ops.expand_dims(places, 1), rows, shape=(size,))
    return order, places[:length]


def gradient_scales(rows, kernel, weights, chunk_size, dtype):
    """What keeps the products of the gradient within float16, and what takes it back.

    The gradient of a row's logits is in [-1, 1] times its weight, and sums to at most 2, as softmax
    minus target does. So is the sum over a chunk for a kernel's column bounded by the number of
    rows times the largest hidden state.

    Args:
        rows: (N, D).
        kernel: (D, V) or (V, D).
        weights: (N,).
        chunk_size: rows of a chunk.
        dtype: of the products.

    Returns:
        A pair of scalars that weights and rows are multiplied by, and a factor for the gradient of
        each of rows, kernel and bias.
    """
    if dtype not in ("float16", "bfloat16"):
        return (1.0, 1.0), (1.0, 1.0, 1.0)
    largest = [
        ops.max(ops.abs(ops.cast(x, "float32")), initial=1e-6) for x in (rows, kernel, weights)
    ]
    of_rows, of_kernel, of_weights = (ops.stop_gradient(x) for x in largest)
    limit = 2.0**15  # half of the largest float16
    for_weights = ops.minimum(2.0**8, limit / (2.0 * of_kernel))
    for_rows = limit / (for_weights * ops.cast(chunk_size, "float32") * of_rows)
    back = of_weights / for_weights
    return (for_weights / of_weights, for_rows), (back, back / for_rows, back)


def add_gradients(sums, difference, rows, kernel, for_rows, transposed, dtype):
    """The gradients of kernel and bias with a chunk's, and the gradient of its rows.

    Args:
        sums: list of the float32 gradients of the kernel and of the bias, where there is one.
        difference: float32 (t, V), the gradient of the chunk's logits.
        rows: (t, D).
        kernel: (D, V) in `dtype`, or (V, D) if `transposed`.
        for_rows: of `gradient_scales`.
        transposed: whether the kernel is (V, D).
        dtype: of the products.

    Returns:
        `sums`, and float32 (t, D).
    """
    bias_sums = [total + ops.sum(difference, axis=0) for total in sums[1:]]
    difference = ops.cast(difference, dtype)  # (t, V)
    of_rows = ops.matmul(difference, kernel if transposed else ops.transpose(kernel))
    rows = ops.cast(ops.cast(rows, "float32") * for_rows, dtype)
    pair = (difference, rows) if transposed else (rows, difference)
    of_kernel = ops.matmul(ops.transpose(pair[0]), pair[1])
    return [sums[0] + ops.cast(of_kernel, "float32"), *bias_sums], ops.cast(of_rows, "float32")


def gold_difference(difference, targets, of_gold):
    """`difference` (t, V) with `of_gold` (t,) added at the `targets` (t,) of its rows."""
    # In place, by one number a row: a choice over (t, V) is three passes without XLA.
    indices = ops.stack([ops.arange(ops.shape(targets)[0], dtype="int32"), targets], axis=1)
    return ops.scatter_update(difference, indices, of_gold, reduction="add")


def scaled_gradients(gradients, upstream, floats, shape):
    """The gradients that a custom one returns, from those for an upstream of 1.

    Args:
        gradients: list of pairs `(gradient, factor)`, of the rows (N, D), the kernel and the bias.
        upstream: scalar.
        floats: the tensors that they are of: hidden states, kernel, bias.
        shape: of the hidden states.
    """
    scale = ops.cast(upstream, "float32")
    found = [tensor * (scale * factor) for tensor, factor in gradients]
    found[0] = ops.reshape(found[0], shape)
    return tuple(ops.cast(x, y.dtype) for x, y in zip(found, floats, strict=True))


def counted_rows(targets, weights, counted=None):
    """Targets, float32 weights and whether each row counts, in one axis: three tensors (N,).

    Args:
        targets: integers (...).
        weights: (...), what each row counts in a sum.
        counted: booleans (...), rows that metrics count; those with a weight always do.
    """
    weights = ops.reshape(ops.cast(weights, "float32"), (-1,))
    is_counted = ops.not_equal(weights, 0.0)
    if counted is not None:
        is_counted = ops.logical_or(is_counted, ops.reshape(ops.cast(counted, "bool"), (-1,)))
    # What does not count may be no class at all, such as -100.
    targets = ops.where(is_counted, ops.cast(ops.reshape(targets, (-1,)), "int32"), 0)
    return targets, weights, is_counted


def smoothed_target(vocabulary_size, label_smoothing):
    """What the gold token and each of the others count in a smoothed target; they sum to 1.

    >>> smoothed_target(5, 0.2)
    (0.8, 0.05)
    """
    if not label_smoothing or vocabulary_size == 1:  # there are no others
        return 1.0, 0.0
    return 1.0 - label_smoothing, label_smoothing / (vocabulary_size - 1)


def smoothed_chunk(logits, targets, label_smoothing, with_accuracies):
    """The losses, the scores and the gradient of a chunk.

    Args:
        logits: float32 (t, V).
        targets: int32 (t,).
        label_smoothing: mass taken from the gold token and given to the others evenly.
        with_accuracies: whether scores have accuracies too.

    Returns:
        The losses (t,); a list of scores (t,), of which the first are the log probabilities of the
        targets; and a function of weights (t,) that returns the gradient (t, V) of the logits.
    """
    gold, other = smoothed_target(logits.shape[-1], label_smoothing)
    maxima, exponentials, totals = softmax_parts(logits)
    normalizers, of_targets = log_normalizers(maxima, totals), target_logits(logits, targets)
    losses = normalizers - (gold - other) * of_targets
    if other:
        losses = losses - other * ops.sum(logits, axis=-1)
    scores = [of_targets - normalizers]
    if with_accuracies:
        scores.append(tie_shares(logits, of_targets, maxima))

    def gradient(weights):
        factors = ops.expand_dims(weights, 1)  # (t, 1)
        difference = exponentials * (factors / totals)
        if other:
            difference = difference - other * factors
        return gold_difference(difference, targets, (other - gold) * weights)

    return losses, scores, gradient
