"""Unknown tokens are counted in what is read, and shown by their own text in pictures."""

import pytest

from keras_attention import load
from keras_attention.tasks.unknown_tokens import UnknownTokens, say_unknown
from keras_attention.text import TranslationTokenizer, WordPieceTokenizer, train_sentencepiece
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.visualization import attention_of_sentence, attention_of_text
from tests.cli.command import run_here
from tests.tasks.small_models import saved


def test_they_are_counted():
    unknown = UnknownTokens()
    assert unknown.sentence() == ""
    unknown.add([[2, 3], [2, 1, 3]], 1)
    unknown.add([[1]], None)  # a vocabulary without such a token
    assert (unknown.count, unknown.total) == (1, 6)
    assert unknown.sentence().startswith("1 of 6 tokens (16.7%) are unknown to the vocabulary")


def test_a_training_says_how_many():
    said = []
    say_unknown([[1, 2]], 1, said.append)
    say_unknown([[3, 2]], 1, said.append)
    say_unknown([[1, 2]], 1, None)
    assert len(said) == 1 and said[0].startswith("Of the training texts 1 of 2 tokens (50.0%)")


def test_commands_say_how_many(once, capfd, tmp_path):
    (tmp_path / "text").write_text("three \u6f22\n", encoding="utf-8")
    for method, name in (("classify", "classifier"), ("translate", "translator")):
        command = (method, "--model", saved(once, name), "--input", tmp_path / "text")
        status, out, err = run_here(capfd, *command)
        assert status == 0 and out.count("\n") == 1
        (said,) = [line for line in err.splitlines() if "unknown" in line]
        assert said.startswith("note: 1 of ") and "(" in said


def test_an_evaluation_counts_them(once, tmp_path):
    from keras_attention.tasks.evaluate import evaluate

    (tmp_path / "a.csv").write_text("text,label\nthree \u6f22,bad\nok,good\n", encoding="utf-8")
    scores = evaluate("classifier", saved(once, "classifier"), data=tmp_path / "a.csv")
    assert scores["unknown_tokens"] == 1
    with pytest.raises(KeyError):
        scores["unknown"]


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "##s", "\u6f22"]


@pytest.mark.parametrize(
    "added", [(), (AddedToken("<x>", 9),), (AddedToken("Yy", 9, normalized=True),)]
)
def test_unknown_words_of_word_pieces(added):
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=added)
    text = "A \u00c5ngstr\u00f6m good \u6f22\u5b57x\t[MASK] goods z"
    (ids,) = tokenizer.encode([text]).token_ids
    words = [
        "[CLS]",
        "a",
        "angstrom",
        "good",
        "\u6f22",
        "\u5b57",
        "x",
        "[MASK]",
        "good",
        "s",
        "z",
        "[SEP]",
    ]
    assert [piece.removeprefix("\u2581") for piece in tokenizer.pieces(ids, [text])] == words
    assert tokenizer.pieces(ids).count("\u2581[UNK]") == 4
    (pair,) = tokenizer.encode([text], ["q good"]).token_ids
    assert tokenizer.pieces(pair, [text, "q good"])[-3:] == ["\u2581q", "\u2581good", "\u2581[SEP]"]


def test_unknown_pieces_of_sentencepiece():
    model = train_sentencepiece(["three hundred", "on monday", "\u4eca\u65e5"] * 9, 40)
    source = TranslationTokenizer(model).source
    for text in ("three \u96ea monday", "\u4eca\u65e5\u96ea", "  ", ""):
        pieces, ids = source.pieces(text), source.encode(text)
        assert len(pieces) == len(ids) - 1
        assert "<unk>" not in pieces and ("\u96ea" in text) == ("\u96ea" in "".join(pieces))


def test_pictures_show_their_text(once):
    translator = load(saved(once, "translator"))
    assert "\u6f22" in "".join(attention_of_sentence(translator, "three \u6f22").columns)
    classifier = load(saved(once, "classifier"))
    found = attention_of_text(classifier.model, classifier.tokenizer, "three \u6f22")
    assert found.rows == ["[CLS]", "three", "\u6f22", "[SEP]"]
