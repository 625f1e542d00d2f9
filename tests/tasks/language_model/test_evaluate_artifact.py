"""A run and its artifact predict and write the same, on the command line."""

import json

import pytest

from tests.cli.command import run_here

RUNTIMES = ("tf_saved_model", "tflite", "onnx")
PROMPTS = ["the ", "three hund", "on the fif"]


@pytest.fixture(scope="module")
def artifact(language_model_run, artifact_of):
    return artifact_of(language_model_run, "exported_language_model", search={"stop": ["w"]})


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    rows = ["three hundred and two of them", "on the fifth of may", "a"]
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return path


def test_scores_and_texts_are_those_of_the_run(
    capfd, language_model_run, artifact, texts, tmp_path
):
    prompts = tmp_path / "in"
    prompts.write_text("".join(f"{prompt}\n" for prompt in PROMPTS))

    def said_by(*model, stop=()):
        status, out, err = run_here(capfd, "evaluate", "language-model", *model, "--data", texts)
        assert status == 0, err
        given = (*model, *stop, "--stop", "e", "--input", prompts, "--max-new-tokens", 6)
        status, text, err = run_here(capfd, "generate", *given)
        assert status == 0, err
        return json.loads(out), text

    expected, text = said_by("--model", language_model_run, stop=("--stop", "w"))
    for runtime in RUNTIMES:
        scores, other = said_by("--model", artifact, "--runtime", runtime)
        assert other == text, runtime
        for name in ("loss", "perplexity", "bits_per_byte"):
            assert scores[name] == pytest.approx(expected[name], rel=1e-4), runtime
        for name in ("tokens", "bytes", "documents", "context"):
            assert scores[name] == expected[name], runtime
