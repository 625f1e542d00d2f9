"""The tokens of large texts are kept in a run, and read where it goes on."""

import pytest

from keras_attention.runs.run_files import is_named_by_run
from keras_attention.tasks.language_model import training_documents
from keras_attention.tasks.language_model.training_documents import Texts
from keras_attention.tasks.language_model.training_tokens import TrainingTokens
from keras_attention.text.tokenizers import language_model_tokenizer


class Run:
    """What tokens need to know of a `TrainingRun`."""

    def __init__(self, output, resumes=False, run_id="one"):
        self.output, self.resumes, self.id = output, resumes, run_id


def training_tokens(run, encode=True):
    parts = [("né a longer one", True), ("three hundred", True)]
    texts = {name: Texts("digest", lambda: iter(parts)) for name in ("train", "valid")}
    if not encode:  # what is kept must not be encoded again
        texts = {name: Texts("digest", None) for name in texts}
    tokens = TrainingTokens(texts, run)
    tokens.encode(language_model_tokenizer("bytes")())
    return tokens


def listed(tokens):
    return [(s.ids.tolist(), s.begins.tolist(), s.bytes, s.characters) for s in tokens.streams]


def test_a_run_keeps_the_tokens_of_large_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(training_documents, "IN_MEMORY", 3)
    tokens = training_tokens(Run(tmp_path))
    expected = listed(tokens)
    tokens.keep(tmp_path)
    assert listed(tokens) == expected  # what is mapped stays so
    again = training_tokens(Run(tmp_path, resumes=True), encode=False)
    assert listed(again) == expected
    again.keep(tmp_path)  # there is nothing more to keep
    assert listed(training_tokens(Run(tmp_path, resumes=True), encode=False)) == expected
    assert all(
        is_named_by_run(path.relative_to(tmp_path).as_posix())
        for path in tmp_path.rglob("*")
        if path.is_file()
    )


def spoil_id(folder):
    data = bytearray((folder / "tokens.bin").read_bytes())
    data[0] ^= 1
    (folder / "tokens.bin").write_bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_id,
        lambda folder: (folder / "documents.bin").unlink(),
        lambda folder: (folder / "digests.json").unlink(),
        lambda folder: (folder / "digests.json").write_text("{}"),
        lambda folder: (folder / "tokens.json").write_text("{}"),
        None,  # those of another run
    ],
)
def test_tokens_that_are_not_the_runs_are_made_anew(tmp_path, monkeypatch, spoil):
    monkeypatch.setattr(training_documents, "IN_MEMORY", 3)
    tokens = training_tokens(Run(tmp_path))
    expected = listed(tokens)
    tokens.keep(tmp_path)
    if spoil is not None:
        spoil(tmp_path / "snapshots/tokens/train")
    run = Run(tmp_path, resumes=True, run_id="one" if spoil else "other")
    again = training_tokens(run)
    assert listed(again) == expected
    again.keep(tmp_path)
    run = Run(tmp_path, resumes=True, run_id=run.id)
    assert listed(training_tokens(run, encode=False)) == expected


def test_tokens_in_memory_are_not_kept(tmp_path):
    training_tokens(Run(tmp_path)).keep(tmp_path)
    assert list(tmp_path.iterdir()) == []
