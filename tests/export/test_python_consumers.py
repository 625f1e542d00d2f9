"""`export/onnxruntime` and `export/litert`, run where nothing else is installed."""

import subprocess
from pathlib import Path

import pytest

from keras_attention import load
from keras_attention.text import phrase_corpus
from tests.conftest import BEAM, SAMPLING
from tests.export.environment import make_environment

EXPORT = Path(__file__).parents[2] / "export"
TEXTS = [*phrase_corpus(20, split="test")[0], "", " ", "Straße, naïve 👍", "x" * 300]


@pytest.fixture(scope="module", params=["onnxruntime", "litert"])
def consumer(request, tmp_path_factory):
    """A function of an artifact's path: the lines that the consumer writes for `TEXTS`."""
    folder = EXPORT / request.param
    directory = tmp_path_factory.mktemp(request.param)
    python = make_environment(directory, folder / "requirements.txt")
    for package in ("tensorflow", "keras"):
        run = subprocess.run([python, "-c", f"import {package}"], capture_output=True)
        assert run.returncode, f"{package} is there"

    def translate(artifact, texts=TEXTS):
        run = subprocess.run(
            [python, folder / "translate.py", artifact],
            input="".join(f"{text}\n" for text in texts).encode(),
            capture_output=True,
            cwd=directory,
            timeout=300,
        )
        assert run.returncode == 0, run.stderr.decode()
        return run.stdout.decode().split("\n")[:-1]

    translate.folder = request.param
    return translate


@pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")
def test_it_gives_keras_translations(consumer, run_directory, artifact_directory):
    expected = load(run_directory).translate(TEXTS)
    assert consumer(artifact_directory) == expected
    assert len(set(expected)) > 5
    assert consumer(artifact_directory, []) == []


@pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")
def test_it_gives_the_best_of_a_beam(consumer, run_directory, beam_artifact_directory):
    assert consumer(beam_artifact_directory) == load(run_directory, **BEAM).translate(TEXTS)


@pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")
def test_it_samples_each_line_with_its_number(consumer, run_directory, sampling_artifact_directory):
    texts = [TEXTS[0], *TEXTS]
    expected = load(run_directory, sample=True, **SAMPLING).translate(texts)
    assert consumer(sampling_artifact_directory, texts) == expected
    assert expected[0] != expected[1]


@pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_it_runs_lower_precision(consumer, request, precision):
    """Line by line it gives what our own runtime gives with one sentence in a batch."""
    artifact = request.getfixturevalue(f"{precision}_artifact_directory")
    runtime = {"onnxruntime": "onnx", "litert": "tflite"}[consumer.folder]
    translator = load(artifact, runtime)
    translator.batch_size = 1
    assert consumer(artifact) == translator.translate(TEXTS)


@pytest.mark.parametrize("path", sorted(EXPORT.rglob("*.py")), ids=str)
def test_none_imports_keras_attention(path):
    lines = path.read_text().splitlines()
    assert not [x for x in lines if x.strip().startswith(("import", "from")) and "keras" in x]
