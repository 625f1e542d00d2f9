"""What Keras 3 lacks for `fit` under `tf.distribute`. TensorFlow only.

To build the metrics, stock `fit` adds the parts of its first batch. That fails if the parts differ
in size, and under `MultiWorkerMirroredStrategy`. There it also reduces the logs of a step over an
axis that they do not have.

`keras_attention.models.Model` calls these functions instead. The private methods of Keras that it
takes are in `keras_attention.keras_private`.
"""

import os

import keras
import tensorflow as tf

from keras_attention._validation import InputError
from keras_attention.keras_private import build_symbolically, is_unbuilt
from keras_attention.training.tf_config import hold_address, meet, require_tf_config

INSTEAD = (
    ("ParameterServerStrategy", "use tf.distribute.MultiWorkerMirroredStrategy"),
    ("TPUStrategy", "use KERAS_BACKEND=jax with keras.distribution"),
)


def is_multi_worker(strategy):
    """Whether several processes may train together."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def takes_batches_apart(strategy):
    """Whether `fit` splits a batch into parts, which may differ in size."""
    return strategy.num_replicas_in_sync > 1 or is_multi_worker(strategy)


def make_strategy(name):
    """Makes the strategy that the option `distribute` names.

    Call it before TensorFlow does anything else.

    Args:
        name: "none"; "mirrored" for all GPUs of this machine; or "multi-worker" for all GPUs of the
            machines that the environment variable TF_CONFIG lists. To try "mirrored" without a GPU,
            set KERAS_ATTENTION_CPU_DEVICES to the number of replicas.

    Raises:
        InputError: if TF_CONFIG is missing or wrong, or another process has this worker's address.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        cpus = os.environ.get("KERAS_ATTENTION_CPU_DEVICES", "0")
        if not cpus.isascii() or not cpus.isdigit():
            raise InputError(
                f"KERAS_ATTENTION_CPU_DEVICES must be a number of replicas. Received: {cpus!r}"
            )
        cpus = int(cpus)
        if not cpus:
            return tf.distribute.MirroredStrategy()
        device = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * cpus
        tf.config.set_logical_device_configuration(device, parts)
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(cpus)])
    own, others = require_tf_config(os.environ.get("TF_CONFIG"))
    with hold_address(own):
        meet(others)
    return tf.distribute.MultiWorkerMirroredStrategy()


def jit_options(jit):
    """The arguments of `compile` for XLA, which cannot compile a whole step of several replicas.

    "auto" is no XLA yet: `keras_attention.training.choose_jit` tries it on the compiled model.
    """
    jit = jit not in (False, "auto")
    whole = jit and tf.distribute.get_strategy().num_replicas_in_sync == 1
    return {"jit_compile": whole, "jit_gradients": jit and not whole}


def uncompilable():
    """The errors of a step that XLA cannot compile."""
    return tf.errors.OpError, NotImplementedError, TypeError, ValueError


def require_supported(model):
    """Refuses what Keras 3 cannot do under the strategy of a model. Call it after `compile`.

    Raises:
        ValueError: if the strategy or an option does not work; the message says what to use
            instead.
    """
    strategy = model.distribute_strategy
    for name, instead in INSTEAD:
        if type(strategy).__name__.startswith(name):  # followed by V1 or V2
            raise ValueError(f"`fit` of Keras 3 does not work under {name}: {instead}.")
    if keras.distribution.distribution() is not None:
        raise ValueError(
            "`keras.distribution` does nothing on the TensorFlow backend: use "
            "tf.distribute.MirroredStrategy, or KERAS_BACKEND=jax."
        )
    if strategy.num_replicas_in_sync == 1:
        return
    if model.jit_compile:
        raise ValueError(
            "`jit_compile` must be False under a strategy of several replicas, because XLA cannot "
            "compile the exchange of gradients: use compile(jit_gradients=True), which compiles "
            "the forward and backward pass of each replica. Received: jit_compile=True"
        )
    if model.steps_per_execution > 1:
        raise ValueError(
            "`steps_per_execution` must be 1 under a strategy of several replicas: use larger "
            "batches, split by compile(micro_batches=...) where memory is short. "
            f"Received: steps_per_execution={model.steps_per_execution}"
        )
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if getattr(optimizer, "gradient_accumulation_steps", None):
        raise ValueError(
            "`gradient_accumulation_steps` of an optimizer does not work under a strategy of "
            "several replicas: use compile(micro_batches=...), which is exact. Received: "
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps}"
        )


def multi_worker_function(model, step):
    """The function that Keras calls for a step of `fit` or `evaluate`: `logs = function(iterator)`.

    The logs of one step are the mean of what the replicas have seen so far, for the progress bar.
    For the logs of an epoch Keras reads the metrics, which are summed over all replicas.
    """
    strategy = model.distribute_strategy

    @tf.function(reduce_retracing=True, autograph=False)
    def function(iterator):
        logs = strategy.run(step, args=(next(iterator),))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    return function


def build_from_iterator(model, iterator):
    """Builds losses, metrics and optimizer from the first batch of a replica of this process."""
    optimizer_is_built = model.optimizer is None or model.optimizer.built
    if not is_unbuilt(model) and optimizer_is_built:
        return  # a second time the iterator may be at its end
    strategy = model.distribute_strategy
    _, _, batches = next(iter(iterator))
    batch = tf.nest.map_structure(
        lambda value: strategy.experimental_local_results(value)[0], next(batches)
    )
    with strategy.scope():
        build_symbolically(model, batch)


def distributed_dataset(batches, **position):
    """The batches from a position on, for `fit` under the current strategy.

    Every batch is split by its rows into a share for each replica. So no row is read twice or left
    out, whatever the number of workers and replicas. `tf.data`'s own sharding gives whole batches
    to workers. It gives them twice, or not at all, if it cannot see how they were made.

    Args:
        batches: an object with `dataset(..., shares=...)`, such as
            `keras_attention.text.TranslationBatches`.
        **position: further arguments of `dataset`.
    """
    strategy = tf.distribute.get_strategy()
    count = strategy.num_replicas_in_sync
    if count == 1:
        return batches.dataset(**position)

    def of_worker(context):
        replicas = count // context.num_input_pipelines
        first = replicas * context.input_pipeline_id
        return batches.dataset(**position, shares=(range(first, first + replicas), count))

    return strategy.distribute_datasets_from_function(of_worker)


def over_replicas(numbers, context):
    """The sums over all replicas; None stays None."""
    if context.num_replicas_in_sync == 1:
        return numbers
    add = tf.distribute.ReduceOp.SUM
    return [None if number is None else context.all_reduce(add, number) for number in numbers]


def gathered(*tensors):
    """Tensors with the rows of all replicas, and the number of rows of the replicas before this.

    The gradient of what a replica makes of the rows of others goes back to these, so that the sum
    over replicas is the gradient of the whole batch.

    Args:
        *tensors: (B, ...), each with as many rows.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return *tensors, 0
    sizes = context.all_gather(tf.shape(tensors[0])[:1], axis=0)
    offset = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
    return *(context.all_gather(tensor, axis=0) for tensor in tensors), offset


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


def clipped_sum(gradients, optimizer, context):
    """The sum over replicas, clipped, divided by their number because `apply` sums once more.

    After this the optimizer's own clipping finds nothing to clip. The sum is the same on every
    replica, so all of them skip a step whose gradients are not finite.
    """
    present = [g for g in gradients if g is not None]
    summed = _clip(context.all_reduce(tf.distribute.ReduceOp.SUM, present), optimizer)
    shares = iter([g / context.num_replicas_in_sync for g in summed])
    return [None if g is None else next(shares) for g in gradients]
