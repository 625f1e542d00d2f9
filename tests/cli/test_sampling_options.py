"""`--sample` and its neighbours, from exporting to translating."""

import json

import pytest

from keras_attention.text import phrase_corpus
from tests.cli.command import run_here
from tests.conftest import SAMPLING
from tests.loaded_once import loaded

pytestmark = pytest.mark.usefixtures("loads_once")
TEXTS = [phrase_corpus(1, split="test")[0][0]] * 3 + phrase_corpus(3, split="test")[0] + [" "]
OPTIONS = [
    part for name, value in SAMPLING.items() for part in (f"--{name.replace('_', '-')}", value)
]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def samples(run_directory):
    """The translations of the texts with the seed 7, and their scores."""
    options = dict(seed=7, kind="translator", sample=True, **SAMPLING)
    return loaded(run_directory, **options).translate_with_scores(TEXTS)


def test_a_run_samples(capfd, lines, run_directory, samples):
    command = ["translate", "--model", run_directory, "--input", lines, "--sample", *OPTIONS]
    status, out, error = run_here(capfd, *command, "--seed", 7, "--scores")
    assert status == 0, error
    found = [line.split("\t") for line in out.split("\n")[:-1]]
    assert [text for _, text in found] == samples[0]
    assert [float(score) for score, _ in found] == pytest.approx(samples[1], abs=1e-3)
    assert len(set(samples[0][:3])) > 1
    # The seed is 0 unless given, and the fourth line's is the first one's and 3.
    _, unseeded, _ = run_here(capfd, *command)
    assert unseeded != "".join(f"{text}\n" for text in samples[0])
    lines.write_text("".join(f"{text}\n" for text in TEXTS[3:]))
    _, rest, _ = run_here(capfd, *command, "--seed", 3)
    assert rest.split("\n") == unseeded.split("\n")[3:]


def test_only_the_most_probable_is_greedy(capfd, lines, run_directory):
    command = ["translate", "--model", run_directory, "--input", lines]
    _, greedy, _ = run_here(capfd, *command)
    _, found, _ = run_here(capfd, *command, "--sample", "--top-k", 1, "--seed", 9)
    assert found == greedy


@pytest.mark.parametrize("runtime", ["tf_saved_model", "tflite", "onnx"])
def test_an_artifact_gives_the_samples_of_its_run(
    capfd, lines, samples, sampling_artifact_directory, runtime
):
    command = ["translate", "--model", sampling_artifact_directory, "--runtime", runtime]
    command += ["--input", lines]
    status, out, error = run_here(capfd, *command, "--seed", 7)
    assert status == 0, error
    assert out.split("\n")[:-1] == samples[0]
    if runtime == "onnx":
        _, named, _ = run_here(capfd, *command, "--seed", 7, "--sample", *OPTIONS)
        assert named == out


@pytest.mark.parametrize("runtime", ["keras", "onnx"])
def test_evaluate_draws_what_translate_draws(
    capfd, lines, samples, run_directory, sampling_artifact_directory, tmp_path, runtime
):
    options = ["--sample", *OPTIONS]
    model = run_directory if runtime == "keras" else sampling_artifact_directory
    reference = tmp_path / "reference.txt"
    reference.write_text("".join(f"{text}\n" for text in samples[0]))
    command = ["evaluate", "translator", "--model", model, "--source", lines, *options]
    exact = {}
    for seed in (7, 8):
        status, out, error = run_here(capfd, *command, "--reference", reference, "--seed", seed)
        assert status == 0, error
        exact[seed] = json.loads(out)["exact_match"]
    assert exact[7] == 1 and exact[8] < 0.8


def test_export_is_told(monkeypatch, capfd, tmp_path):
    """Of what `sampling_artifact_directory` is then made."""
    told = []
    monkeypatch.setattr(
        "keras_attention.tasks.export.export", lambda *_, search, **__: told.append(search)
    )
    command = ["export", "--model", tmp_path, "--output", tmp_path / "artifact", "--sample"]
    status, _, error = run_here(capfd, *command, *OPTIONS)
    assert status == 0, error
    assert told == [dict(sample=True, **SAMPLING)]


def test_inspect_shows_it(capfd, sampling_artifact_directory):
    status, out, _ = run_here(capfd, "inspect", sampling_artifact_directory)
    assert status == 0
    assert "decoding: method sampling, temperature 0.9, top_k 40, top_p 0.95, min_length 0" in out
    ids = "ids (tf_saved_model, tflite, onnx): source_ids int32 (N, S), seed int32 (N) -> "
    assert f"{ids}token_ids int32 (N, T), score float32 (N)" in out


@pytest.mark.parametrize(
    "command, options, message",
    [
        ("translate", ["--temperature", 0.5], "temperature is an option of sampling and needs --s"),
        ("translate", ["--seed", 1], "seed is an option of sampling and needs --sample"),
        ("translate", ["--sample", "--beam-size", 4], "beam_size is an option of searching and ca"),
        ("translate", ["--sample", "--n-best", 2], "n_best is an option of searching and cannot"),
        ("translate", ["--sample", "--top-p", 0], "--top-p must be a number in (0, 1]. Received: "),
        ("export", ["--sample", "--length-penalty", 1], "length_penalty is an option of searching"),
        ("evaluate", ["--seed", 1], "seed is an option of sampling and needs --sample"),
        ("evaluate", ["--sample", "--beam-size", 4], "beam_size is an option of searching and can"),
        ("export", ["--top-k", 3], "top_k is an option of sampling and needs --sample"),
        (
            "export",
            ["--sample", "--precision", "int8"],
            "Sampling is exported in float32 only, not",
        ),
    ],
)
def test_what_does_not_fit_gives_one_sentence(
    capfd, lines, run_directory, tmp_path, command, options, message
):
    where = {
        "translate": ["translate", "--input", lines],
        "evaluate": ["evaluate", "translator", "--source", lines, "--reference", lines],
        "export": ["export", "--output", tmp_path / "artifact"],
    }
    status, out, error = run_here(capfd, *where[command], "--model", run_directory, *options)
    assert status == 2 and not out and message in error and "Traceback" not in error
    assert len(error.splitlines()) == 1 and not (tmp_path / "artifact").exists()


@pytest.mark.parametrize(
    "fixture, options, message",
    [
        ("artifact_directory", ["--sample"], "the method greedy, not sampling"),
        ("artifact_directory", ["--seed", 1], "the method greedy, not sampling"),
        ("sampling_artifact_directory", ["--top-p", 0.5], "top_p 0.95, not 0.5"),
        ("sampling_artifact_directory", ["--beam-size", 4], "the method sampling, not beam_size 4"),
    ],
)
def test_an_artifact_refuses_others(capfd, request, lines, fixture, options, message):
    model = request.getfixturevalue(fixture)
    status, out, error = run_here(capfd, "translate", "--model", model, "--input", lines, *options)
    assert status == 2 and not out
    assert f"was exported with {message}" in error and len(error.splitlines()) == 1
