"""What `compile` says to what cannot work: `python -m tests.training.refusals_run`.

The last line of the output is JSON, by strategy: mirrored (two CPU devices), keras
(`keras.distribution`), parameter-server.
"""

import json

import keras
import tensorflow as tf

from keras_attention.cli.launch import free_ports
from tests.training.distributed import compiled_model, use_cpus


def refusal(**options):
    """The message of `compile`, or None."""
    try:
        compiled_model(**options)
    except ValueError as error:
        return str(error)


def mirrored():
    with tf.distribute.MirroredStrategy(use_cpus(2)).scope():
        accumulating = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
        return {
            "nothing": refusal(),
            "jit_gradients": refusal(jit_gradients=True),
            "jit_compile": refusal(jit_compile=True),
            "steps_per_execution": refusal(steps_per_execution=2),
            "accumulation": refusal(optimizer=accumulating),
            "scaled_accumulation": refusal(
                optimizer=keras.optimizers.LossScaleOptimizer(accumulating)
            ),
        }


def parameter_server():
    jobs = ("ps", "worker")
    cluster = {job: [f"localhost:{port}"] for job, port in zip(jobs, free_ports(2), strict=True)}
    servers = [tf.distribute.Server(cluster, job, 0, protocol="grpc") for job in jobs]
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster), rpc_layer="grpc"
    )
    with tf.distribute.ParameterServerStrategy(resolver).scope():
        return {"fit": refusal(), "servers": len(servers)}


def of_keras():
    with keras.distribution.DataParallel(devices=["cpu:0"]).scope():
        return {"fit": refusal()}


if __name__ == "__main__":
    # Servers come last: they begin TensorFlow's context anew.
    functions = {"mirrored": mirrored, "keras": of_keras, "parameter-server": parameter_server}
    print(json.dumps({name: function() for name, function in functions.items()}), flush=True)
