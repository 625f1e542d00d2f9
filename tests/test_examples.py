"""The examples run as they stand, and do what they say."""

import importlib.util
from pathlib import Path

import numpy as np

from keras_attention.manifest import read_manifest

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_custom_attention_learns_what_the_plain_one_cannot(capsys):
    accuracy = example("custom_attention").main(epochs=3)
    assert accuracy["RelativeEncoder"] > 0.95
    assert accuracy["TransformerEncoder"] < 0.5


def test_the_translator_trains_exports_and_agrees(tmp_path, capsys):
    matches = example("translator").main(tmp_path, epochs=1, pairs=3000)
    assert set(matches) == {"keras", "tf_saved_model", "tflite", "onnx"}
    assert len(set(matches.values())) == 1
    assert (tmp_path / "artifact" / "manifest.json").exists()
    assert (tmp_path / "alignment.png").read_bytes().startswith(b"\x89PNG")


def test_coverage_learns_is_remembered_and_exports(tmp_path, capsys):
    history, model = example("coverage_attention").main(tmp_path / "artifact", epochs=2, pairs=1500)
    assert history["loss"][-1] < history["loss"][0] - 0.3
    attention = model.decoder.attention
    assert np.abs(np.asarray(attention.coverage_vector)).max() > 0
    # What was attended to before changes what is attended to now.
    value = np.random.default_rng(0).normal(size=(1, 5, 128)).astype("float32")
    query, mask = np.ones((1, 64), "float32"), np.ones((1, 5), bool)
    keys = attention.project_keys(value)
    _, first, state = attention.attend(query, value, keys, mask, attention.initial_state(value))
    np.testing.assert_allclose(state, first)
    _, second, state = attention.attend(query, value, keys, mask, state)
    assert np.abs(np.asarray(second - first)).max() > 1e-4
    np.testing.assert_allclose(np.asarray(state).sum(), 2, rtol=1e-5)
    parity = read_manifest(tmp_path / "artifact")["parity"]
    assert set(parity) == {"tf_saved_model", "tflite", "onnx"}
