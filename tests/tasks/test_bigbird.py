"""BigBird from end to end: trained, exported to all formats, read from HuggingFace and written."""

import json

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention.artifacts.formats import FORMATS
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.models import BigBirdEncoder, Classifier
from keras_attention.text import SentencePieceEncoderTokenizer
from tests.cli.command import run_here
from tests.labelled_sentences import labelled_sentences, write_table
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import TEXTS, assert_same_answers, config_of
from tests.text.tokenizers.bigbird_model import bigbird_model

LENGTH = 330  # six blocks
# One block, some, and so many that the text is cut.
LONG = [TEXTS[0], " ".join(TEXTS * 10), " ".join(TEXTS * 17), " ".join(TEXTS * 60)]


@pytest.fixture
def succeeds(capfd):
    def check(*arguments):
        status, out, err = run_here(capfd, *arguments)
        assert status == 0, err
        return out

    return check


@pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
def test_a_preset_is_trained_and_exported(succeeds, tmp_path, monkeypatch):
    monkeypatch.setitem(BigBirdEncoder.presets["tiny"], "num_layers", 1)
    for seed, part in enumerate(("train", "valid")):
        texts, labels = labelled_sentences(32, seed)
        write_table(tmp_path / f"{part}.jsonl", text=texts, label=labels)
    files = ("--train", tmp_path / "train.jsonl", "--valid", tmp_path / "valid.jsonl")
    options = ("--family", "bigbird", "--preset", "tiny", "--vocabulary-size", 200)
    training = ("--epochs", 1, "--max-length", LENGTH, "--jit", "no", "--quiet")
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    succeeds("train", "classifier", *files, *options, *training, "--output", run)
    assert (config_of(run)["family"], config_of(run)["pooling"]) == ("bigbird", "cls")
    user = keras_attention.load(run)
    encoder = user.model.encoder
    assert (type(encoder), encoder.max_sequence_length) == (BigBirdEncoder, LENGTH)
    assert (user.model.classifier_dim, user.model.classifier_activation) == (128, "gelu_new")
    succeeds("export", "--model", run, "--output", artifact, "--quiet")
    expected = user.probabilities(LONG)
    for name in FORMATS:
        found = keras_attention.load(artifact, name).probabilities(LONG)
        assert_same_answers(found, expected, tolerance=2e-5)


def test_a_published_classifier_is_imported_and_published_again(succeeds, tmp_path):
    keras.utils.set_random_seed(6)
    encoder = BigBirdEncoder(
        vocabulary_size=word_piece().vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=LENGTH,
        block_size=16,
        random_blocks="hugging_face",
    )
    options = encoder.classifier_options()
    model = Classifier(encoder, len(LABELS), **options, labels=LABELS)
    save_hugging_face(model, word_piece(), tmp_path / "published")
    said = succeeds("inspect", tmp_path / "published").splitlines()
    assert said[0].startswith("published directory of a BigBird: classifier (BigBirdForSequence")
    succeeds("import", tmp_path / "published", "--output", tmp_path / "run", "--quiet")
    user = keras_attention.load(tmp_path / "run")
    assert user.labels == LABELS
    inputs = load_tokenizer(tmp_path / "published").pack(LONG[:2])
    expected = np.asarray(load_hugging_face(tmp_path / "published")(inputs))
    np.testing.assert_array_equal(np.asarray(user.model(inputs)), expected)
    save_hugging_face(user.model, user.tokenizer, tmp_path / "again")
    one, other = (
        json.loads((tmp_path / name / "config.json").read_text()) for name in ("published", "again")
    )
    assert one == other


@pytest.mark.parametrize(
    ("named", "formats"),
    [
        (True, ()),
        (False, ("tf_saved_model",)),
        # They hold no strings, and are exported from the preset every time.
        pytest.param(False, ("tflite", "onnx"), marks=pytest.mark.slow),
    ],
)
def test_a_published_directory_with_a_sentencepiece_model(named, formats, succeeds, tmp_path):
    """Imported, classified and exported with strings in the SavedModel; nothing of WordPiece."""
    tokenizer = SentencePieceEncoderTokenizer(bigbird_model())
    keras.utils.set_random_seed(5)
    encoder = BigBirdEncoder(
        tokenizer.vocabulary_size + 3,  # rows to spare
        1,
        2,
        8,
        9,
        block_size=4,
        num_random_blocks=1,
        random_blocks="hugging_face",
        max_sequence_length=64,
    )
    model = Classifier(encoder, len(LABELS), **encoder.classifier_options(), labels=LABELS)
    save_hugging_face(model, tokenizer, tmp_path / "published")
    directory = tmp_path / "published"
    names = {path.name for path in directory.iterdir()}
    assert names == {"config.json", "model.safetensors", "spiece.model", "tokenizer_config.json"}
    assert json.loads((directory / "config.json").read_text())["pad_token_id"] == 0
    if not named:  # as directories of HuggingFace's faster tokenizer are
        path = directory / "tokenizer_config.json"
        path.write_text(json.dumps({"tokenizer_class": "BigBirdTokenizerFast"}))
    ids = tokenizer.encode(TEXTS).token_ids
    assert load_tokenizer(directory).encode(TEXTS).token_ids == ids
    succeeds("import", directory, "--output", tmp_path / "run")
    run = keras_attention.load(tmp_path / "run")
    assert run.tokenizer.encode(TEXTS).token_ids == ids
    if not formats:
        return
    options = dict(examples=TEXTS, formats=formats)
    keras_attention.export(tmp_path / "run", tmp_path / "artifact", **options)
    expected = run.probabilities(TEXTS)
    for runtime in formats:
        found = keras_attention.load(tmp_path / "artifact", runtime).probabilities(TEXTS)
        np.testing.assert_allclose(found, expected, atol=1e-5)
