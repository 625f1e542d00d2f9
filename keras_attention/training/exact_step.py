"""The training step whose update does not depend on how a batch is split. TensorFlow only.

The loss of a step is (sum over tokens) / (number of tokens), both over all micro-batches and all
replicas. The stock step takes the mean of the parts' means: a token in a short part then counts
more than one in a long part. It also clips gradients before the sum over replicas.

A model gives the losses of a part of a batch (`ExactTraining.step_terms`), and this module adds
them up.
"""

import contextlib
import functools
import warnings

import keras
import tensorflow as tf
from keras import tree

from keras_attention.keras_private import (
    build_metrics,
    kept_by_layers,
    loss_metric,
    mask_of,
    set_mask,
)
from keras_attention.training.distribution import clipped_sum, over_replicas
from keras_attention.training.loss_terms import by_output
from keras_attention.training.token_metrics import TokenScores


def _forward(model, part, rows, training, is_whole):
    """Runs a model on a batch or a part of one.

    Returns:
        The losses of the outputs; what the layers add to them, which counts by rows, and nothing
        for a part without rows; the outputs, or the `TokenScores` that metrics read in their place.
    """
    eagerly = None if is_whole else tf.init_scope
    terms, outputs = model.step_terms(part, rows, training, eagerly)
    if not is_whole and any(len(loss.shape) for loss in model.losses):
        raise ValueError(
            "`add_loss` must be given one number for micro-batches or several replicas, a mean "
            f"over rows. Received: shapes={[tuple(loss.shape) for loss in model.losses]}"
        )
    each = [tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in model.losses]
    return terms, tf.where(rows > 0, tf.add_n(each), 0.0) if each else tf.zeros(()), outputs


def _one_if(rows):
    """What the gradients of a part count whose values add up: nothing, if it has no rows."""
    return tf.cast(rows > 0, tf.float32)


def _metrics(model, part, rows, y_pred):
    """The metrics of the logs, with a part more."""
    x, y, sample_weight = part
    build_metrics(model, y, y_pred)
    variables = [variable for metric in model.metrics for variable in metric.variables]
    with _unchanged_without_rows(variables, rows):
        return model.compute_metrics(x, y, y_pred, by_output(sample_weight, model, y_pred))


@contextlib.contextmanager
def _unchanged_without_rows(variables, rows):
    """Takes back what the block does to variables for a part that holds a row in place of none."""
    before = [tf.convert_to_tensor(variable) for variable in variables]
    yield
    for variable, old in zip(variables, before, strict=True):
        variable.assign(tf.where(rows > 0, variable, old))


def _share(count, total):
    """What the mean of a part counts in that of all parts; 1 where their values add up."""
    return 1.0 if count is None else tf.stop_gradient(tf.math.divide_no_nan(count, total))


def _with_a_row(tensor):
    """A tensor, with a row of zeros if it has none: CTC, for one, cannot do without rows."""
    if not isinstance(tensor, tf.Tensor) or tensor.shape[0]:
        return tensor
    shape = tf.shape(tensor)
    missing = tf.cast(tf.equal(shape[:1], 0), tf.int32)
    return tf.concat([tensor, tf.zeros(tf.concat([missing, shape[1:]], 0), tensor.dtype)], 0)


def _split(data, parts):
    """The parts of a batch: a list of `((x, y, sample_weight), rows)`.

    In a part of 0 rows there is one in their place, which counts nothing: the next part's first.
    """
    leaf = next(leaf for leaf in tree.flatten(data) if leaf is not None)
    size = tf.shape(leaf)[0] if leaf.shape[0] is None else leaf.shape[0]
    data = tree.map_structure(_with_a_row, data)
    if parts == 1:
        return [(data, tf.cast(size, tf.float32))]
    found = []
    for index in range(parts):
        start, end = size * index // parts, size * (index + 1) // parts
        stop = max(end, start + 1) if isinstance(size, int) else tf.maximum(end, start + 1)
        rows = slice(start, stop)
        part = tree.map_structure(
            lambda leaf, rows=rows: None if leaf is None else leaf[rows], data
        )
        found.append((part, tf.cast(end - start, tf.float32)))
    return found


def _dense(gradient, variable):
    """A gradient as a dense tensor: slices with repeated rows do not have the norm of their sum."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
    return gradient


def _add(total, new):
    return new if total is None else total if new is None else total + new


def _times(tensor, factor):
    """The product, None for None. What counts nothing is 0, even if it is not a number."""
    return None if tensor is None else tf.math.multiply_no_nan(tf.cast(tensor, tf.float32), factor)


def _gradients(tape, loss, variables):
    """Gradients of `variables`, dense or None."""
    gradients = tape.gradient(loss, variables)
    return [_dense(g, variable) for g, variable in zip(gradients, variables, strict=True)]


def _whole(model, context, batch, rows, all_rows):
    """The gradients of a batch that this replica does not split, and what they come from.

    Replicas agree on their counts between the forward and the backward pass.

    Returns:
        Gradients, one for each trainable variable, dense or None; the terms; the regularization;
        the outputs.
    """
    with tf.GradientTape() as tape:
        is_whole = context.num_replicas_in_sync == 1
        terms, regularization, y_pred = _forward(model, batch, rows, True, is_whole)
        loss = _share(rows, all_rows) * regularization
        totals = over_replicas([count for _, _, count in terms], context)
        for (weight, mean, count), total in zip(terms, totals, strict=True):
            loss += weight * _share(count, total) * mean
        loss = model.optimizer.scale_loss(loss)
    gradients = _gradients(tape, loss, model.trainable_variables)
    counts = _one_if(rows)
    return [_times(g, counts) for g in gradients], terms, regularization, y_pred


def _part(model, part, rows):
    """As `_whole`, for a part whose share in the batch is not known before its backward pass.

    What is differentiated is a mean, whose gradient half precision can hold.

    Returns:
        For each term, and for the regularization if there is any, a list of gradients; the terms;
        the regularization; the outputs.
    """
    with tf.GradientTape(persistent=True) as tape:
        terms, regularization, y_pred = _forward(model, part, rows, True, is_whole=False)
        losses = [weight * mean for weight, mean, _ in terms]
        losses += [regularization] if model.losses else []
        losses = [model.optimizer.scale_loss(loss) for loss in losses]
    gradients = [_gradients(tape, loss, model.trainable_variables) for loss in losses]
    return gradients, terms, regularization, y_pred


def _compiled(function, is_compiled):
    """`function`, compiled by XLA on request. The outputs, its last value, keep their masks."""
    if not is_compiled:
        return function
    are_scores = False

    # A function of this trace alone: one traced in another replica has its variables.
    @tf.function(jit_compile=True, autograph=False)
    def compiled(*args):
        nonlocal are_scores
        *found, y_pred = function(*args)
        are_scores = isinstance(y_pred, TokenScores)
        if are_scores:
            return *found, y_pred.tensors(), None
        return *found, y_pred, tree.map_structure(mask_of, y_pred)

    def run(*args):
        *found, y_pred, masks = compiled(*args)
        if are_scores:
            return *found, TokenScores(*y_pred)
        tree.map_structure(set_mask, y_pred, masks)
        return *found, y_pred

    return run


def _in_parts(model, context, parts, rows, all_rows):
    """As `_whole`, from the parts of a batch, with the metrics in the place of the outputs."""
    run = _compiled(functools.partial(_part, model), model.jit_gradients)
    sums = None
    for (x, y, sample_weight), own_rows in parts:
        if sums is not None:
            # One part after the other, or nothing of the memory would be saved.
            with tf.control_dependencies([g for g in tree.flatten(sums) if g is not None]):
                x = tree.map_structure(tf.identity, x)
        with _unchanged_without_rows(kept_by_layers(model), own_rows):
            found, terms, regularization, y_pred = run((x, y, sample_weight), own_rows)
        metrics = _metrics(model, (x, y, sample_weight), own_rows, y_pred)
        counts = [count for _, _, count in terms]
        factors = [*(_one_if(own_rows) if n is None else n for n in counts), own_rows]
        new = (
            [[_times(g, f) for g in each] for each, f in zip(found, factors, strict=False)],
            [mean * factor for (_, mean, _), factor in zip(terms, factors, strict=False)],
            counts,
            regularization * factors[-1],
        )
        sums = new if sums is None else tree.map_structure(_add, sums, new)
    gradients, means, counts, regularization = sums
    totals = [*over_replicas(counts, context), all_rows]
    factors = [1.0 if n is None else tf.math.divide_no_nan(1.0, n) for n in totals]
    gradients = [[_times(g, f) for g in each] for each, f in zip(gradients, factors, strict=False)]
    gradients = [functools.reduce(_add, each) for each in zip(*gradients, strict=True)]
    terms = [
        (weight, mean if count is None else tf.math.divide_no_nan(mean, count), count)
        for (weight, _, _), mean, count in zip(terms, means, counts, strict=True)
    ]
    return gradients, terms, tf.math.divide_no_nan(regularization, rows), metrics


def _log(model, context, terms, regularization, rows):
    """Adds a batch to the losses of the epoch."""
    sums = over_replicas([None if count is not None else mean for _, mean, count in terms], context)
    loss_metric(model).update_state(
        [
            term if total is None else (term[0], total, rows)
            for term, total in zip(terms, sums, strict=True)
        ],
        regularization,
        rows,
    )


def exact_train_step(model, data):
    """One update of `model` on `data`, in `model.micro_batches` parts. Returns the metrics.

    It works on one device, with or without XLA, and in a replica of
    `tf.distribute.MirroredStrategy` and `MultiWorkerMirroredStrategy`. With `model.jit_gradients`
    XLA compiles the forward and backward pass of each part, but neither the exchange between
    replicas nor the update. A model with several losses then takes a backward pass for each, as
    it does for micro-batches.

    Args:
        model: a compiled `keras_attention.models.Model`.
        data: `(x, y)` or `(x, y, sample_weight)`, as `fit` takes them.

    Raises:
        ValueError: if the losses do not fit the outputs, or cannot be joined over parts.
    """
    batch = keras.utils.unpack_x_y_sample_weight(data)
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    parts = _split(batch, model.micro_batches)
    rows = tf.add_n([rows for _, rows in parts])
    (all_rows,) = over_replicas([rows], context)
    if len(parts) == 1 and (replicas == 1 or not model.jit_gradients):
        run = _compiled(functools.partial(_whole, model, context), model.jit_gradients)
        ((batch, _),) = parts
        with _unchanged_without_rows(kept_by_layers(model), rows):
            gradients, terms, regularization, y_pred = run(batch, rows, all_rows)
        metrics = _metrics(model, batch, rows, y_pred)
    else:
        gradients, terms, regularization, metrics = _in_parts(model, context, parts, rows, all_rows)
    if not gradients:
        warnings.warn("The model does not have any trainable weights.", stacklevel=2)
    else:
        if replicas > 1:
            gradients = clipped_sum(gradients, model.optimizer, context)
        variables = model.trainable_variables
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    _log(model, context, terms, regularization, rows)
    return {**metrics, **model.get_metrics_result()}


def exact_test_step(model, data):
    """The metrics of `model` on `data`, with the loss averaged over tokens."""
    context = tf.distribute.get_replica_context()
    is_whole = context.num_replicas_in_sync == 1
    ((batch, rows),) = _split(keras.utils.unpack_x_y_sample_weight(data), 1)
    with _unchanged_without_rows(kept_by_layers(model), rows):
        terms, regularization, y_pred = _forward(model, batch, rows, False, is_whole)
    metrics = _metrics(model, batch, rows, y_pred)
    _log(model, context, terms, regularization, rows)
    return {**metrics, **model.get_metrics_result()}
