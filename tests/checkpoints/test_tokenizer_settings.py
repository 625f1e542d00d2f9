"""The longest text and the lower-casing that a published directory speaks of."""

import json
import shutil

import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.checkpoints import load_tokenizer
from keras_attention.checkpoints.hugging_face_config import read_max_length
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.text import WordPieceTokenizer
from tests.tasks.small_heads import write_checkpoint
from tests.tasks.small_models import TEXTS
from tests.text.tokenizers.wordpiece_references import PUBLISHED

SETTINGS, SENTENCE = "tokenizer_config.json", "sentence_bert_config.json"
ENDLESS = 1000000000000000019884624838656  # what HuggingFace writes where nothing is known


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A directory that says nothing of it. Not to be changed: copy it."""
    return write_checkpoint(tmp_path_factory.mktemp("written") / "checkpoint", "one label")


@pytest.fixture
def directory(written, tmp_path):
    return shutil.copytree(written, tmp_path / "checkpoint")


def change(path, **values):
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


@pytest.mark.parametrize(
    ("settings", "sentence", "expected"),
    [
        ({}, None, None),
        ({"model_max_length": 7}, None, 7),
        ({"model_max_length": 7.0}, None, 7),
        ({"model_max_length": ENDLESS}, None, ENDLESS),
        ({"model_max_length": 1e30}, None, 10**30),
        ({"model_max_length": None}, None, None),
        ({"model_max_length": 9}, {"max_seq_length": 6}, 6),
        ({"model_max_length": 6}, {"max_seq_length": 9}, 9),  # sentence-transformers' own counts
        ({"model_max_length": 6}, {"max_seq_length": None}, 6),
        ({}, {"max_seq_length": 5, "do_lower_case": False}, 5),
    ],
)
def test_the_longest_text(directory, settings, sentence, expected):
    change(directory / SETTINGS, **settings)
    if sentence is not None:
        change(directory / SENTENCE, **sentence)
    found = read_max_length(directory)
    assert found == (int(1e30) if expected == 10**30 else expected)
    own = json.loads((directory / "config.json").read_text())["max_position_embeddings"]
    run = import_checkpoint(directory, directory.parent / "run")
    length = json.loads((run / "config.json").read_text())["max_sequence_length"]
    assert length == min(own, expected or own)


def test_the_published_model():
    assert read_max_length(PUBLISHED) == 256


@pytest.mark.parametrize(
    "runtimes", [("tf_saved_model",), pytest.param(("onnx",), marks=pytest.mark.slow)]
)
def test_longer_texts_are_cut_in_every_program(directory, tmp_path, runtimes):
    change(directory / SETTINGS, model_max_length=4)
    run = import_checkpoint(directory, tmp_path / "run")
    keras_attention.export(run, tmp_path / "artifact", formats=runtimes)
    assert read_manifest(tmp_path / "artifact")["max_length"] == 4
    long, short = [f"{text} {text} {text}" for text in TEXTS], TEXTS
    tokenizer = load_tokenizer(directory)
    assert min(len(row) for row in tokenizer.encode(long).token_ids) > 4
    for runtime in ("keras", *runtimes):
        path = run if runtime == "keras" else tmp_path / "artifact"
        user = keras_attention.load(path, runtime)
        assert user.max_length == 4
        with pytest.warns(UserWarning, match="longer than the model's maximum of 4 tokens"):
            found = user.scores(long)
        same = [len(row) >= 4 for row in tokenizer.encode(short).token_ids]
        with pytest.warns(UserWarning):
            expected = user.scores(short)
        assert sum(same) > 1 and abs(found - expected)[same].max() < 1e-6


@pytest.mark.parametrize("value", [2, 0, -1, 3.5, "512", True, [512], float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("name", "setting"), [(SETTINGS, "model_max_length"), (SENTENCE, "max_seq_length")]
)
def test_what_is_no_length(directory, name, setting, value):
    change(directory / name, **{setting: value})
    with pytest.raises(InputError, match=f"{name}: `{setting}` must be a whole number of at least"):
        import_checkpoint(directory, directory.parent / "run")
    assert not (directory.parent / "run").exists()


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"do_lower_case": True, "strip_accents": None}, (True, None)),
        ({"do_lower_case": False, "strip_accents": None}, (True, False)),
        ({"do_lower_case": False, "strip_accents": True}, (True, True)),
        ({"do_lower_case": True, "strip_accents": False}, (True, False)),
    ],
)
def test_lower_casing(directory, own, expected):
    """A cased tokenizer that reads lowercased texts keeps their accents."""
    change(directory / SETTINGS, **own)
    (directory / "tokenizer.json").unlink()
    before = load_tokenizer(directory)
    change(directory / SENTENCE, do_lower_case=False)
    assert load_tokenizer(directory).lowercase == own["do_lower_case"]
    change(directory / SENTENCE, do_lower_case=True)
    after = load_tokenizer(directory)
    assert (after.lowercase, after.strip_accents) == expected
    texts = [*TEXTS, "É é A ÀÉ\u0301 Straße", "TWO, Three"]
    lowered = [text.lower() for text in texts]
    assert after.encode(texts).token_ids == before.encode(lowered).token_ids
    run = import_checkpoint(directory, directory.parent / "run")
    again = WordPieceTokenizer.load(run / "tokenizer")
    assert again.encode(texts).token_ids == after.encode(texts).token_ids


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_what_is_no_choice(directory, value):
    change(directory / SENTENCE, do_lower_case=value)
    with pytest.raises(InputError, match=f"{SENTENCE}: `do_lower_case` must be True here"):
        load_tokenizer(directory)
