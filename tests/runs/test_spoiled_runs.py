"""Whatever happens to a run's files: the same model, or one sentence, and nothing lost."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_attention.runs.run_directory import read_model
from keras_attention.tasks.load import load_run
from tests.cli.command import run_here
from tests.runs.archives import forge, members_of, signed_config
from tests.runs.mutations import (
    answers_or_sentence,
    examples,
    json_bytes,
    replaced,
    spoiled_bytes,
    spoiled_json,
)

TRANSLATOR = ("model.keras", "digests.json", "tokenizer/translation.json", "tokenizer/shared.model")
CLASSIFIER = (
    "model.keras",
    "digests.json",
    "tokenizer/vocab.txt",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
)


@pytest.fixture(scope="module")
def runs(small_run, small_classifier_run, tmp_path_factory):
    """Copies of both runs, which are as they were after each example."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        "translator": shutil.copytree(small_run, folder / "translator"),
        "classifier": shutil.copytree(small_classifier_run, folder / "classifier"),
    }


@pytest.fixture(scope="module")
def weights(runs):
    return {kind: load_run(path).model.get_weights() for kind, path in runs.items()}


def same(weights, others):
    return len(weights) == len(others) and all(map(np.array_equal, weights, others))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("translator", n) for n in TRANSLATOR] + [("classifier", n) for n in CLASSIFIER],
)
@settings(max_examples=examples(10, 25))
@given(data=st.data())
def test_bytes_of_files(kind, name, runs, weights, data):
    run = runs[kind]
    spoiled = data.draw(spoiled_bytes((run / name).read_bytes()))
    with replaced({run / name: spoiled}):
        found = answers_or_sentence(run, lambda: load_run(run))
    assert found is None or same(found.model.get_weights(), weights[kind])


@pytest.mark.parametrize("kind", ["translator", "classifier"])
@settings(max_examples=examples(10, 25))
@given(data=st.data())
def test_files_in_the_place_of_others(kind, runs, weights, data):
    everything = [path for run in runs.values() for path in run.rglob("*") if path.is_file()]
    target = data.draw(st.sampled_from([p for p in everything if runs[kind] in p.parents]))
    source = data.draw(st.sampled_from(everything))
    with replaced({target: source.read_bytes()}):
        found = answers_or_sentence(runs[kind], lambda: load_run(runs[kind]))
    assert found is None or same(found.model.get_weights(), weights[kind])
    assert found is None or target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("kind", ["translator", "classifier"])
@settings(max_examples=examples(20, 60))
@given(data=st.data())
def test_configs(kind, runs, weights, data):
    path = runs[kind] / "config.json"
    config = json.loads(path.read_bytes())
    changed = data.draw(spoiled_json(config))
    with replaced(signed_config(runs[kind], json_bytes(changed))):
        found = answers_or_sentence(runs[kind], lambda: load_run(runs[kind]))
    if found is None:
        return
    assert same(found.model.get_weights(), weights[kind])
    # Nothing that a config says is passed over.
    if kind == "classifier":
        assert (found.labels, found.max_length) == (
            changed["labels"],
            changed["max_sequence_length"],
        )
    else:
        options = found.search.to_dict()
        assert {name: options[name] for name in changed.get("decoding", {})} == changed.get(
            "decoding", {}
        )


@pytest.mark.parametrize("kind", ["translator", "classifier"])
@settings(max_examples=examples(10, 25))
@given(data=st.data())
@example(data=None)
def test_bytes_of_configs(kind, runs, weights, data):
    path = runs[kind] / "config.json"
    spoiled = b"[" * 100_000 if data is None else data.draw(spoiled_bytes(path.read_bytes()))
    with replaced({path: spoiled}):
        found = answers_or_sentence(runs[kind], lambda: load_run(runs[kind]))
    assert found is None or same(found.model.get_weights(), weights[kind])


def forged(run, member, spoiled):
    """The model of a forged archive, with all its checksums right; None if it is refused."""
    names = ("model.keras", "digests.json")
    with replaced({run / name: (run / name).read_bytes() for name in names}):
        forge(run, members_of(run) | {member: spoiled})
        return answers_or_sentence(run, lambda: read_model(run))


@pytest.mark.parametrize("kind", ["translator", "classifier"])
@settings(max_examples=examples(20, 60))
@given(data=st.data())
def test_forged_configs_of_models(kind, runs, weights, data):
    config = json.loads(members_of(runs[kind])["config.json"])
    spoiled = json_bytes(data.draw(spoiled_json(config)))
    found = forged(runs[kind], "config.json", spoiled)
    assert found is None or same(found.get_weights(), weights[kind])


@settings(max_examples=examples(20, 60))
@given(data=st.data())
def test_forged_weights(runs, weights, data):
    run = runs["translator"]
    spoiled = data.draw(spoiled_bytes(members_of(run)["model.weights.h5"]))
    found = forged(run, "model.weights.h5", spoiled)
    if found is not None:
        pairs = zip(found.get_weights(), weights["translator"], strict=True)
        assert all(v.shape == w.shape and np.isfinite(v).all() for v, w in pairs)


@pytest.mark.parametrize("name", ["model.keras", "config.json", "tokenizer/shared.model"])
def test_the_command_line_says_one_sentence(name, runs, tmp_path, capfd):
    run = runs["translator"]
    text = tmp_path / "text"
    text.write_text("three\n")
    with replaced({run / name: b"\x80\x04spoiled"}):
        for command in (
            ("translate", "--input", text),
            ("export", "--quiet", "--output", tmp_path / "artifact"),
        ):
            status, out, err = run_here(capfd, *command, "--model", run)
            assert (status, out, err.count("\n")) == (2, "", 1)
            assert err.startswith("keras-attention: ") and name in err
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
