"""The base class: what a saved model remembers of how it was compiled."""

import keras
import numpy as np

from keras_attention.models import TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy, WarmupLinearSchedule
from tests.backend import BACKEND


def test_a_loaded_model_trains_on_as_it_was_compiled(tmp_path):
    keras.utils.set_random_seed(3)
    model = TransformerTranslator(
        vocabulary_size=11,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        dropout=0.0,
    )
    ids = np.random.default_rng(0).integers(4, 11, (6, 5))
    inputs = {"encoder_token_ids": ids, "decoder_token_ids": ids}
    model.compile(
        keras.optimizers.Adam(WarmupLinearSchedule(1e-2, 2, 9), global_clipnorm=1.0),
        LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy()],
        micro_batches=2,
        jit_compile=BACKEND == "jax",
    )
    model.fit(inputs, ids, batch_size=6, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.micro_batches == 2
    assert isinstance(loaded.loss, LabelSmoothedCrossEntropy)
    assert int(loaded.optimizer.iterations) == 2
    found = [m.fit(inputs, ids, batch_size=6, verbose=0).history for m in (loaded, model)]
    assert found[0] == found[1]
    assert "accuracy" in found[0]
    for left, right in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-7)


def test_an_uncompiled_model_stays_so(tmp_path):
    model = TransformerTranslator(
        vocabulary_size=11, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.compiled and loaded.micro_batches == 1
