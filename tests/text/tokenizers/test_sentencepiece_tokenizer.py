import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import well_formed
from keras_attention.text import (
    SentencePieceProcessor,
    SentencePieceTokenizer,
    train_sentencepiece,
)
from keras_attention.token_ids import SpecialIds, pad
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS, HALVES, model

SPECIAL = SpecialIds()

KINDS = [
    ("bpe", "nmt_nfkc", False),
    ("bpe", "identity", False),
    ("unigram", "nmt_nfkc", False),
    ("unigram", "identity", True),
]


def pair(kind=KINDS[0]):
    return SentencePieceTokenizer(model(*kind)), SentencePieceProcessor(model(*kind))


def decoded(tensor):
    return [text.decode() for text in tensor.numpy()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_and_plain_python_agree_on_difficult_texts(kind):
    tokenizer, processor = pair(kind)
    ids = tokenizer.tokenize(tf.constant(DIFFICULT_TEXTS))
    expected = [processor.encode(text) for text in DIFFICULT_TEXTS]
    assert ids.dtype == tf.int32
    assert ids.to_list() == expected
    texts = decoded(tokenizer.detokenize(ids.to_tensor()))
    assert texts == [processor.decode(row) for row in expected]


ANY_CHARACTER = st.characters(exclude_categories=())  # halves of surrogate pairs as well


@settings(max_examples=60)
@given(
    st.lists(st.text(ANY_CHARACTER, max_size=40), min_size=1, max_size=8), st.sampled_from(KINDS)
)
def test_the_graph_and_plain_python_agree_on_any_text(texts, kind):
    tokenizer, processor = pair(kind)
    ids = tokenizer.tokenize(tf.constant([well_formed(text) for text in texts]))
    assert ids.to_list() == [processor.encode(text) for text in texts]
    back = decoded(tokenizer.detokenize(ids.to_tensor()))
    assert back == [processor.decode(row) for row in ids.to_list()]


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 199), max_size=12), min_size=1, max_size=5))
def test_the_graph_and_plain_python_agree_on_any_ids(rows):
    tokenizer, processor = pair()
    padded = pad(rows, 12)
    assert decoded(tokenizer.detokenize(tf.constant(padded))) == [
        processor.decode(row) for row in padded
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_surrogate_pair_is_a_replacement_character(kind):
    _, processor = pair(kind)
    replaced = [
        "\ufffd",
        "three\ufffd hundred",
        "a \ufffd\ufffd b",
        "\ufffd\ufffd two",
        "日\ufffd本",
    ]
    assert [well_formed(text) for text in HALVES] == replaced
    expected = processor.encode_all(replaced)
    assert processor.encode_all(HALVES) == expected == [processor.encode(t) for t in HALVES]


def test_a_vocabulary_of_texts_with_half_a_surrogate_pair():
    assert train_sentencepiece(["low \ud83d lower"] * 9, 30) == train_sentencepiece(
        ["low \ufffd lower"] * 9, 30
    )


@pytest.mark.parametrize("kind", KINDS)
def test_text_comes_back_as_it_went_in(kind):
    tokenizer, _ = pair(kind)
    texts = ["three hundred and two", "Die Antwort ist null.", ""]
    assert (
        decoded(tokenizer.detokenize(tokenizer.tokenize(tf.constant(texts)).to_tensor())) == texts
    )


def test_an_empty_text_is_end_alone():
    tokenizer, processor = pair()
    assert tokenizer.tokenize(tf.constant(["", "  "])).to_list() == [[SPECIAL.end], [SPECIAL.end]]
    assert processor.encode("") == [SPECIAL.end]
    assert (
        decoded(tokenizer.detokenize(tf.constant([[SPECIAL.end, 0]])))
        == [""]
        == [processor.decode([])]
    )


def test_no_texts_at_all():
    tokenizer, _ = pair()
    assert tokenizer.tokenize(tf.constant([], tf.string)).to_list() == []
    assert decoded(tokenizer.detokenize(tf.zeros((0, 3), tf.int32))) == []


def test_detokenize_stops_at_the_first_end_and_skips_special_ids():
    tokenizer, processor = pair()
    words = processor.encode("two")[:-1]
    row = [SPECIAL.start, *words, 0, SPECIAL.start, *words, SPECIAL.end, *words, SPECIAL.end, 0, 0]
    assert (
        decoded(tokenizer.detokenize(tf.constant([row]))) == ["two two"] == [processor.decode(row)]
    )


def test_special_names_in_a_text_are_text():
    _, processor = pair()
    ids = processor.encode("<s> </s> <pad>")
    assert ids[-1] == SPECIAL.end and not {0, SPECIAL.start, SPECIAL.end} & set(ids[:-1])


def test_start_end_and_a_length_limit():
    tokenizer, processor = pair()
    texts = tf.constant(["three hundred and two", ""])
    full = [processor.encode(text)[:-1] for text in ("three hundred and two", "")]

    def ids(*arguments, **options):
        return tokenizer.tokenize(texts, *arguments, **options).to_list()

    assert ids(add_end=False) == full
    assert ids(add_start=True) == [[SPECIAL.start, *row, SPECIAL.end] for row in full]
    assert ids(3) == [[*row[:2], SPECIAL.end] for row in full]
    assert ids(3, add_start=True) == [[SPECIAL.start, *row[:1], SPECIAL.end] for row in full]
    assert ids(3, add_end=False) == [row[:3] for row in full]


def test_a_saved_model_tokenizes_without_this_package(tmp_path):
    tokenizer, processor = pair()
    module = tf.Module()
    module.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def there_and_back(texts):
        return tokenizer.detokenize(tokenizer.tokenize(texts).to_tensor())

    module.there_and_back = there_and_back
    tf.saved_model.save(module, str(tmp_path / "module"))
    loaded = tf.saved_model.load(str(tmp_path / "module"))
    texts = ["three hundred and two", "", "日本語 👍"]
    expected = [processor.decode(processor.encode(text)) for text in texts]
    assert decoded(loaded.there_and_back(tf.constant(texts))) == expected


def test_inside_a_dataset():
    tokenizer, processor = pair()
    dataset = tf.data.Dataset.from_tensor_slices(["two", "three hundred"]).batch(2)
    ids = next(iter(dataset.map(tokenizer.tokenize)))
    assert ids.to_list() == [processor.encode("two"), processor.encode("three hundred")]


def test_vocabulary():
    tokenizer, processor = pair()
    assert tokenizer.vocabulary_size == processor.vocabulary_size == 500


def test_an_unknown_character_is_the_unknown_token_or_bytes():
    assert SPECIAL.unknown in SentencePieceProcessor(model()).encode("\U0001f9ff")
    with_bytes = SentencePieceProcessor(model(*KINDS[3]))
    assert SPECIAL.unknown not in with_bytes.encode("\U0001f9ff")
    assert with_bytes.decode(with_bytes.encode("\U0001f9ff")) == "\U0001f9ff"
