"""`export/onnxruntime` and `export/litert`, run where nothing else is installed."""

import pytest

from keras_attention.text import phrase_corpus
from tests.conftest import BEAM, SAMPLING
from tests.export.c_program import EXPORT
from tests.loaded_once import loaded

TEXTS = [*phrase_corpus(20, split="test")[0], "", " ", "Straße, naïve 👍", "x" * 300]


@pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
def test_it_gives_keras_translations(consumer, run_directory, artifact_directory):
    expected = loaded(run_directory).translate(TEXTS)
    assert consumer("translate.py", artifact_directory, TEXTS) == expected
    assert len(set(expected)) > 5
    assert consumer("translate.py", artifact_directory, []) == []


@pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
def test_it_gives_the_best_of_a_beam(consumer, run_directory, beam_artifact_directory):
    expected = loaded(run_directory, **BEAM).translate(TEXTS)
    assert consumer("translate.py", beam_artifact_directory, TEXTS) == expected


@pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
def test_it_samples_each_line_with_its_number(consumer, run_directory, sampling_artifact_directory):
    texts = [TEXTS[0], *TEXTS]
    expected = loaded(run_directory, sample=True, **SAMPLING).translate(texts)
    assert consumer("translate.py", sampling_artifact_directory, texts) == expected
    assert expected[0] != expected[1]


@pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_it_runs_lower_precision(consumer, request, precision):
    """Line by line it gives what our own runtime gives with one sentence in a batch."""
    artifact = request.getfixturevalue(f"{precision}_artifact_directory")
    runtime = {"onnxruntime": "onnx", "litert": "tflite"}[consumer.name]
    translator = loaded(artifact, runtime)
    translator.batch_size = 1
    assert consumer("translate.py", artifact, TEXTS) == translator.translate(TEXTS)


@pytest.mark.parametrize("path", sorted(EXPORT.rglob("*.py")), ids=str)
def test_none_imports_keras_attention(path):
    lines = path.read_text().splitlines()
    assert not [x for x in lines if x.strip().startswith(("import", "from")) and "keras" in x]


@pytest.mark.parametrize("path", sorted(EXPORT.rglob("*.py")), ids=str)
def test_the_encoding_of_a_file_is_not_that_of_the_machine(path):
    """Labels may be of any language, and Windows reads files by its code page."""
    text = path.read_text("utf-8")
    assert ".read_text()" not in text
    assert text.count(" open(") == text.count(', encoding="utf-8")')
