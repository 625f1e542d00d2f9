"""What is set aside to validate on, and what is known of texts."""

import json

import pytest

from keras_attention.runs.fingerprint import fingerprint
from keras_attention.tasks.language_model import training_documents
from keras_attention.tasks.language_model.training_documents import (
    Texts,
    encoded,
    hold_out,
    read_texts,
    scored_bytes,
    texts_to_learn_from,
    token_stream,
)
from keras_attention.text.tokenizers import language_model_tokenizer

WORDS = "one two three four five six seven eight nine ten "


def of(parts):
    return Texts("digest", lambda: iter(parts))


def joined(texts):
    found = []
    for text, begins in texts.parts():
        if begins:
            found.append(text)
        else:
            found[-1] += text
    return found


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_last_tenth_of_a_document(size):
    parts = [(WORDS[n : n + size], n == 0) for n in range(0, len(WORDS), size)]
    train, valid = hold_out(of(parts), say=lambda text: None)
    kept = int(0.9 * len(WORDS))
    assert joined(train) == [WORDS[:kept]] and joined(valid) == [WORDS[kept:]]
    assert joined(train) == [WORDS[:kept]]  # they can be read again


def test_at_most_so_much_of_a_document(monkeypatch):
    monkeypatch.setattr(training_documents, "MOST_CHARACTERS", 2)
    train, valid = hold_out(of([(WORDS, True)]), say=lambda text: None)
    assert joined(train) == [WORDS[:-2]] and joined(valid) == [WORDS[-2:]]


@pytest.mark.parametrize("documents", [2, 40, 130])
def test_a_fiftieth_of_several_documents(documents):
    parts = [part for n in range(documents) for part in ((f"{n} ", True), ("goes on", False))]
    said = []
    train, valid = hold_out(of(parts), seed=3, say=said.append)
    both = joined(train) + joined(valid)
    assert sorted(both) == sorted(f"{n} goes on" for n in range(documents))
    assert len(joined(valid)) == max(1, round(documents / 50))
    assert f"{len(joined(valid))} of {documents} documents" in said[0]
    other = hold_out(of(parts), seed=4, say=said.append)[1]
    assert joined(other) != joined(valid)


def test_texts_are_known_by_what_they_hold(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(WORDS)
    (tmp_path / "c.txt").write_text(WORDS + ".")
    a, b, c = (fingerprint(read_texts(str(tmp_path / f"{name}.txt"))) for name in "abc")
    assert a == b != c


def test_tokens_in_memory_and_in_a_file_are_the_same(tmp_path, monkeypatch):
    rows = [{"text": "né "}, {"text": "a longer one"}, {"text": "3"}]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = language_model_tokenizer("bytes").train([])
    with token_stream(read_texts(str(path)), tokenizer) as stream:
        expected = stream.ids.tolist(), stream.begins.tolist()
        size = sum(len(row["text"].encode()) for row in rows)
        assert scored_bytes(tokenizer, stream) == size - 3
    monkeypatch.setattr(training_documents, "IN_MEMORY", 3)
    with token_stream(read_texts(str(path)), tokenizer) as stream:
        assert (stream.ids.tolist(), stream.begins.tolist()) == expected
        assert scored_bytes(tokenizer, stream) == size - 3


def test_a_vocabulary_is_made_of_so_much(monkeypatch):
    monkeypatch.setattr(training_documents, "LEARNED_FROM", 5)
    texts = of([("abc", True), ("defg", False), ("h", True)])
    assert list(texts_to_learn_from(texts)) == ["abc", "de"]


def test_nothing_to_predict():
    import contextlib

    tokenizer = language_model_tokenizer("characters").train(["ab"])
    with contextlib.ExitStack() as stack, pytest.raises(ValueError, match="no token that could"):
        encoded(of([]), tokenizer, stack)
