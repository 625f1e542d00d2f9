import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from keras_attention._validation import InputError
from keras_attention.text import WordPieceTokenizer, phrase_corpus, read_lines, train_wordpiece
from keras_attention.text.tokenizers.wordpiece_characters import split_words, stands_alone
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.text.tokenizers.pure_process import run_without_tensorflow
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS, reference_of

SMALL = ["the cat sat on the mat", "a dog sat on a log"] * 5


def naive_pieces(lines, number, lowercase):
    """The same algorithm without bookkeeping: all pairs are counted anew for each piece."""
    counts = Counter(word for line in lines for word in split_words(line, lowercase))
    words = {word: [word[0], *(f"##{letter}" for letter in word[1:])] for word in counts}
    pieces = []
    while len(pieces) < number:
        pairs = Counter()
        for word, parts in words.items():
            for pair in zip(parts, parts[1:], strict=False):
                pairs[pair] += counts[word]
        if not pairs or max(pairs.values()) < 2:
            break
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
        piece = pair[0] + pair[1][2:]
        if piece not in pieces:
            pieces.append(piece)
        for word, parts in words.items():
            merged = []
            for part in parts:
                if merged and (merged[-1], part) == pair:
                    merged[-1] = piece
                else:
                    merged.append(part)
            words[word] = merged
    return pieces


def alphabet(lines, lowercase):
    characters = {c for line in lines for word in split_words(line, lowercase) for c in word}
    return len(SPECIAL_TOKENS) + sum(1 if stands_alone(c) else 2 for c in characters)


def test_by_hand():
    vocabulary = train_wordpiece(["ab ab ab abc abc bc"], 16)
    assert vocabulary[:5] == list(SPECIAL_TOKENS)
    assert vocabulary[5:11] == ["a", "b", "c", "##a", "##b", "##c"]
    assert vocabulary[11:] == ["ab", "abc"]  # 5 and 2 times; "bc" is there once


@settings(max_examples=60)
@given(
    st.lists(st.text("abcÉe!, ", max_size=30), min_size=1, max_size=8),
    st.integers(0, 40),
    st.booleans(),
)
def test_as_counted_anew_for_each_piece(lines, number, lowercase):
    if not "".join(lines).strip():
        lines = [*lines, "a"]
    size = alphabet(lines, lowercase)
    vocabulary = train_wordpiece(lines, size + number, lowercase)
    assert vocabulary[size:] == naive_pieces(lines, number, lowercase)
    assert len(set(vocabulary)) == len(vocabulary)


def test_the_size_asked_for(real_data):
    lines = [line.rsplit("\t", 1)[0] for line in read_lines(real_data / "sst2/train.tsv.gz")]
    vocabulary = train_wordpiece(lines, 8_000)
    assert len(set(vocabulary)) == len(vocabulary) == 8_000
    tokenizer = WordPieceTokenizer(vocabulary)
    encoded = tokenizer.encode(lines)
    assert not any(tokenizer.unknown_id in row for row in encoded.token_ids)
    # As short as with the vocabulary that the reference's own trainer learns.
    reference = BertWordPieceTokenizer(lowercase=True)
    reference.train_from_iterator(lines, 8_000, show_progress=False)
    theirs = sum(len(row.ids) for row in reference.encode_batch(lines))
    assert sum(len(row) - 2 for row in encoded.token_ids) < 1.005 * theirs
    assert (
        len(set(reference.get_vocab()) & set(vocabulary)) > 0.95 * 8_000
    )  # ties are broken otherwise


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character_is_known_wherever_it_stands(lowercase):
    vocabulary = train_wordpiece(BERT_TEXTS, 2_500, lowercase)
    tokenizer = WordPieceTokenizer(vocabulary, lowercase)
    characters = {c for text in BERT_TEXTS for w in split_words(text, lowercase) for c in w}
    letters = sorted(c for c in characters if not stands_alone(c))
    assert len(letters) > 150
    texts = [f"{letter}{other}" for letter, other in zip(letters, letters[::-1], strict=True)]
    encoded = tokenizer.encode([*texts, *(characters - set(letters))])
    assert not any(tokenizer.unknown_id in row for row in encoded.token_ids)
    assert not any(stands_alone(token[2]) for token in vocabulary if token.startswith("##"))


def test_uncased_and_cased():
    lines = ["Émile ÉMILE émile"] * 3
    uncased, cased = train_wordpiece(lines, 100), train_wordpiece(lines, 100, lowercase=False)
    assert uncased[-1] == "emile" and not set("éÉM") & set("".join(uncased[5:]))
    assert {"Émile", "ÉMILE", "émile"} <= set(cased)


def test_a_small_corpus_gets_the_largest_vocabulary():
    largest = train_wordpiece(SMALL, 8000)
    assert len(largest) < 100 and {"the", "sat", "mat", "dog", "log"} <= set(largest)
    assert train_wordpiece(SMALL, len(largest)) == largest
    assert train_wordpiece(SMALL, len(largest) - 1) == largest[:-1]


def test_a_vocabulary_smaller_than_the_alphabet_names_what_is_needed():
    with pytest.raises(InputError, match="vocabulary of 7 is too small for the corpus") as error:
        train_wordpiece(SMALL, 7)
    needed = int(re.search(r"need (\d+)\.", str(error.value)).group(1))
    assert needed == alphabet(SMALL, True)
    assert len(train_wordpiece(SMALL, needed)) == needed
    with pytest.raises(InputError):
        train_wordpiece(SMALL, needed - 1)


@pytest.mark.parametrize("lines", [[], ["", "  "], ["\x00\u200b"]])
def test_a_corpus_without_text(lines):
    with pytest.raises(InputError, match="holds no text"):
        train_wordpiece(lines, 100)


def test_no_piece_is_longer_than_the_operator_takes():
    lines = ["日a" * 50, "👍" * 100, "x" * 90] * 3
    vocabulary = train_wordpiece(lines, 1_000, lowercase=False)
    assert max(len(token.removeprefix("##")) for token in vocabulary) == 64
    tokenizer = WordPieceTokenizer(vocabulary, False)
    assert not any(tokenizer.unknown_id in row for row in tokenizer.encode(lines).token_ids)


def test_the_same_vocabulary_in_every_process():
    code = """
from keras_attention.text import phrase_corpus, train_wordpiece
print(train_wordpiece(phrase_corpus(300)[1], 400, lowercase=False), end="")
"""
    printed = {run_without_tensorflow(code, hash_seed) for hash_seed in (0, 1, 2)}
    here = train_wordpiece(phrase_corpus(300)[1], 400, lowercase=False)
    assert printed == {str(here)} and len(here) == 400


def test_it_can_be_used_at_once():
    vocabulary = train_wordpiece(SMALL, 60)
    tokenizer, reference = WordPieceTokenizer(vocabulary), reference_of(vocabulary, True)
    assert (tokenizer.padding_id, tokenizer.unknown_id, tokenizer.mask_id) == (0, 1, 4)
    encoded = tokenizer.encode(SMALL)
    assert encoded.token_ids == [row.ids for row in reference.encode_batch(SMALL)]
    assert [tokenizer.decode(row) for row in encoded.token_ids] == SMALL


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_a_wrong_size_is_named(size):
    with pytest.raises(ValueError, match="`vocabulary_size` must be a positive integer"):
        train_wordpiece(SMALL, size)
