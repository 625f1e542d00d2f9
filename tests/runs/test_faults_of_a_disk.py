"""A disk that fails at the n-th call, or a kill there; then the command again: nothing is lost."""

import hashlib
import io
import itertools
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

SAMPLE = 4  # calls of each operation and kind in every test run; `make test-slow` takes all


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
    # What there was is there, or what takes its place: nothing between.
    known = {weights(start / "run"), weights(end / "run")}
    assert weights(directory / "run") in known, at
    again = forked(lambda: action(directory), Faults(directory))
    assert "error" not in again and "killed" not in again, (at, again)
    assert weights(directory / "run") == weights(end / "run"), at
    assert names_below(directory) == names_below(end), at
    shutil.rmtree(directory)


def numbers(count, some):
    """`some` numbers of calls, evenly from the first to the last."""
    return sorted({1 + round(i * (count - 1) / (some - 1)) for i in range(some)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_sample_of_all_calls(prepared, tmp_path, name, kind):
    calls = prepared[name][2]
    some = numbers(len(calls), SAMPLE)
    shift = list(KINDS).index(kind)  # other calls for each kind
    for number in (min(len(calls), n + shift) for n in some[:-1]):
        survives(prepared, tmp_path, name, number, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call(prepared, tmp_path, name, kind):
    for number in itertools.count(1):
        if number > len(prepared[name][2]):
            return
        survives(prepared, tmp_path, name, number, kind)
