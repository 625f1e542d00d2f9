"""Several processes as one training: the chief decides, and every worker gets its decision.

With one process these functions do nothing, on any backend. Under
`tf.distribute.MultiWorkerMirroredStrategy` every worker must call them in the same order, in the
strategy's scope. Several workers need TensorFlow.
"""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_attention._validation import InputError

CHUNK = 16 * 2**20  # int32 values of one exchange: 64 MB


class WorkerLost(RuntimeError):
    """Another worker has ended or cannot be reached, so this one cannot continue.

    Attributes:
        exit_status: exit status of the command, which means "start again" (EX_TEMPFAIL of
            sysexits.h).
    """

    exit_status = 75


def current_strategy():
    """The current strategy if it has several workers, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    from keras_attention.training.distribution import is_multi_worker

    strategy = tf.distribute.get_strategy()
    return strategy if is_multi_worker(strategy) else None


def is_chief():
    """Whether this process writes the run directory: the only process, or the chief."""
    strategy = current_strategy()
    if strategy is None:
        return True
    resolver = strategy.cluster_resolver
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return not resolver.task_id


def _sum(array):
    """The sum of an int32 array over all workers. Its shape must be the same on each."""
    import tensorflow as tf

    strategy = current_strategy()
    replicas = len(strategy.extended.worker_devices)  # of this worker, one of which speaks for it

    def share(context):
        speaks = context.replica_id_in_sync_group % replicas == 0
        return tf.constant(array if speaks else np.zeros_like(array))

    with worker_lost():
        values = strategy.experimental_distribute_values_from_function(share)
        return strategy.reduce("SUM", values, axis=None).numpy()


def any_worker(flag):
    """Whether `flag` is true on one worker or more."""
    if current_strategy() is None:
        return bool(flag)
    return bool(_sum(np.int32([flag]))[0])


def share_bytes(data):
    """The chief's `data` (bytes), on every worker. The data of the others is ignored."""
    if current_strategy() is None:
        return data
    # Integers, because a sum of floating-point numbers with zeros can lose a sign.
    data = data if is_chief() else b""
    size = int(_sum(np.array([len(data)], np.int32))[0])
    values = np.zeros(-(-size // 4), np.int32)
    if is_chief():
        values = np.frombuffer(data.ljust(4 * len(values), b"\0"), np.int32)
    chunks = [_sum(values[i : i + CHUNK]) for i in range(0, len(values), CHUNK)]
    return b"".join(chunk.tobytes() for chunk in chunks)[:size]


def decide(function):
    """Runs `function()` on the chief. Every worker gets its result, a JSON value.

    Raises:
        InputError: on every worker, if the function raises it on the chief.
    """
    if current_strategy() is None:
        return function()
    answer = {}
    if is_chief():
        # A thread is outside the strategy's scope. In that scope, making a variable (as saving a
        # model does) waits for the other workers.
        with ThreadPoolExecutor(1) as thread:
            try:
                answer = {"result": thread.submit(function).result()}
            except InputError as error:
                answer = {"error": str(error)}
    answer = json.loads(share_bytes(json.dumps(answer).encode()))
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["result"]


def share_weights(model):
    """Gives the model of every worker the weights of the chief's model."""
    from safetensors.numpy import load, save

    if current_strategy() is None:
        return
    own = {f"{i:06d}": np.array(array) for i, array in enumerate(model.get_weights())}
    arrays = load(share_bytes(save(own)))
    model.set_weights([arrays[name] for name in sorted(arrays)])


@contextlib.contextmanager
def worker_lost():
    """Raises `WorkerLost` in place of TensorFlow's errors about a worker that is gone."""
    if current_strategy() is None:
        yield
        return
    import tensorflow as tf

    gone = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
    )
    try:
        yield
    except gone as error:
        raise WorkerLost(
            "Another worker has ended or cannot be reached. Start all workers again with `resume`."
        ) from error
