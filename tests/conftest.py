"""What the tests of text, export and command line share: one small training, one export."""

import os
from pathlib import Path

import pytest

# TensorFlow's own notes would drown pytest's output; processes that tests start inherit this.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def real_data():
    """The folder of real corpora."""
    folder = os.environ.get("KERAS_ATTENTION_DATA")
    if not folder:
        pytest.skip("KERAS_ATTENTION_DATA is not set: no real corpora here")
    return Path(folder)


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory):
    """A finished run of the tiny preset on 2,000 built-in phrases: weak, but real."""
    from keras_attention.recipes import TranslatorConfig, train_translator

    directory = tmp_path_factory.mktemp("trained") / "run"
    config = TranslatorConfig.for_preset("tiny", epochs=2, corpus_size=2000, vocabulary_size=300)
    train_translator(config, directory, quiet=True)
    return directory


@pytest.fixture(scope="session")
def artifact_directory(run_directory):
    """Its artifact with all three forms and alignments."""
    from keras_attention.recipes import export_run

    directory = run_directory.parent / "artifact"
    export_run(run_directory, directory, with_alignments=True)
    return directory
