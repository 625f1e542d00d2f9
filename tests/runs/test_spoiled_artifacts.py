"""Whatever happens to an artifact's files: the same answers, or one sentence, and nothing lost.

The runtimes' native code reads no file that is not as the manifest says: it may crash on others.
"""

import json
import shutil
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError, TruncationWarning
from keras_attention.artifacts.manifest import signed
from keras_attention.tasks.describe import describe
from keras_attention.tasks.load import load
from tests.cli.command import run_here
from tests.runs.mutations import (
    VALUES,
    answers_or_sentence,
    contents,
    examples,
    json_bytes,
    replaced,
    spoiled_bytes,
    spoiled_json,
)
from tests.runs.small_runs import TEXTS

RUNTIMES = ("tf_saved_model", "tflite", "onnx")
KINDS = ("translator", "classifier")
# What a manifest says of each.
FIELDS = {"translator": ("decoding",), "classifier": ("labels", "takes_pairs", "max_length")}


@pytest.fixture(scope="module")
def artifacts(small_artifact, small_classifier_artifact, tmp_path_factory):
    """Copies of both artifacts, which are as they were after each example."""
    folder = tmp_path_factory.mktemp("artifacts")
    return {
        "translator": shutil.copytree(small_artifact, folder / "translator"),
        "classifier": shutil.copytree(small_classifier_artifact, folder / "classifier"),
    }


def answers(loaded):
    if not hasattr(loaded, "labels"):
        return loaded.translate(TEXTS)
    return loaded.classify(TEXTS, TEXTS) if loaded.takes_pairs else loaded.classify(TEXTS)


@pytest.fixture(scope="module")
def expected(artifacts):
    """Of both kinds and all runtimes."""
    return {(k, r): answers(load(path, r)) for k, path in artifacts.items() for r in RUNTIMES}


def test_the_answers_are_worth_comparing(expected):
    for kind in KINDS:
        assert expected[kind, "onnx"] == expected[kind, "tflite"] == expected[kind, RUNTIMES[0]]
    assert all(expected["translator", "onnx"]) and all(expected["classifier", "onnx"])


def files_of(artifact, runtime):
    """What a runtime reads."""
    others = {"tf_saved_model": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}
    beginnings = ("tokenizer/", others[runtime])
    return [artifact / n for n in sorted(contents(artifact)) if n.startswith(beginnings)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runtime", RUNTIMES)
@settings(max_examples=examples(15, 30))
@given(data=st.data())
def test_bytes_of_files(kind, runtime, artifacts, data):
    artifact = artifacts[kind]
    path = data.draw(st.sampled_from(files_of(artifact, runtime)))
    before = path.read_bytes()
    spoiled = data.draw(spoiled_bytes(before))
    with replaced({path: spoiled}):
        found = answers_or_sentence(artifact, lambda: load(artifact, runtime))
    assert (found is None) == (spoiled != before)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(15, 30))
@given(data=st.data())
def test_files_in_the_place_of_others(kind, artifacts, data):
    artifact = artifacts[kind]
    runtime = data.draw(st.sampled_from(RUNTIMES))
    everything = [p for path in artifacts.values() for p in path.rglob("*") if p.is_file()]
    target = data.draw(st.sampled_from(files_of(artifact, runtime)))
    source = data.draw(st.sampled_from(everything)).read_bytes()
    same = source == target.read_bytes()
    with replaced({target: source}):
        found = answers_or_sentence(artifact, lambda: load(artifact, runtime))
    assert (found is not None) == same


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(20, 60))
@given(data=st.data())
def test_manifests(kind, artifacts, data):
    artifact = artifacts[kind]
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_bytes())
    spoiled = data.draw(spoiled_json(manifest) | spoiled_bytes(path.read_bytes()))
    spoiled = spoiled if isinstance(spoiled, bytes) else json_bytes(spoiled)
    with replaced({path: spoiled}):
        found = answers_or_sentence(artifact, lambda: load(artifact, "onnx"))
    try:
        same = json.dumps(json.loads(spoiled)) == json.dumps(manifest)
    except (ValueError, RecursionError):
        same = False
    assert found is None or same


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(20, 60))
@given(data=st.data())
def test_manifests_that_are_signed_anew(kind, artifacts, expected, data):
    artifact = artifacts[kind]
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_bytes())
    # A blind draw from all fields would seldom find those by which it is loaded.
    name = data.draw(st.sampled_from(["kind", "formats", "files", *FIELDS[kind]]))
    if data.draw(st.booleans()) or not isinstance(manifest[name], (dict, list)):
        changed = {**manifest, name: data.draw(VALUES)}
    else:
        changed = {**manifest, name: data.draw(spoiled_json(manifest[name]))}
    with replaced({path: json_bytes(signed(changed))}), warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # where the longest text is shorter
        found = answers_or_sentence(artifact, lambda: load(artifact, "onnx"))
        if found is None:
            return
        try:
            given_answers = answers(found)
        except InputError as error:
            assert "labels apart, of which" in str(error)
            return
    assert len(given_answers) == len(TEXTS)
    assert given_answers == expected[kind, "onnx"] or name in FIELDS[kind]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside", "a\0", ""])
def test_a_manifest_that_names_files_elsewhere(name, small_artifact, tmp_path):
    artifact = shutil.copytree(small_artifact, tmp_path / "artifact")
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"][name] = manifest["files"]["model.onnx"]
    path.write_bytes(json_bytes(signed(manifest)))
    with pytest.raises(InputError, match="expected paths below its directory. Received: "):
        load(artifact)


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("onnx", "tokenizer/more.model"),
        ("tf_saved_model", "saved_model/1/assets.extra/run"),
        ("tf_saved_model", "saved_model/2/saved_model.pb"),
    ],
)
def test_a_file_that_the_manifest_does_not_know(runtime, name, small_artifact, tmp_path):
    artifact = shutil.copytree(small_artifact, tmp_path / "artifact")
    (artifact / name).parent.mkdir(parents=True, exist_ok=True)
    (artifact / name).write_text("of another artifact")
    for read in (lambda: load(artifact, runtime), lambda: describe(artifact)):
        with pytest.raises(InputError, match=f"as its manifest says: {name} is not part of it"):
            read()


def test_the_command_line_says_one_sentence(artifacts, capfd, tmp_path):
    artifact = artifacts["translator"]
    text = tmp_path / "text"
    text.write_text("three\n")
    for runtime in RUNTIMES:
        path = files_of(artifact, runtime)[0]
        for damaged in (path, artifact / "manifest.json"):
            with replaced({damaged: b"\x80\x04spoiled"}):
                command = ("translate", "--model", artifact, "--runtime", runtime)
                status, out, err = run_here(capfd, *command, "--input", text)
                inspected = run_here(capfd, "inspect", artifact)
            assert (status, out, err.count("\n")) == (2, "", 1)
            assert err.startswith("keras-attention: ") and damaged.name in err
            assert inspected[:2] == (2, "") and damaged.name in inspected[2]
