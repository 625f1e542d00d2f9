"""A disk that fails at the n-th call, or a kill there; then the command again: nothing is lost."""

import gc
import hashlib
import importlib
import io
import shutil
import signal
import zipfile

import h5py
import pytest

from keras_attention.artifacts.manifest import read_manifest, refuse_unlisted, verify_files
from keras_attention.runs.run_directory import verify_digests
from keras_attention.tasks.export import export
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.text import WordPieceTokenizer
from tests.checkpoints.golden_models import GOLDEN
from tests.process_per_file import tensorflow_has_threads
from tests.runs.faults import KINDS, Faults, forked, names_below
from tests.runs.mutations import contents
from tests.runs.tiny_training import tiny_train
from tests.tasks.small_models import TEXTS, save_small_run

# Of the calls that libraries make, such as the 25 with which Keras writes an archive, one in so
# many fails.
SHARE = 5
# What an export imports, so that no forked process has to.
IMPORTED = ("tf2onnx.convert", "onnx", "onnxruntime")


def weights(run):
    """The sha256 of the weights of a run's model; None where there is no model.

    Raises:
        InputError: if its files are not of each other.
    """
    try:
        with zipfile.ZipFile(run / "model.keras") as archive:
            data = archive.read("model.weights.h5")
    except FileNotFoundError:
        return None
    verify_digests(run)
    digest = hashlib.sha256()
    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(
            lambda name, found: (
                digest.update(name.encode() + found[()].tobytes())
                if isinstance(found, h5py.Dataset)
                else None
            )
        )
    return digest.hexdigest()


def formats(artifact):
    """The formats of an artifact, whose files are all as its manifest says; None without one."""
    if not artifact.exists():
        return None
    manifest = read_manifest(artifact)
    verify_files(artifact, manifest=manifest)
    refuse_unlisted(artifact, manifest, ("",))
    return manifest["formats"]


def state(directory):
    """What a user has: the model of the run, and the artifact."""
    return weights(directory / "run"), formats(directory / "artifact")


def nothing(directory):
    pass


def train(directory):
    tiny_train(directory / "run", resume=True, selection=None)


def train_longer(directory):
    """What there is has one epoch less, and is finished."""
    tiny_train(directory / "run", resume=True, selection=None, epochs=3)


def train_anew(directory):
    """In the place of another run."""
    tiny_train(directory / "run", force=True, selection=None, seed=1)


def bring_in(directory):
    import_checkpoint(directory / "published", directory / "run", force=True)


def save_run(directory):
    save_small_run("encoder", directory / "run")


def write_onnx(directory):
    export(directory / "run", directory / "artifact", formats=("onnx",), examples=TEXTS, force=True)


def write_saved_model(directory):
    export(
        directory / "run",
        directory / "artifact",
        formats=("tf_saved_model",),
        examples=TEXTS,
        force=True,
    )


# An operation, and what makes what there is before it: a function, or another operation.
OPERATIONS = {
    "train": (train, nothing),
    "resume": (train_longer, "train"),
    "force": (train_anew, "train"),
    "import": (bring_in, nothing),
    "import by force": (bring_in, "train"),
    "export": (write_onnx, save_run),
    "export by force": (write_saved_model, "export"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """`prepared(name)`: of an operation what there is before, and after it, and all its calls; made
    by processes of their own."""
    if tensorflow_has_threads():
        pytest.fail(
            "An operation of TensorFlow has run in this process, and a fork of it would wait for "
            "ever: run this file alone, or with pytest-xdist."
        )
    folder = tmp_path_factory.mktemp("prepared")
    published = folder / "published"
    shutil.copytree(GOLDEN / "sequence_classification", published)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    WordPieceTokenizer(vocabulary).save(published)
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what a forked process does not look at, it does not copy
    found = {}

    def prepare(name):
        if name not in found:
            action, before = OPERATIONS[name]
            start = folder / name / "before"
            if isinstance(before, str):
                shutil.copytree(prepare(before)[1], start)
            else:
                start.mkdir(parents=True)
                said = forked(lambda: before(start), Faults(start))
                assert "error" not in said, said
            if action is bring_in:
                shutil.copytree(published, start / "published")
            end = shutil.copytree(start, folder / name / "after")
            said = forked(lambda: action(end), Faults(end))
            assert "error" not in said, said
            found[name] = start, end, said
        return found[name]

    yield prepare
    gc.unfreeze()


def survives(prepared, tmp_path, name, number, kind):
    """One fault, and the command again."""
    start, end, whole = prepared(name)
    calls, (action, _) = whole["calls"], OPERATIONS[name]
    directory = shutil.copytree(start, tmp_path / f"{number}")
    said = forked(lambda: action(directory), Faults(directory, number, kind))
    at = f"{kind} at call {number}, {calls[number - 1] if number <= len(calls) else 'none'}: {said}"
    if kind == "kill":
        assert said.get("killed") == signal.SIGKILL, at
    elif "error" in said:
        assert said["error"][0] == "InputError", at
        assert "\n" not in said["error"][1] and str(directory) in said["error"][1], at
    # What there was is there, or what takes its place: nothing between. A training that overwrites
    # a run makes a new one first, which has no model yet.
    known = [state(start), state(end), *([(None, None)] if name == "force" else [])]
    assert state(directory) in known, at
    if contents(directory) != contents(start):  # else the command does what it did before
        again = forked(lambda: action(directory), Faults(directory))
        assert "error" not in again and "killed" not in again, (at, again)
        assert state(directory) == state(end), at
        assert names_below(directory) == names_below(end), at
    shutil.rmtree(directory)


def numbers(whole):
    """Of the calls of an operation all those of this package, and an even sample of the others."""
    others = [number for number in range(1, 1 + len(whole["calls"])) if number not in whole["own"]]
    return sorted([*whole["own"], *others[SHARE // 2 :: SHARE]])


SAMPLE = {  # every operation once, and every kind
    "train": "ENOSPC",
    "resume": "kill",
    "force": "EIO",
    "import": "EIO",
    "import by force": "kill",
    "export": "ENOSPC",
    "export by force": "kill",
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=() if SAMPLE[name] == kind else pytest.mark.slow)
        for name in OPERATIONS
        for kind in KINDS
    ],
)
def test_a_sample_of_all_calls(prepared, tmp_path, name, kind):
    """One of each kind, in another third of the calls; `make test-slow` takes many more."""
    share = (list(KINDS).index(kind) + 0.5) / len(KINDS)
    survives(prepared, tmp_path, name, 1 + int(share * len(prepared(name)[2]["calls"])), kind)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call(prepared, tmp_path, name, kind):
    """A disk that breaks does to half of the calls what one that is full does to all."""
    for number in numbers(prepared(name)[2])[:: 2 if kind == "EIO" else 1]:
        survives(prepared, tmp_path, name, number, kind)
