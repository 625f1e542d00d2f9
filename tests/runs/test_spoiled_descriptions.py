"""Whatever a manifest or a config says, `inspect` describes what loads, or says one sentence.

The manifests and the configs are signed anew, so that nothing but the checks of their fields stands
in the way.
"""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import signed
from keras_attention.tasks.describe import describe
from keras_attention.tasks.load import load, load_run
from tests.cli.command import run_here
from tests.runs.archives import signed_config
from tests.runs.mutations import (
    VALUES,
    answers_or_sentence,
    examples,
    json_bytes,
    replaced,
    spoiled_json,
)

KINDS = ("translator", "classifier")
ALL_KINDS = (*KINDS, "token-classifier", "masked-lm", "encoder", "embedding")
# What only an artifact in lower precision says, or one of a published model.
LOWER = {
    "precision": "int8",
    "bytes": 1000,
    "float32_bytes": 4000,
    "size_ratio": 0.25,
    "tensors": 3,
    "elements": 900,
    "kept_float32": "small tensors",
    "arithmetic": "products in int8",
    "measure": "BLEU",
    "loss_bound": 0.3,
    "score": 30.0,
    "float32_score": 30.1,
    "loss": 0.1,
}
MORE = {
    "precision": "int8",
    "architecture": "transformer",
    "preset": "tiny",
    "scores": {"onnx": {"bleu": 30.0, "signature": "x"}},
    "lower_precision": {"onnx": LOWER},
}
DESCRIBED = (
    *("kind", "formats", "files", "packages", "signatures", "ops", "parity", "initial_weights"),
    *MORE,
)
WRONG = (None, True, 3, 3.5, -1, 2**31, float("nan"), "", "../x", [], [3], ["x"], {}, {"x": 1})


@pytest.fixture(scope="module")
def artifacts(small_artifact, small_classifier_artifact, tmp_path_factory):
    """Copies of both artifacts, which say all that any says."""
    folder = tmp_path_factory.mktemp("described")
    copies = {}
    for kind, path in zip(KINDS, (small_artifact, small_classifier_artifact), strict=True):
        copies[kind] = shutil.copytree(path, folder / kind)
        manifest = copies[kind] / "manifest.json"
        manifest.write_bytes(json_bytes(signed({**json.loads(manifest.read_bytes()), **MORE})))
    return copies


@pytest.fixture(scope="module")
def runs(small_run, small_classifier_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("described_runs")
    pairs = zip(KINDS, (small_run, small_classifier_run), strict=True)
    return {kind: shutil.copytree(path, folder / kind) for kind, path in pairs}


def described(artifact, change):
    """What `describe` says of an artifact whose manifest `change` alters; None if it refuses."""
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_bytes())
    changed = change(manifest)
    with replaced({path: json_bytes(signed(changed))}):
        found = answers_or_sentence(artifact, lambda: describe(artifact))
        if found is not None and "onnx" in changed["formats"]:
            load(artifact, "onnx")  # what is shown as good can be loaded
    return found


def described_run(run, change):
    path = run / "config.json"
    with replaced(signed_config(run, json_bytes(change(json.loads(path.read_bytes()))))):
        found = answers_or_sentence(run, lambda: describe(run))
        if found is not None:
            load_run(run)
    return found


def without(values, name):
    return {field: value for field, value in values.items() if field != name}


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_described_as_they_are(kind, artifacts, runs):
    text = described(artifacts[kind], lambda manifest: manifest)
    assert f"{kind}, transformer tiny, int8 (tf_saved_model, tflite: float32)\n" in text
    assert "BLEU: 30.00, float32 30.10 (it may lose 0.3)" in text
    assert described_run(runs[kind], lambda config: config).startswith(f"run, {kind}\n")


# What is said of each alone; the others are those of the first kind, or slow.
OWN = {"translator": ("decoding",), "classifier": ("labels", "takes_pairs", "max_length")}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=() if fast else pytest.mark.slow)
        for kind in KINDS
        for name in (*DESCRIBED, *OWN["classifier"], *OWN["translator"])
        for fast in [name in OWN[kind] or (kind == KINDS[0] and name in DESCRIBED)]
    ],
)
def test_fields_of_other_types(kind, name, artifacts):
    artifact = artifacts[kind]
    for value in WRONG:
        described(artifact, lambda manifest, value=value: {**manifest, name: value})
    described(artifact, lambda manifest: without(manifest, name))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(30, 100))
@given(data=st.data())
def test_fields_that_are_spoiled_within(kind, artifacts, data):
    name = data.draw(st.sampled_from(DESCRIBED))

    def change(manifest):
        within = manifest.get(name)
        spoiled = spoiled_json(within) if within and isinstance(within, (dict, list)) else VALUES
        return {**manifest, name: data.draw(spoiled)}

    described(artifacts[kind], change)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, 3) for name in ("ops", "packages", "parity", "signatures", "lower_precision")],
        *[("formats", value) for value in (["../x"], ["onnx", "keras"], ["onnx", "onnx"])],
        *[("max_length", value) for value in (True, 3.5, 2**31)],
        *[("labels", value) for value in (["a"], ["a", "a", "b"], "abc", 3)],
        *[("kind", kind) for kind in ALL_KINDS if kind != "classifier"],
        ("preset", {}),
    ],
)
def test_one_sentence_names_the_field(name, value, artifacts):
    artifact = artifacts["classifier"]
    path = artifact / "manifest.json"
    changed = {**json.loads(path.read_bytes()), name: value}
    # A kind has fields of its own, which are missing.
    said = "is missing; expected" if name == "kind" else name
    with replaced({path: json_bytes(signed(changed))}):
        with pytest.raises(InputError, match=said) as error:
            describe(artifact)
    assert "manifest.json" in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(20, 50))
@given(data=st.data())
def test_configs(kind, runs, data):
    described_run(runs[kind], lambda config: data.draw(spoiled_json(config)))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *[("classifier", "labels", value) for value in (3, "abc", ["a"], ["a", "a", "b"])],
        *[("classifier", "kind", value) for value in ALL_KINDS if value != "classifier"],
        ("classifier", "max_sequence_length", 2**30),
        *[("translator", "decoding", value) for value in (3, {"x": 1}, {"beam_size": 0})],
        *[("translator", "kind", value) for value in ALL_KINDS if value != "translator"],
    ],
)
def test_configs_that_do_not_load(kind, name, value, runs):
    assert described_run(runs[kind], lambda config: {**config, name: value}) is None


@pytest.mark.parametrize("name", ["labels", "decoding", "preset"])
def test_what_a_config_says_beside_it_is_shown(name, runs):
    text = described_run(runs["translator"], lambda config: {**config, name: 3})
    assert text is None if name == "decoding" else "3" in text
    text = described_run(runs["classifier"], lambda config: {**config, name: {"x": 1}})
    assert text is None if name == "labels" else "x" in text


def test_a_terminal_is_not_obeyed(artifacts):
    labels = ["\x1b[2Jgood", "bad", "schön"]
    text = described(artifacts["classifier"], lambda manifest: {**manifest, "labels": labels})
    assert "\x1b" not in text and "\\x1b[2Jgood" in text and "schön" in text
    labels[1] = "bad\nfiles: none"
    assert described(artifacts["classifier"], lambda old: {**old, "labels": labels}) is None


def test_the_command_line_gives_the_status_2(artifacts, runs, capfd):
    artifact, run = artifacts["translator"], runs["translator"]
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    changed = json_bytes(signed({**manifest, "kind": "encoder"}))
    with replaced({artifact / "manifest.json": changed, run / "config.json": b'{"kind": []}'}):
        for path in (artifact, run):
            status, out, err = run_here(capfd, "inspect", path)
            assert (status, out, err.count("\n")) == (2, "", 1)
