"""`--beam-size` and its neighbours, from training to translating."""

import json
import shutil

import pytest

from keras_attention.runs.run_directory import write_config, write_digests
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.text import phrase_corpus
from tests.cli.command import run_here
from tests.conftest import BEAM
from tests.loaded_once import loaded

pytestmark = pytest.mark.usefixtures("loads_once")
TEXTS = [*phrase_corpus(3, split="test")[0], " "]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def expected(run_directory):
    """The three best of each text, and their scores."""
    return loaded(run_directory, kind="translator", **BEAM).translate_n_best(TEXTS)


@pytest.mark.parametrize("runtime", ["keras", "onnx"])
def test_n_best_gives_n_lines_for_each(
    capfd, lines, runtime, expected, run_directory, beam_artifact_directory
):
    options = ["--beam-size", 4, "--length-penalty", 0.6, "--coverage-penalty", 0.2]
    model = run_directory if runtime == "keras" else beam_artifact_directory
    command = ["translate", "--model", model, "--runtime", runtime, "--input", lines, *options]
    status, out, _ = run_here(capfd, *command, "--n-best", 3, "--scores")
    assert status == 0
    found = [line.split("\t") for line in out.split("\n")[:-1]]
    assert len(found) == 3 * len(TEXTS)
    for index, hypotheses in enumerate(expected[:-1]):
        for rank, (text, score) in enumerate(hypotheses):
            value, line = found[3 * index + rank]
            assert line == text and float(value) == pytest.approx(score, abs=2e-3)
    assert found[-3:] == [["0.0000", ""]] * 3
    status, out, _ = run_here(capfd, *command)
    assert out.split("\n")[:-1] == [row[0][0] for row in expected]


def test_the_defaults_of_a_run_are_in_its_config(capfd, lines, run_directory, tmp_path):
    run = shutil.copytree(run_directory, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    assert config["decoding"]["beam_size"] == 1
    config["decoding"] = dict(BEAM)
    write_config(run, config)
    write_digests(run, run / "model.keras")
    expected = loaded(run_directory, kind="translator", **BEAM).translate(TEXTS)
    assert loaded(run, kind="translator").translate(TEXTS) == expected
    _, out, _ = run_here(capfd, "translate", "--model", run, "--input", lines)
    assert out.split("\n")[:-1] == expected
    # What is given goes before them.
    greedy = loaded(run, beam_size=1, n_best=1, length_penalty=0, coverage_penalty=0)
    plain = loaded(run_directory, kind="translator")
    assert greedy.translate(TEXTS) == plain.translate(TEXTS)
    config["decoding"] = {"beams": 3}
    write_config(run, config)
    write_digests(run, run / "model.keras")
    status, _, error = run_here(capfd, "translate", "--model", run, "--input", lines)
    assert status == 2 and "config.json: Unknown decoding option 'beams'" in error


def test_train_keeps_them(monkeypatch, capfd, tmp_path):
    kept = []
    monkeypatch.setattr(
        "keras_attention.tasks.train.train", lambda config, *_, **__: kept.append(config)
    )
    status, _, _ = run_here(
        capfd, "train", "translator", "--output", tmp_path / "run", "--beam-size", 5
    )
    assert status == 0
    assert kept == [TranslatorConfig.for_preset("tiny", decoding={"beam_size": 5})]
    assert kept[0].decoding["beam_size"] == 5 and kept[0].decoding["n_best"] == 1


@pytest.mark.parametrize(
    "options, message",
    [
        (["--beam-size", 0], "--beam-size must be a positive integer"),
        (["--n-best", 2], "--n-best must be at most --beam-size"),
        (["--length-penalty", -1], "--length-penalty must be a number of at least 0"),
    ],
)
def test_options_out_of_range_give_one_sentence(capfd, lines, run_directory, options, message):
    status, out, error = run_here(
        capfd, "translate", "--model", run_directory, "--input", lines, *options
    )
    assert status == 2 and not out and message in error and "Traceback" not in error


def test_an_artifact_refuses_them(capfd, lines, artifact_directory):
    status, out, error = run_here(
        capfd, "translate", "--model", artifact_directory, "--input", lines, "--beam-size", 4
    )
    assert status == 2 and not out
    assert "exported with beam_size 1, not 4" in error and "--beam-size" in error


def test_evaluate_searches(capfd, run_directory, corpus_files):
    command = ["evaluate", "translator", "--model", run_directory, "--source"]
    command += [corpus_files["valid_source"], "--reference", corpus_files["valid_target"]]
    scores = []
    for options in ([], ["--beam-size", 4]):
        status, out, _ = run_here(capfd, *command, *options)
        assert status == 0
        scores.append(json.loads(out)["bleu"])
    assert scores[0] != scores[1]
