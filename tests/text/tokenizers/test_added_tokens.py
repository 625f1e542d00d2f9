"""Added tokens: the ids of HuggingFace's tokenizers, in plain Python and in graphs."""

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from keras_attention._validation import InputError
from keras_attention.artifacts import saved_model
from keras_attention.text import AddedToken, WordPieceTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import MOST_ADDED, SPECIAL_TOKENS
from tests.text.tokenizers.test_wordpiece_saved_model import check, export
from tests.text.tokenizers.test_wordpiece_settings import added, directory_of, refusal
from tests.text.tokenizers.test_wordpiece_tokenizer import KINDS, ids
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS

GOLDEN = json.loads(
    (Path(__file__).parent / "golden/added_tokens.json").read_text(encoding="utf-8")
)
TEXTS = GOLDEN["texts"]


def load(folder, case):
    return WordPieceTokenizer.load(
        directory_of(folder, GOLDEN["cases"][case]["files"], GOLDEN["vocabulary"])
    )


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_the_ids_are_those_of_transformers(tmp_path, case):
    tokenizer = load(tmp_path / "published", case)
    expected = GOLDEN["cases"][case]["ids"]
    assert ids(tokenizer, TEXTS) == [row[1:-1] for row in expected]
    tokenizer.save(tmp_path / "saved")
    again = WordPieceTokenizer.load(tmp_path / "saved")
    assert again.encode(TEXTS).token_ids == expected
    assert again.vocabulary == tokenizer.vocabulary
    reference = Tokenizer.from_file(str(tmp_path / "saved/tokenizer.json"))
    assert [row.ids for row in reference.encode_batch(TEXTS)] == expected
    (tmp_path / "saved/tokenizer.json").unlink()  # the settings alone say the same
    again = WordPieceTokenizer.load(tmp_path / "saved")
    assert again.encode(TEXTS).token_ids == expected


def test_in_a_saved_model(tmp_path):
    tokenizer = load(tmp_path / "published", "mixed")
    directory = export(tokenizer, tmp_path / "1", max_length=48)
    packed = saved_model.signature(directory, "serving_default")(
        text=[text.encode() for text in TEXTS]
    )
    check(packed, tokenizer.encode(TEXTS, max_length=48), tokenizer.padding_id)


CONTENTS = st.text("ab中-éÉB\u0301\u00ad", min_size=1, max_size=3)
PIECES = ["a", "b", "中", "-", "é", "É", "B", "\u0301", "\u00ad", " ", "\n", "[MASK]", "İ", "ß"]


@settings(max_examples=40)  # each makes a graph
@given(
    st.lists(
        st.tuples(CONTENTS, st.booleans(), st.booleans()), max_size=5, unique_by=lambda t: t[0]
    ),
    st.sampled_from(KINDS),
    st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), min_size=1, max_size=5),
)
def test_any_tokens_in_any_text(tmp_path_factory, tokens, kind, texts):
    letters = sorted({*"ab-eéBÉßsi中"})
    vocabulary = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), "ab"]
    known = {token: i for i, token in enumerate(vocabulary)}
    following = iter(range(len(vocabulary), len(vocabulary) + len(tokens)))
    added_tokens = [
        AddedToken(content, known[content] if content in known else next(following), *options)
        for content, *options in tokens
    ]
    try:
        tokenizer = WordPieceTokenizer(vocabulary, *kind, added_tokens)
    except ValueError as error:  # empty once normalized, or the same as another
        assert any(token.normalized for token in added_tokens)
        assert "without blanks, control" in str(error) or "different tokens" in str(error)
        return
    folder = tmp_path_factory.getbasetemp() / "any"
    tokenizer.save(folder)
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = [row.ids for row in reference.encode_batch(texts, add_special_tokens=False)]
    assert ids(tokenizer, texts) == expected


def test_difficult_texts(tmp_path):
    """Ranges of characters that no vocabulary has, and texts of many thousand characters."""
    tokens = [("日", False), ("ß", True), ("\u00ad", False)]
    vocabulary = [*SPECIAL_TOKENS, "a", "b", "c"]
    added_tokens = [AddedToken(content, 8 + i, n) for i, (content, n) in enumerate(tokens)]
    tokenizer = WordPieceTokenizer(vocabulary, added_tokens=added_tokens)
    tokenizer.save(tmp_path)
    reference = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    expected = [row.ids for row in reference.encode_batch(BERT_TEXTS, add_special_tokens=False)]
    assert ids(tokenizer, BERT_TEXTS) == expected


def test_as_many_as_there_may_be():
    tokens = [AddedToken(f"<{i}>", 5 + i, i % 2 == 0) for i in range(MOST_ADDED)]
    tokenizer = WordPieceTokenizer(SPECIAL_TOKENS, added_tokens=tokens)
    text = " ".join(f"<{i}>" for i in range(MOST_ADDED))
    found = tokenizer.in_graph().tokenize(tf.constant([text])).to_list()
    assert found == [list(range(5, 5 + MOST_ADDED))] == ids(tokenizer, [text])
    with pytest.raises(ValueError, match=r"`added_tokens` must be at most 1,000 tokens"):
        more = [*tokens, AddedToken("<more>", 5 + MOST_ADDED)]
        WordPieceTokenizer(SPECIAL_TOKENS, added_tokens=more)


def test_decode_leaves_out_special_ones():
    added_tokens = [AddedToken("<url>", 6, special=True), AddedToken("covid", 7)]
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "see"], added_tokens=added_tokens)
    assert tokenizer.vocabulary_size == 8 and tokenizer.vocabulary[6:] == ["<url>", "covid"]
    assert tokenizer.decode([2, 5, 6, 7, 3]) == "see covid"


@pytest.mark.parametrize(
    ("added_tokens", "message"),
    [
        ([AddedToken("x", 7)], r"the ids of the vocabulary, .* from 6 on. .*\('x', 7\)"),
        ([AddedToken("see", 6)], r"the ids of the vocabulary, .*\('see', 6\)"),
        ([AddedToken("x", 6), AddedToken("y", 6)], "the ids of the vocabulary"),
        ([AddedToken("[MASK]", 4)], "different tokens, none of them special"),
        ([AddedToken("É", 6, True), AddedToken("e", 7, True)], "different tokens"),
        *(
            ([AddedToken(content, 6, normalized)], "without blanks, control characters and")
            for content, normalized in (
                ("new york", False),
                ("a\tb", False),
                ("a\u00a0b", True),
                ("\u0301", True),
                ("a\x00", False),
                ("a\ufffd", False),
                ("a\ud83d", False),
                ("a\U0010fff5", False),
                ("\U000f0000", True),
            )
        ),
    ],
)
def test_tokens_that_cannot_be_found_alike(added_tokens, message):
    with pytest.raises(ValueError, match=f"`added_tokens` must be .*{message}"):
        WordPieceTokenizer([*SPECIAL_TOKENS, "see"], added_tokens=added_tokens)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"added_tokens.json": {"<url>": 15}},
            "added_tokens.json: `added_tokens.json` must give added tokens the ids that follow "
            "those of the vocabulary, 14 and so on. Received: 15 for '<url>'",
        ),
        (
            {"added_tokens.json": {"<url>": 14, "<email>": 14}},
            "added_tokens.json: `added_tokens.json` must give added tokens the ids that follow",
        ),
        (
            {"added_tokens.json": {"see": 14}},
            "added_tokens.json: `added_tokens.json` must give see the id that it has in the",
        ),
        (
            {"tokenizer_config.json": {"additional_special_tokens": ["<url>"]}},
            "tokenizer_config.json: `additional_special_tokens` names the token '<url>'; expected "
            "an integer as its id",
        ),
        (
            {"added_tokens.json": {"<url>": "14"}},
            "added_tokens.json: `added_tokens.json` names the token '<url>'; expected an integer",
        ),
        (
            {"tokenizer_config.json": {"extra_special_tokens": [["<url>"]]}},
            "tokenizer_config.json: `extra_special_tokens` must hold tokens, as strings",
        ),
        (
            {
                "tokenizer_config.json": {
                    "added_tokens_decoder": {"14": added("<url>", 14, single_word=True)}
                }
            },
            "tokenizer_config.json: `added_tokens_decoder: single_word of <url>` must be False",
        ),
        (
            {
                "tokenizer_config.json": {
                    "added_tokens_decoder": {"14": added("<url>", 14)},
                    "eos_token": added("<url>", 14, normalized=True),
                }
            },
            "say different things of '<url>': normalized is True and False",
        ),
        (
            {
                "tokenizer_config.json": {"added_tokens_decoder": {"14": added("<url>", 14)}},
                "added_tokens.json": {"<email>": 15},
            },
            "added_tokens.json: `added_tokens.json` adds the token '<email>', which the "
            "`added_tokens_decoder` of tokenizer_config.json lacks.",
        ),
        (
            {"added_tokens.json": {"new york": 14}},
            "`added_tokens` must be tokens without blanks, control characters and",
        ),
    ],
)
def test_what_no_file_may_say(tmp_path, files, message):
    assert message in refusal(tmp_path, files)


def test_a_model_with_too_few_rows_is_refused(tmp_path):
    from keras_attention.tasks.import_checkpoint import import_checkpoint
    from tests.tasks.small_heads import write_checkpoint

    directory = write_checkpoint(tmp_path / "checkpoint", "one label")
    rows = json.loads((directory / "config.json").read_text())["vocab_size"]
    size = len((directory / "vocab.txt").read_text().split("\n")) - 1
    tokens = {f"<{i}>": i for i in range(size, rows + 1)}
    (directory / "added_tokens.json").write_text(json.dumps(tokens))
    with pytest.raises(InputError, match="the tokenizer has .* they do not belong together"):
        import_checkpoint(directory, tmp_path / "run")
    tokens.popitem()
    (directory / "added_tokens.json").write_text(json.dumps(tokens))
    import_checkpoint(directory, tmp_path / "run")
    shutil.rmtree(directory)
    run = WordPieceTokenizer.load(tmp_path / "run/tokenizer")
    assert run.vocabulary_size == rows and len(run.added_tokens) == len(tokens)
