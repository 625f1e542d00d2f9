"""The examples run as they stand, and do what they say."""

import importlib.util
from pathlib import Path

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
