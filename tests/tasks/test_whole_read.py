"""A directory that is replaced while it is read is read as it was, or as it is."""

import json
import shutil
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from keras_attention import json_file as module
from keras_attention._validation import InputError
from keras_attention.new_directory import _exchange, new_directory
from keras_attention.tasks.load import whole_read

NAMES = ("model.onnx", "labels.txt", "tokenizer/vocab.txt")


def artifact(path, version):
    """Files that all hold one word."""
    (path / "tokenizer").mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (path / name).write_text(version)
    manifest = {"kind": version, "files": dict.fromkeys(NAMES, {})}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def words(path, between=lambda: None):
    """What its files hold, read one after the other."""
    found = [json.loads((path / "manifest.json").read_text())["kind"]]
    for name in NAMES:
        between()
        found.append((path / name).read_text())
    return set(found)


def replace_by_rename(path):
    """As `mv` does."""
    artifact(path.with_name("new"), "new")
    path.rename(path.with_name("old"))
    path.with_name("new").rename(path)


def replace_by_export(path):
    with new_directory(path, True, lambda path: None) as directory:
        artifact(directory, "new")


def replace_by_removal(path):
    shutil.rmtree(path)
    artifact(path, "new")


def replace_in_place(path):
    """As `cp -r` does: the same files, with other contents."""
    time.sleep(0.01)  # no clock of a filesystem is finer
    artifact(path, "new")


@pytest.mark.parametrize("moment", range(len(NAMES)))
@pytest.mark.parametrize(
    "replace", [replace_by_rename, replace_by_export, replace_by_removal, replace_in_place]
)
def test_a_replacement_between_two_files(tmp_path, replace, moment):
    path = artifact(tmp_path / "artifact", "old")
    calls = []

    def once():
        if len(calls) == moment:
            replace(path)
        calls.append(None)

    found = whole_read(path, lambda path: words(path, once))
    # What is renamed is still there, and read to its end; where that cannot be, the new one is.
    is_kept = replace is replace_by_rename and module._is_pinned()
    assert found == {"old" if is_kept else "new"}


def test_a_directory_that_nobody_replaces_is_read_once(tmp_path):
    path = artifact(tmp_path / "artifact", "old")
    found = []
    assert whole_read(path, lambda path: found.append(path) or words(path)) == {"old"}
    assert len(found) == 1


@pytest.mark.parametrize("error", [InputError("artifact: torn"), OSError("torn"), KeyError("a")])
def test_an_error_of_files_that_stay_is_raised_at_once(tmp_path, error):
    calls = []

    def fails(path):
        calls.append(path)
        raise error

    for path in (artifact(tmp_path / "artifact", "old"), tmp_path / "nowhere"):
        with pytest.raises(type(error)) as caught:
            whole_read(path, fails)
        assert caught.value is error
    assert len(calls) == 2


def test_an_error_of_files_that_change_is_none(tmp_path):
    path = artifact(tmp_path / "artifact", "old")

    def read(directory, calls=[]):  # noqa: B006
        calls.append(directory)
        if len(calls) == 1:
            replace_by_export(path)
            raise RuntimeError("whatever a torn file raises")
        return words(directory)

    assert whole_read(path, read) == {"new"}


def test_an_error_of_the_copy_names_the_directory(tmp_path):
    path = artifact(tmp_path / "artifact", "old")

    calls = []

    def read(directory):
        calls.append(directory)
        if len(calls) == 1:
            replace_by_export(path)
        raise InputError(f"{directory}/labels.txt has been changed.")

    with pytest.raises(InputError) as caught:
        whole_read(path, read)
    assert str(caught.value) == f"{path}/labels.txt has been changed." and len(calls) == 2
    with pytest.raises(InputError) as caught:  # and so does one of the directory itself
        whole_read(path, read)
    assert str(caught.value) == f"{path}/labels.txt has been changed." and len(calls) == 3


def test_files_that_never_stay(tmp_path, monkeypatch):
    path = artifact(tmp_path / "artifact", "old")
    copyfile, count = shutil.copyfile, iter(range(10**6))

    def disturbed(source, target):
        (path / "labels.txt").write_text("x" * next(count))
        return copyfile(source, target)

    monkeypatch.setattr(module.shutil, "copyfile", disturbed)
    with pytest.raises(InputError, match="artifact is being replaced again and again"):
        whole_read(path, lambda directory: replace_in_place(path))


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "a/../../secret"])
def test_a_manifest_that_names_files_elsewhere_copies_none(tmp_path, name):
    path = artifact(tmp_path / "artifact", "old")
    (tmp_path / "secret").write_text("secret")
    manifest = {"kind": "old", "files": dict.fromkeys((*NAMES, name), {})}
    (path / "manifest.json").write_text(json.dumps(manifest))
    before = sorted(entry.name for entry in tmp_path.iterdir())

    calls = []

    def read(directory):
        calls.append(directory)
        if len(calls) == 1:
            replace_in_place(path)
            (path / "manifest.json").write_text(json.dumps(manifest))
        return {entry.name for entry in directory.parent.iterdir()}

    assert whole_read(path, read) == {"artifact"}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == before


def test_two_directories_that_take_turns(tmp_path):
    """Under one name, faster than they are read."""
    path, other = artifact(tmp_path / "one", "one"), artifact(tmp_path / "other", "other")
    if not _exchange(path, other):
        pytest.skip("no exchange here")
    end = threading.Event()

    def take_turns():
        while not end.wait(0.001):
            _exchange(path, other)

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        found = [whole_read(path, lambda p: words(p, lambda: time.sleep(0.003))) for _ in range(40)]
    finally:
        end.set()
        thread.join()
    assert all(len(one) == 1 for one in found)
    assert set().union(*found) == {"one", "other"}


def alternating(monkeypatch, module, name, replace):
    """A function of `module` after each call of which the directory is another one."""
    function = getattr(module, name)

    def then_replaced(*arguments, **options):
        found = function(*arguments, **options)
        replace()
        return found

    monkeypatch.setattr(module, name, then_replaced)


@pytest.fixture
def published(tmp_path):
    """Two HuggingFace directories of a classifier, whose labels, weights and tokens differ."""
    from keras_attention.checkpoints import save_hugging_face
    from keras_attention.text import WordPieceTokenizer
    from tests.runs.small_runs import word_piece
    from tests.tasks.small_models import small_model

    model, paths = small_model("classifier"), []
    pieces = word_piece().vocabulary
    for letter in "ab":
        path = tmp_path / letter
        model.set_weights([np.full_like(weight, ord(letter)) for weight in model.get_weights()])
        labels = [f"{letter}{i}" for i in range(model.num_classes)]
        tokenizer = WordPieceTokenizer([*pieces[:-1], f"{letter}{letter}{letter}"])
        save_hugging_face(model, tokenizer, path, labels=labels)
        paths.append(path)
    return paths


def letters(model, tokenizer=None):
    """Of which of the two they are."""
    found = {chr(int(weight.flat[0])) for weight in model.get_weights()}
    found |= {label[0] for label in getattr(model, "labels", None) or ()}
    return found | ({tokenizer.vocabulary[-1][0]} if tokenizer else set())


def exchanged(one, other):
    if not _exchange(one, other):
        pytest.skip("no exchange here")


def saved_anew(one, other):
    """As `save_hugging_face(force=True)` of another model."""
    with new_directory(one, True, lambda path: None) as directory:
        shutil.copytree(other, directory, dirs_exist_ok=True)


@pytest.mark.parametrize("replace", [exchanged, saved_anew])
def test_labels_and_weights_of_a_published_directory(published, monkeypatch, replace):
    """It is replaced after config.json was read, whenever that is."""
    from keras_attention.checkpoints import hugging_face

    alternating(monkeypatch, hugging_face, "read_config", lambda: replace(*published))
    found = letters(hugging_face.load_hugging_face(published[0]))
    assert len(found) == 1


@pytest.mark.parametrize("replace", [exchanged, saved_anew])
@pytest.mark.parametrize("way", ["import", "initial weights", "plot"])
def test_model_and_tokenizer_of_a_published_directory(
    published, monkeypatch, tmp_path, replace, way
):
    from keras_attention import checkpoints
    from keras_attention.checkpoints import hugging_face

    monkeypatch.setattr(checkpoints, "load_hugging_face", hugging_face.load_hugging_face)
    alternating(monkeypatch, checkpoints, "load_hugging_face", lambda: replace(*published))
    if way == "import":
        from keras_attention.tasks.import_checkpoint import import_checkpoint
        from keras_attention.tasks.load import load_run

        user = load_run(import_checkpoint(published[0], tmp_path / "run"))
        found = letters(user.model, user.tokenizer)
        assert {label[0] for label in user.labels} == found
    elif way == "initial weights":
        from keras_attention.tasks.initial_encoder import initial_encoder

        config = SimpleNamespace(
            initial_weights=str(published[0]), dropout=None, max_sequence_length=3
        )
        initial = initial_encoder(config)
        found = letters(initial.model, initial.tokenizer)
    else:
        from keras_attention.cli import plot

        options = SimpleNamespace(model=published[0], custom=None)
        _, user = plot._load(options)
        found = letters(user.model, user.tokenizer)
    assert len(found) == 1
