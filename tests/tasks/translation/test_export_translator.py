"""What an export refuses, and what it leaves when it fails or is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts import saved_model, tflite
from keras_attention.artifacts.manifest import read_manifest, signed, verify_files
from keras_attention.artifacts.parity import ParityError
from keras_attention.tasks.export import export
from keras_attention.tasks.translation import graph_functions
from keras_attention.tasks.translation.translation_comparison import Sentences
from tests.tasks.small_translator import TEXTS, small_translator, tokenizer


def export_model(output, examples=TEXTS, **options):
    return export(small_translator(), output, tokenizer(), examples=examples, **options)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


EARLIER = json.dumps(signed({"kind": "translator", "formats": ["onnx"], "files": {}}))


def earlier_artifact(path):
    path.mkdir()
    (path / "manifest.json").write_text(EARLIER)


@pytest.mark.parametrize(
    ("formats", "said"),
    [(("onnx", "coreml"), "'coreml'"), ((), "(none)"), ("onnx", "Received: 'onnx'")],
)
def test_unknown_formats(tmp_path, formats, said):
    with pytest.raises(InputError, match="some of tf_saved_model, tflite, onnx") as error:
        export_model(tmp_path / "artifact", formats=formats)
    assert said in str(error.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_nothing_to_compare_on(tmp_path, texts):
    with pytest.raises(InputError, match="no sentence to compare"):
        export_model(tmp_path / "artifact", texts)
    assert names(tmp_path) == []


@pytest.mark.parametrize("max_length", [0, -1, 2.5])
def test_max_length_out_of_range(tmp_path, max_length):
    with pytest.raises(ValueError, match="`max_length` must be a positive integer"):
        export_model(tmp_path / "artifact", search=dict(max_length=max_length))
    assert names(tmp_path) == []


def test_an_existing_output_is_refused_before_any_work(run_directory, tmp_path):
    earlier_artifact(tmp_path / "artifact")
    with pytest.raises(InputError, match="artifact already exists"):
        export_model(tmp_path / "artifact")
    with pytest.raises(InputError, match="artifact already exists"):
        export(run_directory, tmp_path / "artifact")
    assert (tmp_path / "artifact" / "manifest.json").read_text() == EARLIER


def test_only_the_formats_asked_for_with_scores_and_a_limit(tmp_path):
    export_model(
        tmp_path / "artifact",
        Sentences(TEXTS, references=TEXTS),
        formats=("tflite",),
        search=dict(max_length=5),
        config=dict(architecture="transformer", preset="minute"),
    )
    assert names(tmp_path / "artifact") == [
        "README.md",
        "manifest.json",
        "model.tflite",
        "tokenizer",
    ]
    manifest = read_manifest(tmp_path / "artifact")
    assert manifest["formats"] == list(manifest["parity"]) == ["tflite"]
    assert manifest["decoding"]["max_length"] == 5
    assert (manifest["architecture"], manifest["preset"]) == ("transformer", "minute")
    assert "bleu" in json.dumps(manifest["scores"]["tflite"]).lower()
    assert "alignment" not in manifest["signatures"]["ids"]["outputs"]


def test_a_form_that_disagrees_is_never_seen(tmp_path, monkeypatch):
    other = small_translator(seed=1)
    make, write = graph_functions.ids_function, saved_model.write
    monkeypatch.setattr(
        graph_functions, "ids_function", lambda model, *options: make(other, *options)
    )
    monkeypatch.setattr(saved_model, "write", lambda path, model, *rest: write(path, other, *rest))
    earlier_artifact(tmp_path / "artifact")
    with pytest.raises(ParityError, match=r"tf_saved_model does not agree with Keras on \d of 6"):
        export_model(tmp_path / "artifact", formats=("tf_saved_model",), force=True)
    assert names(tmp_path) == ["artifact"]
    assert (tmp_path / "artifact" / "manifest.json").read_text() == EARLIER


def write_nothing(path, *rest):
    """A SavedModel without anything in it."""
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

    path.mkdir(parents=True)
    empty = saved_model_pb2.SavedModel(meta_graphs=[meta_graph_pb2.MetaGraphDef()])
    (path / "saved_model.pb").write_bytes(empty.SerializeToString())


def test_a_form_with_foreign_operators_is_never_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(tflite, "operators", lambda path: ["ADD", "custom:FlexErf"])
    monkeypatch.setattr(saved_model, "write", write_nothing)
    monkeypatch.setattr(tflite, "write", lambda *rest: None)
    with pytest.raises(ParityError, match="tflite needs operators that .*: custom:FlexErf"):
        export_model(tmp_path / "artifact", formats=("tflite",))
    assert names(tmp_path) == []


@pytest.mark.parametrize("extra", ["onnx"])
def test_a_missing_package_names_the_extra_and_leaves_nothing(tmp_path, monkeypatch, extra):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setattr(saved_model, "write", write_nothing)
    with pytest.raises(ImportError, match=rf"pip install 'keras_attention\[{extra}\]'"):
        export_model(tmp_path / "artifact", formats=(extra,))
    assert names(tmp_path) == []


STAGES = ("writing the SavedModel", "converting to onnx", "comparing tflite")


@pytest.mark.parametrize(
    "stages", [("converting to tflite",), pytest.param(STAGES, marks=pytest.mark.slow)]
)
def test_an_export_killed_at_any_moment_leaves_no_artifact(tmp_path, stages):
    """Killed just after a stage begins, or within it; the next export sweeps what is left."""
    moments = random.Random(0)
    path = tmp_path / "artifact"
    half_done = 0
    for stage in stages:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.tasks.export_small", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in process.stdout:
            if line.startswith(stage):
                break
        time.sleep(moments.uniform(0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        if path.exists():  # the machine was quick: killed after the rename
            verify_files(path)
            continue
        half_done += 1
        lock, left = names(tmp_path)  # it has swept what the one before had left
        assert lock == ".artifact.lock" and left.startswith(".artifact.new-")
    assert half_done >= len(stages) - 1
    export_model(path, force=True, formats=("tflite",))
    assert names(tmp_path) == ["artifact"]
    verify_files(path)
