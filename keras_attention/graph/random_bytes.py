"""Random bytes, drawn fast on every backend."""

import keras
from keras import ops


def random_bytes(tensor, seed):
    """One random byte for each element of a tensor.

    TensorFlow is told the algorithm. With the one that it chooses for `keras.random`, XLA takes a
    hundred times as long on a CPU. Each replica of `tf.distribute` draws bytes of its own.

    Args:
        tensor: of any shape and dtype; only its shape counts.
        seed: `keras.random.SeedGenerator`.

    Returns:
        uint8 of the tensor's shape, uniform over all 256 values.

    Reference: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", section 3.3, the
    generator Philox4x32-10, https://doi.org/10.1145/2063384.2063405
    """
    draw = _jax_bytes if keras.backend.backend() == "jax" else _tensorflow_bytes
    return draw(tensor, seed)


def _jax_bytes(tensor, seed):
    size = ops.size(tensor)
    words = ((size + 3) // 4, 1)  # a last axis, which `ops.view` turns into one of four
    words = keras.random.randint(words, -(2**31), 2**31 - 1, dtype="int32", seed=seed)
    return ops.reshape(ops.reshape(ops.view(words, "uint8"), (-1,))[:size], ops.shape(tensor))


def _tensorflow_bytes(tensor, seed):
    # TensorFlow's own operations: those of Keras, and the scrambling of the seed by
    # `tf.random.stateless_uniform`, made a quarter of the operations of a transformer's step.
    import tensorflow as tf

    pair = tf.cast(seed.next(), tf.int32)  # the same in every replica
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        replica = context.replica_id_in_sync_group
        pair = tf.random.experimental.stateless_fold_in(pair, replica)
    size = tf.size(tensor)
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.reshape((size + 3) // 4, (1,)),
        key=tf.reshape(tf.bitcast(pair, tf.uint64), (1,)),
        counter=tf.zeros((2,), tf.uint64),
        alg=1,  # Philox
        dtype=tf.int32,
    )
    draws = tf.reshape(tf.bitcast(words, tf.uint8), (-1,))[:size]  # four of every word
    return tf.reshape(draws, tf.shape(tensor))
