"""Cross-entropy of hard and of soft targets from hidden states, without the logits of a batch."""

from typing import NamedTuple

from keras import ops

from keras_attention.graph.matmul import flatten, linear
from keras_attention.training.linear_cross_entropy import CHUNK_SIZE
from keras_attention.training.row_chunks import (
    add_gradients,
    counted_rows,
    even_chunks,
    gradient_scales,
    scaled_gradients,
    scan_counted,
    smoothed_chunk,
)
from keras_attention.training.soft_targets import divergences


class _Options(NamedTuple):
    """What a chunk is computed by, beside its tensors."""

    temperature: float
    hard: float  # what each of the two counts in the gradient, their bound being 1
    soft: float
    label_smoothing: float
    student: object  # the `OutputProjection` of each
    teacher: object
    with_accuracies: bool


def linear_distillation(
    hidden,
    projection,
    teacher_hidden,
    teacher_projection,
    targets,
    weights,
    temperature,
    hard,
    soft,
    label_smoothing=0.0,
    counted=None,
    with_accuracies=True,
    chunk_size=CHUNK_SIZE,
):
    """As `linear_cross_entropy`, with the divergence from a teacher's softened logits beside it.

    A chunk of rows has the logits of student and teacher as long as it takes to compute both losses
    and their share of the gradient: nothing has B * T * V elements, of either.

    Args:
        hidden: of the student, (..., D).
        projection: the student's `OutputProjection` to V logits.
        teacher_hidden: of the teacher, (..., D'). No gradient reaches it.
        teacher_projection: the teacher's `OutputProjection`, to V logits too.
        targets: integers (...), from 0 to V - 1 where a row counts.
        weights: (...), what each row counts in both sums. No gradient reaches them.
        temperature: a number above 0, that divides the logits of both before the softmax.
        hard, soft: what the two losses count in the gradient.
        label_smoothing: of the hard targets, in [0, 1).
        counted, with_accuracies, chunk_size: those of `linear_cross_entropy`.

    Returns:
        Float32 scalars: the total, `hard` times the first of the two that follow plus `soft` times
        the second; the weighted sum of the cross-entropies of hard targets; and that of the
        divergences (`soft_target_losses`). A gradient has the total alone. Then the log
        probabilities (...) of the targets, and their accuracies (...) or None.
    """
    shape = ops.shape(targets)
    # Copies, or TensorFlow would see the variables besides.
    floats = [ops.copy(x) for x in (hidden, projection.kernel, projection.bias) if x is not None]
    of_teacher = [
        None if x is None else ops.stop_gradient(ops.copy(x))
        for x in (teacher_hidden, teacher_projection.kernel, teacher_projection.bias)
    ]
    # A row's softmax minus target is in [-1, 1], and so is softmax minus softmax, which the
    # temperature multiplies.
    bound = hard + soft * temperature
    options = _Options(
        temperature,
        hard / bound,
        soft * temperature / bound,
        label_smoothing,
        projection._replace(kernel=None, bias=None),
        teacher_projection._replace(kernel=None, bias=None),
        with_accuracies,
    )
    targets, weights, is_counted = counted_rows(targets, weights, counted)

    def run(*tensors):
        hidden, kernel, bias = (*map(ops.stop_gradient, tensors), None)[:3]
        found, scores, gradients = _by_chunks(
            (flatten(hidden), kernel, bias),
            of_teacher,
            (targets, weights * bound, is_counted),
            options,
            chunk_size,
        )
        sums = [ops.sum(losses * weights) for losses in found]

        def gradient(*upstream):
            # JAX passes one tuple, TensorFlow its members. Only the total sends something back.
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            return scaled_gradients(gradients, upstream[0], floats, ops.shape(hidden))

        total = hard * sums[0] + soft * sums[1]
        return (total, *sums, *(ops.reshape(x, shape) for x in scores)), gradient

    total, *others = ops.custom_gradient(run)(*floats)
    hard_sum, soft_sum, log_probabilities, *accuracies = (ops.stop_gradient(x) for x in others)
    return total, hard_sum, soft_sum, log_probabilities, (*accuracies, None)[0]


def _by_chunks(student, teacher, vectors, options, chunk_size):
    """What comes of all rows.

    Args:
        student: rows (N, D), kernel, and bias or None.
        teacher: hidden states (..., D'), kernel, and bias or None.
        vectors: targets, weights and whether each counts, (N,).

    Returns:
        A pair of losses (N,), of hard and soft targets; a list of scores (N,); and a list of pairs
        `(gradient, factor)` for the student's rows, kernel and bias.
    """
    rows, kernel, bias = student
    targets, weights, is_counted = vectors
    dtype, transposed = options.student.dtype, options.student.transposed
    count, chunk_size = even_chunks(ops.shape(rows)[0], chunk_size)
    scales, factors = gradient_scales(rows, kernel, weights, chunk_size, dtype)
    teacher_rows, teacher_kernel, teacher_bias = teacher
    teacher_kernel = _columns(teacher_kernel, options.teacher)
    product_kernel = ops.cast(kernel, dtype)

    def step(sums, chunk):
        rows, teacher_rows, targets, weights = chunk
        columns = ops.transpose(product_kernel) if transposed else product_kernel
        logits = ops.cast(linear(rows, columns, dtype, bias), "float32")  # (t, V)
        expected = linear(teacher_rows, teacher_kernel, options.teacher.dtype, teacher_bias)
        expected = ops.cast(expected, "float32")
        losses, scores, difference = _chunk(logits, expected, targets, weights * scales[0], options)
        sums, of_rows = add_gradients(
            sums, difference, rows, product_kernel, scales[1], transposed, dtype
        )
        return sums, (losses, scores, of_rows)

    sums = [ops.zeros(ops.shape(x), "float32") for x in (kernel, bias) if x is not None]
    inputs = (
        ops.cast(rows, dtype),
        ops.cast(flatten(teacher_rows), options.teacher.dtype),
        targets,
        weights,
    )
    sums, outputs = scan_counted(step, sums, inputs, is_counted, count, chunk_size)
    losses, scores, of_rows = outputs
    return losses, scores, list(zip([of_rows, *sums], factors, strict=False))


def _columns(kernel, projection):
    kernel = ops.cast(kernel, projection.dtype)
    return ops.transpose(kernel) if projection.transposed else kernel


def _chunk(logits, expected, targets, weights, options):
    """One chunk: float32 logits (t, V) of student and teacher, targets (t,), and weights (t,).

    Returns:
        The two losses (t,), a list of scores (t,), and the gradient (t, V) of the student's logits.
    """
    hard, scores, gradient = smoothed_chunk(
        logits, targets, options.label_smoothing, options.with_accuracies
    )
    softened = (x / options.temperature for x in (logits, expected))
    divergence, own, teacher = divergences(*softened)
    soft = options.temperature**2 * divergence
    # Of hard targets: softmax minus target. Of soft ones, times the temperature: softmax minus
    # softmax, which `options.soft` has the factor of.
    factors = ops.expand_dims(weights * options.soft, 1)  # (t, 1)
    difference = gradient(weights * options.hard) + (own - teacher) * factors
    return (hard, soft), scores, difference
