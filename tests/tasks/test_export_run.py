import shutil

import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.tasks.export import export


def test_sentences_and_references_of_ones_own(run_directory, corpus_files, tmp_path):
    progress = []
    export(
        run_directory,
        tmp_path / "artifact",
        formats=("tf_saved_model",),
        valid_source=corpus_files["valid_source"],
        valid_target=corpus_files["valid_target"],
        say=progress.append,
    )
    manifest = read_manifest(tmp_path / "artifact")
    assert manifest["formats"] == ["tf_saved_model"]
    assert manifest["scores"]["tf_saved_model"]
    assert progress[-1] == "comparing tf_saved_model with Keras on 16 sentences"


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_sentences_without_text(run_directory, tmp_path, text):
    (tmp_path / "valid.en").write_text(text)
    with pytest.raises(InputError):
        export(run_directory, tmp_path / "artifact", valid_source=tmp_path / "valid.en")
    assert not (tmp_path / "artifact").exists()


def test_references_without_sentences(run_directory, corpus_files, tmp_path):
    with pytest.raises(InputError, match="`valid_target` needs `valid_source`"):
        export(run_directory, tmp_path / "artifact", valid_target=corpus_files["valid_target"])


def test_what_is_no_finished_run(run_directory, artifact_directory, tmp_path):
    with pytest.raises(
        InputError, match="is an artifact, which holds no Keras model; give the run"
    ):
        export(artifact_directory, tmp_path / "artifact")
    run = shutil.copytree(run_directory, tmp_path / "run")
    (run / "model.keras").unlink()
    with pytest.raises(InputError, match="is not finished"):
        export(run, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()
