"""A step without rows, as of a replica that gets none, changes neither weights nor logs."""

import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("replicas without rows are of tf.distribute", allow_module_level=True)

import tensorflow as tf

from keras_attention.models import BertEncoder, Classifier, TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity
from tests.models.test_rnn_translator import SIZES, SOURCE, TARGET, make

SMALL = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12, dropout=0.0)


def translator(model):
    inputs = {"encoder_token_ids": SOURCE, "decoder_token_ids": TARGET}
    options = {"loss": LabelSmoothedCrossEntropy(), "metrics": [Perplexity()]}
    return model, inputs, TARGET, options


def classifier():
    model = Classifier(BertEncoder(40, **SMALL, max_sequence_length=8), 3, classifier_dropout=0.0)
    mask = (SOURCE != 0).astype("int32")
    inputs = {"token_ids": SOURCE, "segment_ids": 0 * mask, "padding_mask": mask}
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, inputs, np.array([1, 2]), {"loss": sparse, "metrics": ["accuracy"]}


CASES = {
    "transformer": lambda: translator(TransformerTranslator(40, **SMALL)),
    "classifier": classifier,
    **{name: lambda name=name: translator(make(name, dropout=0.0)) for name in SIZES},
}
FAST = ("transformer", "classifier", "rnnsearch")


@pytest.mark.parametrize(
    "name",
    [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in sorted(CASES)],
)
def test_a_step_without_rows_changes_nothing(name):
    model, x, y, options = CASES[name]()
    model.compile(keras.optimizers.SGD(0.1), **options)
    # Sizes are not known before the step runs, as under a strategy.
    batch = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    nothing = batch.map(lambda *batch: tf.nest.map_structure(lambda x: x[:0], batch))
    before = model.get_weights()
    model.fit(nothing, shuffle=False, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    both = model.fit(batch.concatenate(nothing), shuffle=False, verbose=0).history
    model.set_weights(before)
    assert model.fit(batch, shuffle=False, verbose=0).history == both
    assert both["loss"][0] > 0.5


def test_replicas_without_rows_change_nothing():
    """Losses of tokens, vectors, batches and layers, several outputs, batch normalization."""
    command = [sys.executable, "-m", "tests.training.no_rows_run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
