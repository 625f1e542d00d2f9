"""`python -m tests.training.jax_data_parallel_run OUTPUT.npz`: weights on 1 and on 4 JAX devices.

Needs KERAS_BACKEND=jax and XLA_FLAGS=--xla_force_host_platform_device_count=4.
"""

import sys

import keras
import numpy as np

from keras_attention.models import BertEncoder, Classifier, TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy


def translation_data():
    """Sixteen length-skewed pairs in batches of 8."""
    random = np.random.default_rng(0)
    source = random.integers(4, 30, (16, 7)).astype("int32")
    target = random.integers(4, 30, (16, 9)).astype("int32")
    for row in range(16):
        source[row, 1 + 7 // (row + 1) :] = 0
        target[row, 1 + 9 // (row + 1) :] = 0
    decoder = np.concatenate([np.full((16, 1), 2, "int32"), target[:, :-1]], axis=1)
    decoder[target == 0] = 0
    return {"encoder_token_ids": source, "decoder_token_ids": decoder}, target


def train_translator():
    keras.utils.set_random_seed(1)
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=30, dropout=0.0)
    model.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.5), LabelSmoothedCrossEntropy())
    model.fit(*translation_data(), batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def train_classifier():
    keras.utils.set_random_seed(2)
    model = Classifier(BertEncoder.from_preset("tiny", vocabulary_size=30, dropout=0.0), 3)
    x, _ = translation_data()
    ids = x["encoder_token_ids"]
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": (ids != 0).astype("int32")}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(inputs, np.arange(16) % 3, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def main(output):
    results = {}
    for devices in (1, 4):
        names = keras.distribution.list_devices()[:devices]
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        for train in (train_translator, train_classifier):
            weights = [np.ravel(np.asarray(w)) for w in train().get_weights()]
            results[f"{train.__name__}_{devices}"] = np.concatenate(weights)
    results["devices"] = len(keras.distribution.list_devices())
    np.savez(output, **results)


if __name__ == "__main__":
    main(sys.argv[1])
