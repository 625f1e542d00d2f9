"""A disk that fails at the n-th call, or a kill there; then the command again: nothing is lost."""

import hashlib
import io
import shutil
import signal
import zipfile

import h5py
import pytest

from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.text import WordPieceTokenizer
from tests.checkpoints.golden_models import GOLDEN
from tests.runs.faults import KINDS, Faults, forked, names_below
from tests.runs.tiny_training import tiny_train


def weights(run):
    """The sha256 of the weights of a run's model; None where there is no model."""
    try:
        with zipfile.ZipFile(run / "model.keras") as archive:
            data = archive.read("model.weights.h5")
    except FileNotFoundError:
        return None
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


# An operation, and what there is before it.
OPERATIONS = {
    "train": (train, None),
    "resume": (train_longer, train),
    "force": (train_anew, train),
    "import": (bring_in, None),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """For each operation what there is before, and after it; made by processes of their own."""
    folder = tmp_path_factory.mktemp("prepared")
    published = folder / "published"
    shutil.copytree(GOLDEN / "sequence_classification", published)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    WordPieceTokenizer(vocabulary).save(published)
    found = {}
    for name, (action, before) in OPERATIONS.items():
        start = folder / name / "before"
        start.mkdir(parents=True)
        if name == "import":
            shutil.copytree(published, start / "published")
        if before is not None:
            assert "error" not in forked(lambda b=before, s=start: b(s), Faults(start))
        end = shutil.copytree(start, folder / name / "after")
        said = forked(lambda a=action, e=end: a(e), Faults(end))
        assert "error" not in said, said
        found[name] = start, end, said["calls"]
    return found


def survives(prepared, tmp_path, name, number, kind):
    """One fault, and the command again."""
    start, end, calls = prepared[name]
    action, _ = OPERATIONS[name]
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
    known = {weights(start / "run"), weights(end / "run"), *([None] if name == "force" else [])}
    assert weights(directory / "run") in known, at
    again = forked(lambda: action(directory), Faults(directory))
    assert "error" not in again and "killed" not in again, (at, again)
    assert weights(directory / "run") == weights(end / "run"), at
    assert names_below(directory) == names_below(end), at
    shutil.rmtree(directory)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_sample_of_all_calls(prepared, tmp_path, name, kind):
    """One of each kind, in another third of the calls; `make test-slow` takes all calls."""
    share = (list(KINDS).index(kind) + 0.5) / len(KINDS)
    survives(prepared, tmp_path, name, 1 + int(share * len(prepared[name][2])), kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call(prepared, tmp_path, name, kind):
    """A disk that breaks does to half of the calls what one that is full does to all."""
    step = 2 if kind == "EIO" else 1
    for number in range(1, 1 + len(prepared[name][2]), step):
        survives(prepared, tmp_path, name, number, kind)
