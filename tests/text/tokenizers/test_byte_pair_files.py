"""Files of byte-level BPE tokenizers: read, written, and refused with one sentence."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text.tokenizers import load_language_model_tokenizer
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS
from keras_attention.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from keras_attention.text.tokenizers.pre_tokenizers import PRE_TOKENIZERS
from keras_attention.token_ids import SpecialIds
from tests.text.tokenizers.language_model_texts import TEXTS, trained


@pytest.fixture
def directory(tmp_path):
    """What a small tokenizer's `save` wrote, and its content."""
    trained("gpt2", 300).save(tmp_path)
    return tmp_path, json.loads((tmp_path / "tokenizer.json").read_text())


def change(directory, name, **values):
    path = directory / name
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_what_is_written_is_read(tmp_path, name):
    base = trained("gpt2", 300)
    tokenizer = BytePairTokenizer(
        base.vocabulary,
        base.merges,
        base.added_tokens,
        SpecialIds(padding=5, unknown=None, start=0, end=0),
        name,
        ignore_merges=True,
        adds_start=True,
        chat_template="{{ messages }}",
    )
    tokenizer.save(tmp_path)
    loaded = load_language_model_tokenizer(tmp_path)
    for attribute in (
        "vocabulary merges added_tokens special_ids pre_tokenizer ignore_merges adds_start "
        "chat_template"
    ).split():
        assert getattr(loaded, attribute) == getattr(tokenizer, attribute), attribute
    assert loaded.encode(TEXTS).token_ids == tokenizer.encode(TEXTS).token_ids
    assert loaded.encode(["a"]).token_ids[0][0] == 0
    assert loaded.encode(["a"], add_start=False).token_ids[0][0] != 0


def test_two_files_as_gpt2_has_them(tmp_path):
    base = trained("gpt2", 300)
    (tmp_path / "vocab.json").write_text(json.dumps(base.vocabulary))
    merges = [" ".join(merge) for merge in base.merges]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    loaded = load_language_model_tokenizer(tmp_path)
    assert loaded.merges == base.merges and loaded.special_ids.ends == (0,)
    assert loaded.encode(TEXTS).token_ids == base.encode(TEXTS).token_ids
    change(tmp_path, "added_tokens.json", **{"<x>": base.vocabulary_size})
    loaded = load_language_model_tokenizer(tmp_path)
    assert loaded.encode(["<x>"]).token_ids == [[base.vocabulary_size]]
    decoder = {"0": {"content": "<|endoftext|>", "special": True}}
    change(tmp_path, "tokenizer_config.json", add_bos_token=True, added_tokens_decoder=decoder)
    loaded = load_language_model_tokenizer(tmp_path)
    assert loaded.adds_start and loaded.encode([""]).token_ids == [[0]]


def test_merges_as_lists_and_processors_in_a_sequence(directory):
    path, content = directory
    model = {**content["model"], "merges": [m.split(" ") for m in content["model"]["merges"]]}
    start = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
    }
    processor = {"type": "Sequence", "processors": [{"type": "ByteLevel"}, start]}
    change(path, "tokenizer.json", model=model, post_processor=processor)
    loaded = load_language_model_tokenizer(path)
    assert loaded.merges == trained("gpt2", 300).merges and loaded.adds_start


def test_special_ids_of_other_files(directory):
    """The names in tokenizer_config.json, in special_tokens_map.json, the ids in config.json."""
    path, _ = directory
    (path / "tokenizer_config.json").unlink()
    change(path, "config.json", eos_token_id=[7, 8], bos_token_id=9)
    special = load_language_model_tokenizer(path).special_ids
    assert (special.start, special.ends) == (9, (7,))
    change(path, "special_tokens_map.json", eos_token={"content": "a"}, pad_token="a")
    special = load_language_model_tokenizer(path).special_ids
    assert special.ends == (BytePairTokenizer.load(path).vocabulary["a"],)
    assert special.padding is None  # it is the end too


def test_chat_templates(directory):
    path, _ = directory
    for template in (
        "one",
        [{"name": "tools", "template": "x"}, {"name": "default", "template": "one"}],
    ):
        change(path, "tokenizer_config.json", chat_template=template)
        assert load_language_model_tokenizer(path).chat_template == "one"
    (path / "chat_template.jinja").write_text("two")
    assert load_language_model_tokenizer(path).chat_template == "two"
    (path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot be read as text"):
        load_language_model_tokenizer(path)
    (path / "chat_template.jinja").write_text("x" * (1 << 20) + "x")
    with pytest.raises(InputError, match="text of at most"):
        load_language_model_tokenizer(path)


VOCABULARY = {character: i for i, character in enumerate(BYTE_CHARACTERS)}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"normalizer": {"type": "NFC"}}, "`normalizer` must be null"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "GPT-2, SmolLM2, Llama 3"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, "`pre_tokenizer`"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 3}}, "`pre_tokenizer`"),
        ({"decoder": {"type": "WordPiece"}}, "`decoder.type` must be"),
        ({"model": 3}, "`model` is missing"),
        ({"model": {"type": "Unigram"}}, "`model.type` must be"),
        ({"model": {"type": "BPE", "dropout": 0.1}}, "`model.dropout` must be null"),
        ({"model": {"vocab": {"a": 0}, "unk_token": "a"}}, "`model.unk_token` must be null"),
        ({"model": {"type": "BPE", "vocab": []}}, "`model.vocab` must be an object"),
        ({"model": {"type": "BPE", "vocab": {"a": "b"}}}, "ids from 0 on"),
        ({"model": {"type": "BPE", "vocab": {"a": True}}}, "ids from 0 on"),
        ({"model": {"type": "BPE", "vocab": {"a": 1 << 40}}}, "ids from 0 on"),
        ({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}, "two tokens the same id"),
        ({"added_tokens": 3}, "`added_tokens` must be a list"),
        ({"added_tokens": [{"content": "", "id": 0}]}, '"content" and an "id"'),
        ({"added_tokens": [{"content": "a\ud800", "id": 0}]}, "half surrogate pairs"),
        ({"added_tokens": [{"content": "x", "id": 0}, {"content": "x", "id": 0}]}, "different"),
        ({"added_tokens": [{"content": "<x>", "id": 0}]}, "gives '<x>' the id 0"),
        ({"added_tokens": [{"content": "<x>", "id": 900}]}, "first that is missing is 300"),
        ({"added_tokens": [{"content": "x", "id": 0, "lstrip": True}]}, "lstrip of x"),
        ({"post_processor": {"type": "RobertaProcessing"}}, "`post_processor.type` must be"),
        ({"post_processor": {"type": "TemplateProcessing", "single": 3}}, "a text alone"),
        ({"post_processor": {"type": "TemplateProcessing", "single": [{}, 1]}}, "a text alone"),
    ],
)
def test_other_tokenizers_are_refused_by_name(directory, changes, message):
    path, _ = directory
    change(path, "tokenizer.json", **changes)
    with pytest.raises(InputError, match=message) as raised:
        load_language_model_tokenizer(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "vocabulary, merges, message",
    [
        ({"the": 0}, [], "one with bytes among its tokens"),
        ({"a": 1}, [], "from 0 to 0"),
        (None, 3, "merges must be a list"),
        (None, ["a"], "pairs of tokens"),
        (None, [["a", "b"]], "pairs of tokens"),
        (None, [["a", 3]], "pairs of tokens"),
        (None, [3], "pairs of tokens"),
    ],
)
def test_spoiled_vocabularies(directory, vocabulary, merges, message):
    path, _ = directory
    (path / "tokenizer_config.json").unlink()
    vocabulary = VOCABULARY if vocabulary is None else vocabulary
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    change(path, "tokenizer.json", added_tokens=[], model=model)
    with pytest.raises(InputError, match=message):
        load_language_model_tokenizer(path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"add_eos_token": True}, "`add_eos_token` must be"),
        ({"eos_token": "<nothing>"}, "`eos_token` must be a token"),
        ({"eos_token": 3}, "`eos_token` must be a token"),
        ({"chat_template": 3}, "the chat template must be text"),
    ],
)
def test_settings_are_refused_by_name(directory, changes, message):
    path, _ = directory
    change(path, "tokenizer_config.json", **changes)
    with pytest.raises(InputError, match=message):
        load_language_model_tokenizer(path)


def test_no_files_and_other_classes(tmp_path):
    with pytest.raises(InputError, match="expected tokenizer.json, or vocab.json and merges.txt"):
        load_language_model_tokenizer(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(VOCABULARY))
    (tmp_path / "merges.txt").write_text("a b\n")
    with pytest.raises(InputError, match="the merges must be pairs"):
        load_language_model_tokenizer(tmp_path)
    change(tmp_path, "tokenizer_config.json", tokenizer_class="Qwen2Tokenizer")
    with pytest.raises(InputError, match="`tokenizer_class` must be"):
        load_language_model_tokenizer(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(data=st.data())
def test_any_value_of_any_field_loads_or_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("spoiled")
    trained("gpt2", 300).save(path)
    name = data.draw(st.sampled_from(["tokenizer.json", "tokenizer_config.json"]))
    content = json.loads((path / name).read_text())
    part = content
    while True:
        key = data.draw(st.sampled_from(sorted(part)))
        if not (isinstance(part[key], dict) and part[key] and data.draw(st.booleans())):
            break
        part = part[key]
    part[key] = data.draw(json_values)
    (path / name).write_text(json.dumps(content))
    try:
        load_language_model_tokenizer(path).encode(TEXTS)
    except InputError as error:
        assert "\n" not in str(error)
