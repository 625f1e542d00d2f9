"""SmolLM2's published tokenizer: the ids of the `tokenizers` package, in graphs too."""

import random

import pytest
import tensorflow as tf
from tokenizers import Tokenizer

from keras_attention.text import chat_prompt
from keras_attention.text.tokenizers import load_language_model_tokenizer
from tests.made_once import made_once
from tests.smollm2 import needs_smollm2, write_smollm2
from tests.text.tokenizers.language_model_texts import TEXTS
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS

pytestmark = needs_smollm2


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    path = made_once(tmp_path_factory, "smollm2_2", lambda path: write_smollm2(path, 2))
    tokenizer = load_language_model_tokenizer(path)
    return tokenizer, Tokenizer.from_file(str(path / "tokenizer.json"))


@pytest.fixture(scope="module")
def texts(published):
    """Difficult texts, and joins of 30 random tokens."""
    tokenizer, _ = published
    draw = random.Random(0)
    joins = [[draw.randrange(17, tokenizer.vocabulary_size) for _ in range(30)] for _ in range(500)]
    return [*TEXTS, *DIFFICULT_TEXTS, *map(tokenizer.decode, joins)]


def test_ids_are_those_of_the_package(published, texts):
    tokenizer, package = published
    assert (tokenizer.pre_tokenizer, tokenizer.vocabulary_size) == ("smollm", 49152)
    assert (tokenizer.special_ids.start, tokenizer.special_ids.ends) == (1, (2,))
    rows = tokenizer.encode(texts).token_ids
    assert rows == [package.encode(text).ids for text in texts]
    assert [tokenizer.decode(row) for row in rows] == [package.decode(row) for row in rows]
    assert tokenizer.encode(["The capital of France is"]).token_ids == [[504, 3575, 282, 4649, 314]]


def test_the_graph_gives_the_same(published, texts):
    tokenizer, _ = published
    ids = tokenizer.in_graph().tokenize(tf.constant(texts))
    assert ids.to_list() == tokenizer.encode(texts).token_ids


def test_its_chat_template(published):
    tokenizer, _ = published
    prompt = chat_prompt(tokenizer, [{"role": "user", "content": "What is 2+2?"}])
    assert prompt == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"
    )
    (ids,) = tokenizer.encode([prompt], add_start=False).token_ids
    assert ids[0] == tokenizer.token_id("<|im_start|>") == 1 and ids.count(2) == 2
