"""Random bits, drawn fast on every backend."""

import keras


def random_bits(count, seed):
    """Random words of 32 bits.

    TensorFlow is told the algorithm. With the one that it chooses for `keras.random`, XLA takes a
    hundred times as long on a CPU. Each replica of `tf.distribute` draws bits of its own.

    Args:
        count: scalar int32 tensor or integer N.
        seed: `keras.random.SeedGenerator`.

    Returns:
        (N,) int32, uniform over all 2^32 values.
    """
    if keras.backend.backend() == "jax":
        return keras.random.randint((count,), -(2**31), 2**31 - 1, dtype="int32", seed=seed)

    import tensorflow as tf

    words = tf.cast(seed.next(), "int32")  # the same in every replica
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        replica = context.replica_id_in_sync_group
        words = tf.random.experimental.stateless_fold_in(words, replica)
    return tf.random.stateless_uniform(
        (count,),
        words,
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )
