"""The training step whose update does not depend on how a batch is split. TensorFlow only.

The loss of a step is (sum over tokens) / (number of tokens), both over all micro-batches and all
replicas. The stock step takes the mean of the parts' means: a token in a short part then counts
more than one in a long part. It also clips gradients before the sum over replicas.

The step ignores masks that Keras attaches to tensors. A loss that leaves out an `ignore_class` has
a method `token_weights(y_true, sample_weight)`. Weights of the batch count everywhere.
"""

import functools

import keras
import tensorflow as tf
from keras import tree


def _loss_terms(model, y, y_pred, sample_weight):
    """A list of `(loss, factor, y, y_pred, sample_weight)`, one for each output with a loss."""
    if not isinstance(model.loss, dict):
        if isinstance(y_pred, (dict, list, tuple)):
            raise ValueError(
                "`loss` must be a dict keyed by output name for a model with several outputs. "
                f"Received: loss={model.loss!r}"
            )
        return [(keras.losses.get(model.loss), 1.0, y, y_pred, sample_weight)]
    if not isinstance(y_pred, dict):
        y_pred = dict(zip(model.output_names, tree.flatten(y_pred), strict=True))
    if unknown := sorted(set(model.loss) - set(y_pred)):
        raise ValueError(
            f"`loss` must name outputs of the model, {sorted(y_pred)}. Received: loss for {unknown}"
        )
    with tf.init_scope():  # the config holds the learning rate's value, which a graph cannot read
        factors = model.get_compile_config().get("loss_weights") or {}
    terms = []
    for name, loss in model.loss.items():
        weight = sample_weight.get(name) if isinstance(sample_weight, dict) else sample_weight
        terms.append(
            (keras.losses.get(loss), factors.get(name, 1.0), y[name], y_pred[name], weight)
        )
    return terms


def _values(loss, y, y_pred):
    """The loss values (B, ...), neither weighted nor averaged over rows."""
    y, y_pred = tf.convert_to_tensor(y), tf.cast(y_pred, tf.float32)
    if y_pred.shape.rank == 1:  # one number a row: a loss takes its mean over the last axis
        y, y_pred = tf.reshape(y, (-1, 1)), y_pred[:, None]
    # A function, or a `Loss` without its reduction.
    values = loss.call(y, y_pred) if isinstance(loss, keras.losses.Loss) else loss(y, y_pred)
    return tf.cast(values, tf.float32)


def _weights(loss, y, output_rank, sample_weight):
    """The weight of each loss value.

    Its shape is that of `y`, without the last axis if the output has as many axes. It is known
    before the forward pass, so that replicas can agree on their counts first.
    """
    if hasattr(loss, "token_weights"):
        return loss.token_weights(y, sample_weight)
    y = tf.convert_to_tensor(y)
    weights = tf.ones(tf.shape(y)[:-1] if 1 < y.shape.rank == output_rank else tf.shape(y))
    if sample_weight is None:
        return weights
    rank = y.shape.rank - (1 < y.shape.rank == output_rank)
    sample_weight = tf.cast(sample_weight, tf.float32)
    if sample_weight.shape.rank == rank + 1:
        sample_weight = tf.squeeze(sample_weight, -1)
    while sample_weight.shape.rank < rank:
        sample_weight = sample_weight[..., None]
    return weights * sample_weight


def _count(loss, weights):
    """The number that divides the sum of loss values; None if nothing does."""
    if hasattr(loss, "token_weights"):
        return tf.reduce_sum(weights)
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction == "mean_with_sample_weight":
        return tf.reduce_sum(weights)
    if reduction in ("sum_over_batch_size", "mean"):
        return tf.cast(tf.size(weights), tf.float32)
    if reduction == "sum":
        return None
    raise ValueError(
        "`reduction` of a loss must be 'sum', 'sum_over_batch_size', 'mean' or "
        f"'mean_with_sample_weight'. Received: reduction={reduction!r}"
    )


def _counts(model, batch):
    """For each output, the number that divides the sum of its loss values over a batch.

    It is known before the forward pass: replicas agree on it first, and XLA compiles the rest.
    """
    _, y, sample_weight = batch
    terms = _loss_terms(model, y, model.compute_output_spec(model.input), sample_weight)
    return [
        _count(loss, _weights(loss, y, len(output.shape), weight))
        for loss, _, y, output, weight in terms
    ]


def _sums(model, part, y_pred):
    """For each output: its factor times the weighted sum of the loss values of `part`."""
    sums = []
    for loss, factor, y, output, weight in _loss_terms(model, part[1], y_pred, part[2]):
        values = _values(loss, y, output)
        weights = _weights(loss, y, output.shape.rank, weight)
        sums.append(factor * tf.reduce_sum(values * weights))
    return sums


def _over_replicas(counts, context):
    """The counts of all replicas together."""
    if context.num_replicas_in_sync == 1:
        return counts
    add = tf.distribute.ReduceOp.SUM
    return [None if count is None else context.all_reduce(add, count) for count in counts]


def _divide(sums, counts):
    """The loss of a step. A batch without tokens has loss 0, not 0 / 0."""
    return tf.add_n(
        [
            total if count is None else tf.math.divide_no_nan(total, count)
            for total, count in zip(sums, counts, strict=True)
        ]
    )


def _rows(structure, index, parts):
    """Part `index` of `parts` of every tensor's rows."""

    def take(tensor):
        size = tf.shape(tensor)[0] if tensor.shape[0] is None else tensor.shape[0]
        return tensor[size * index // parts : size * (index + 1) // parts]

    return tree.map_structure(lambda leaf: None if leaf is None else take(leaf), structure)


def _split(data, parts):
    """The parts of a batch: a list of `(x, y, sample_weight)`."""
    return [data] if parts == 1 else [_rows(data, index, parts) for index in range(parts)]


def _dense(gradient, variable):
    """A gradient as a dense tensor: slices with repeated rows do not have the norm of their sum."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
    return gradient


def _add(total, gradient):
    return gradient if total is None else total if gradient is None else total + gradient


def _clip(gradients, optimizer):
    """Clips the whole batch's gradients as `optimizer` would; they still have the loss scale."""
    scale = 1.0
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        scale, optimizer = tf.convert_to_tensor(optimizer.dynamic_scale), optimizer.inner_optimizer
    if optimizer.clipnorm:
        return [tf.clip_by_norm(g, optimizer.clipnorm * scale) for g in gradients]
    if optimizer.global_clipnorm:
        return tf.clip_by_global_norm(gradients, optimizer.global_clipnorm * scale)[0]
    if optimizer.clipvalue:
        limit = optimizer.clipvalue * scale
        return [tf.clip_by_value(g, -limit, limit) for g in gradients]
    return gradients


def _reduced(gradients, optimizer, context):
    """The sum over replicas, clipped, divided by their number because `apply` sums once more.

    After this the optimizer's own clipping finds nothing to clip. The sum is the same on every
    replica, so all of them skip a step whose gradients are not finite.
    """
    present = [g for g in gradients if g is not None]
    summed = _clip(context.all_reduce(tf.distribute.ReduceOp.SUM, present), optimizer)
    shares = iter([g / context.num_replicas_in_sync for g in summed])
    return [None if g is None else next(shares) for g in gradients]


def _update_loss_metric(model, loss, counts, x):
    """Adds a batch to the epoch's loss, the mean over tokens: a batch counts by its tokens."""
    weight = tf.shape(tree.flatten(x)[0])[0] if len(counts) > 1 or counts[0] is None else counts[0]
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss, sample_weight=weight)


def _forward_and_backward(model, part, counts, share):
    """The gradients of a part of a batch, with the loss and the outputs that they come from.

    Args:
        model: see `exact_train_step`.
        part: `(x, y, sample_weight)`.
        counts: numbers that divide the sums over all parts and replicas.
        share: the part's share of the regularization.

    Returns:
        Gradients, one for each trainable variable, dense or None; the sums; the regularization; the
        outputs.
    """
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        y_pred = model(part[0], training=True)
        sums = _sums(model, part, y_pred)
        regularization = tf.add_n(model.losses) if model.losses else tf.zeros(())
        loss = model.optimizer.scale_loss(_divide(sums, counts) + share * regularization)
    gradients = tape.gradient(loss, variables)
    gradients = [_dense(g, variable) for g, variable in zip(gradients, variables, strict=True)]
    return gradients, sums, regularization, y_pred


def exact_train_step(model, data):
    """One update of `model` on `data`, in `model.micro_batches` parts. Returns the metrics.

    It works on one device, with or without XLA, and in a replica of
    `tf.distribute.MirroredStrategy` and `MultiWorkerMirroredStrategy`. With `model.jit_gradients`
    XLA compiles the forward and backward pass of each part, but neither the exchange between
    replicas nor the update.

    Args:
        model: a compiled functional `keras.Model` whose `loss` is one loss, or a dict of losses
            keyed by output.
        data: `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ValueError: if `loss` does not fit the outputs, or its reduction is unknown.
    """
    batch = keras.utils.unpack_x_y_sample_weight(data)
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    variables = model.trainable_variables
    parts = _split(batch, model.micro_batches)
    counts = _counts(model, batch)
    all_counts = _over_replicas(counts, context)
    loss = 0.0
    gradients = [None] * len(variables)
    for part in parts:
        x, y, sample_weight = part
        if len(parts) > 1:
            # One part after the other, or nothing of the memory would be saved.
            with tf.control_dependencies([g for g in gradients if g is not None]):
                x = tree.map_structure(tf.identity, x)
        run = functools.partial(_forward_and_backward, model)
        if model.jit_gradients:
            # A function of this trace alone: one traced in another replica has its variables.
            run = tf.function(run, jit_compile=True, autograph=False)
        found, sums, regularization, y_pred = run(
            (x, y, sample_weight), all_counts, 1.0 / (len(parts) * replicas)
        )
        gradients = [_add(total, new) for total, new in zip(gradients, found, strict=True)]
        loss += _divide(sums, counts) + regularization / len(parts)
        metrics = model.compute_metrics(x, y, y_pred, sample_weight)
    if replicas > 1:
        gradients = _reduced(gradients, model.optimizer, context)
    model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    _update_loss_metric(model, loss, counts, batch[0])
    return {**metrics, **model.get_metrics_result()}


def exact_test_step(model, data):
    """The metrics of `model` on `data`, with the loss averaged over tokens."""
    batch = keras.utils.unpack_x_y_sample_weight(data)
    x, y, sample_weight = batch
    y_pred = model(x, training=False)
    counts = _counts(model, batch)
    loss = _divide(_sums(model, batch, y_pred), counts)
    if model.losses:
        loss += tf.add_n(model.losses)
    _update_loss_metric(model, loss, counts, x)
    return model.compute_metrics(x, y, y_pred, sample_weight)
