"""A pipe, a device or a file of another size under any name that is read: one sentence, soon.

`inspect` first, and every other reader of a run, an artifact or a published directory.
"""

import json
import os
import shutil
import signal
import time

import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import foreign_to_artifact
from keras_attention.checkpoints import load_hugging_face, load_tokenizer
from keras_attention.runs.run_directory import write_digests
from keras_attention.runs.run_files import foreign_to_run
from keras_attention.runs.signed_json import read_signed
from keras_attention.tasks.describe import describe
from keras_attention.tasks.load import load, load_run
from keras_attention.text import TranslationTokenizer, WordPieceTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from keras_attention.training.snapshot_file import newest_sound
from tests.checkpoints.golden_models import GOLDEN


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def endless(path):
    """A file of zeros, of more bytes than any disk has, which takes none."""
    with open(path, "wb") as file:
        file.truncate(1 << 42)


def nested(path):
    path.write_bytes(b"[" * 200_000)


KINDS = (pipe, device, endless, nested)


@pytest.fixture(autouse=True)
def soon():
    """A reader that waits, or reads for ever, fails after twenty seconds."""

    def stop(number, frame):
        raise TimeoutError("it is still reading")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def refused(function, *arguments):
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        function(*arguments)
    said = str(caught.value)
    assert said and "\n" not in said and len(said) < 700
    assert time.process_time() - began < 10
    return said


def spoil(directory, name, kind):
    if kind is endless and name.endswith((".keras", ".tflite", ".onnx")):
        pytest.skip("its size differs from that in the digests, which is compared first")
    (directory / name).unlink()
    kind(directory / name)
    return directory


RUN = ("config.json", "digests.json", "model.keras", "tokenizer/translation.json")
ARTIFACT = ("manifest.json", "model.onnx", "tokenizer/translation.json", "tokenizer/shared.model")
PUBLISHED = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RUN)
def test_a_run(run, name, kind):
    spoil(run, name, kind)
    for read in (describe, load_run, load):
        assert str(run) in refused(read, run)
    foreign_to_run(run)  # whatever it says


@pytest.mark.parametrize("kind", (pipe, device))
@pytest.mark.parametrize("name", ("model.keras", "tokenizer/translation.json"))
def test_a_run_whose_digests_are_written_anew(run, name, kind):
    """The archive's reader itself, and the tokenizer's."""
    spoil(run, name, kind)
    reader = {"model.keras": describe}.get(
        name, lambda path: TranslationTokenizer.load(path / "tokenizer")
    )
    write_digests(run)
    refused(reader, run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ARTIFACT)
def test_an_artifact(small_artifact, tmp_path, name, kind):
    artifact = spoil(shutil.copytree(small_artifact, tmp_path / "artifact"), name, kind)
    for read in (describe, lambda path: load(path, "onnx")):
        assert str(artifact) in refused(read, artifact)
    foreign_to_artifact(artifact)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_directory(tmp_path, name, kind):
    directory = shutil.copytree(GOLDEN / "sequence_classification", tmp_path / "published")
    tokens = "".join(f"{token}\n" for token in SPECIAL_TOKENS)
    for other, content in (("vocab.txt", tokens), ("tokenizer_config.json", "{}")):
        (directory / other).write_text(content)
    spoil(directory, name, kind)
    refused(describe, directory)
    reader = load_hugging_face if name in ("config.json", "model.safetensors") else load_tokenizer
    refused(reader, directory)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json"])
def test_a_tokenizer(small_classifier_run, tmp_path, name, kind):
    folder = shutil.copytree(small_classifier_run / "tokenizer", tmp_path / "tokenizer")
    refused(WordPieceTokenizer.load, spoil(folder, name, kind))


@pytest.mark.parametrize("kind", (pipe, device, nested))
def test_files_of_a_training(tmp_path, kind):
    kind(tmp_path / "data.json")
    refused(read_signed, tmp_path / "data.json")
    kind(tmp_path / "step-000000001.safetensors")
    with pytest.warns(UserWarning, match="not a readable snapshot"):
        assert newest_sound(tmp_path) == (None, b"")


def test_metadata_of_a_snapshot_that_nests(tmp_path):
    header = b'{"__metadata__":{"position":"' + b"[" * 99_999 + b'","sha256":"x"}}'
    path = tmp_path / "step-000000001.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.warns(UserWarning, match="step-000000001"):
        assert newest_sound(tmp_path) == (None, b"")


def test_an_artifact_whose_manifest_nests(small_artifact, tmp_path):
    artifact = shutil.copytree(small_artifact, tmp_path / "artifact")
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    deep = manifest["deep"] = []
    for _ in range(250):
        deep.append([])
        deep = deep[0]
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    assert "deep in each other" in refused(describe, artifact)
