"""Chooses on two replicas: `python -m tests.training.choose_jit_run`. The output is JSON."""

import json

import tensorflow as tf

from keras_attention.training import choose_jit as module
from tests.training.distributed import Rows, use_cpus


def main():
    from tests.training.test_choose_jit import made

    said = []
    with tf.distribute.MirroredStrategy(use_cpus(2)).scope():
        model, batches = made(), Rows(16)
        model.optimizer.build(model.trainable_variables)
        weights = [array.tobytes() for array in model.get_weights()]
        choice = module.choose_jit(model, batches, 10**7, 1, said.append)
        after = [array.tobytes() for array in model.get_weights()]
        own = [model.jit_compile, model.jit_gradients]
        steps = int(model.optimizer.iterations.numpy())
    print(json.dumps([choice, said, own, weights == after, steps]))


if __name__ == "__main__":
    main()
