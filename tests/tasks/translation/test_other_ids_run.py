"""A run whose vocabulary has other special ids: trained, exported, loaded in every runtime."""

import random

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.tasks import TranslatorConfig, task_of
from keras_attention.tasks.train import train
from keras_attention.tasks.translation.graph_functions import ids_function
from keras_attention.text import TranslationTokenizer
from keras_attention.token_ids import SpecialIds, pad
from tests.tasks.small_run import WORDS
from tests.text.tokenizers.other_ids import other_model

SPECIAL = SpecialIds(padding=7, unknown=0, start=9, end=2)
FORMATS = ("tf_saved_model", "tflite", "onnx")
SIZES = dict(num_layers=1, num_heads=2, hidden_dim=32, intermediate_dim=64, dropout=0.0)
TEXTS = ["one two three", "six", "five five", "", "four one six", "two", "zebra three"]


def in_german(text):
    return " ".join(WORDS[word] for word in text.split())


def tokenizer(special_ids=SPECIAL):
    words = tuple([*WORDS, *WORDS.values()] * 3)
    return TranslationTokenizer(other_model(special_ids, size=60, texts=words))


def begin(folder, model_class=TransformerTranslator):
    """A run of random weights, with which a training begins."""
    keras.utils.set_random_seed(1)
    size, options = tokenizer().target.vocabulary_size, dict(max_sequence_length=24)
    options["special_ids"] = tokenizer().special_ids
    if model_class is RNNTranslator:
        sizes = dict(units=32, embedding_dim=24, dropout=0.0)
        model = RNNTranslator.from_preset("small", vocabulary_size=size, **sizes, **options)
    else:
        model = TransformerTranslator(size, normalize_first=True, **SIZES, **options)
    return keras_attention.save_run(model, tokenizer(), folder)


def config_of(corpus, initial, **options):
    files = {
        f"{part}_{side}": str(corpus / f"{part}.{end}")
        for part in ("train", "valid")
        for side, end in (("source", "en"), ("target", "de"))
    }
    sizes = dict(epochs=16, batch_tokens=300, max_buckets=1, average_checkpoints=1)
    sizes["jit_compile"] = False
    rate = dict(learning_rate=1e-2, warmup_steps=10, label_smoothing=0.0)
    return TranslatorConfig.for_preset(
        **{**files, **sizes, **rate, "initial_weights": str(initial), **options}
    )


@pytest.fixture(scope="session")
def corpus(once):
    """One to four words a line, so that there is padding."""

    def make(folder):
        rng = random.Random(5)
        for part, count in (("train", 600), ("valid", 20)):
            lines = [" ".join(rng.choices([*WORDS], k=rng.randint(1, 4))) for _ in range(count)]
            (folder / f"{part}.en").write_text("".join(f"{line}\n" for line in lines))
            german = "".join(f"{in_german(line)}\n" for line in lines)
            (folder / f"{part}.de").write_text(german, encoding="utf-8")

    return once("other ids corpus", make)


@pytest.fixture(scope="session")
def run(once, corpus):
    """What `train` makes of random weights with such ids. Not to be changed."""

    def make(folder):
        begin(folder / "begun")
        train(config_of(corpus, folder / "begun"), folder / "run", quiet=True)

    return once("other ids", make) / "run"


def test_words_stand_below_the_special_ids():
    target = tokenizer().target
    pieces = [target.id_to_piece(token_id) for token_id in range(10)]
    special = {0: "<unk>", 2: "</s>", 7: "<pad>", 9: "<s>"}
    assert {i: piece for i, piece in enumerate(pieces) if piece.startswith("<")} == special


def test_it_learns(run):
    """Losses and metrics count the words at 0, 1 and 3, and no padding."""
    user = keras_attention.load(run)
    assert user.model.special_ids == SPECIAL
    texts = [text for text in TEXTS if "zebra" not in text]
    assert user.translate(texts) == [in_german(text) for text in texts]
    last = (run / "history.csv").read_text().splitlines()
    row = dict(zip(last[0].split(","), last[-1].split(","), strict=True))
    assert float(row["val_accuracy"]) > 0.99
    assert float(row["val_perplexity"]) == pytest.approx(np.exp(float(row["val_loss"])), rel=1e-3)


def test_batches_loss_and_metrics_know_the_padding(corpus, run):
    task, config = task_of("translator"), config_of(corpus, run, max_buckets=1)
    initial = task.read_initial(config)
    rows = (["one", "one two three"], ["eins", "eins zwei drei"])
    batches = task.make_batches(config, initial.tokenizer, Rows(rows, rows), lambda text: None)[0]
    x, y = batches.example()
    own = initial.tokenizer.target.encode("eins")
    (short,) = [row for row in y.tolist() if row[: len(own)] == own and row[len(own)] == 7]
    assert short == own + [7] * (len(short) - len(own))
    assert set(x["decoder_token_ids"][:, 0].tolist()) <= {9, 7}
    assert 0 not in y and 0 not in x["encoder_token_ids"]
    model = task.make_model(config, initial.tokenizer, initial)
    task.compile(model, config, 10)
    compiled = model.get_compile_config()
    configs = [part["config"] for part in (compiled["loss"], *compiled["metrics"])]
    assert [config["ignore_class"] for config in configs] == [7, 7, 7]


class Rows:
    corpus = None

    def __init__(self, train, valid):
        self.train, self.valid = train, valid


@pytest.fixture(scope="session")
def artifact(run, artifact_of):
    return artifact_of(run, "other ids artifact", examples=TEXTS, search={"beam_size": 2})


def test_every_runtime_gives_the_same_answers(run, artifact):
    manifest = read_manifest(artifact)
    assert manifest["special_ids"] == {"padding": 7, "unknown": 0, "start": 9, "end": 2}
    expected = keras_attention.load(run, beam_size=2).translate_with_scores(TEXTS)
    for runtime in FORMATS:
        user = keras_attention.load(artifact, runtime)
        for batch_size in (1, 3, 32):
            user.batch_size = batch_size
            texts, scores = user.translate_with_scores(TEXTS)
            assert texts == expected[0]
            np.testing.assert_allclose(scores, expected[1], atol=1e-3)


def test_padding_changes_no_answer(run):
    user = keras_attention.load(run)
    ids = ids_function(user.model)
    rows = user.encode(["one", "two three four", "six five"])
    together = ids(pad(rows, value=7))
    wider = ids(pad(rows, length=15, value=7))
    for index, row in enumerate(rows):
        alone = ids(np.array([row], "int32"))
        texts = [
            user.tokenizer.target.decode(found["token_ids"][at].numpy().tolist())
            for found, at in ((alone, 0), (together, index), (wider, index))
        ]
        assert len(set(texts)) == 1 and texts[0]
        scores = [float(found["score"][at]) for found, at in ((alone, 0), (together, index))]
        np.testing.assert_allclose(scores, [float(wider["score"][index])] * 2, atol=1e-4)


@pytest.mark.slow
def test_samples_with_other_ids(run, tmp_path):
    options = dict(examples=TEXTS, formats=("onnx",))
    sample = {"sample": True, "temperature": 2.0}
    keras_attention.export(run, tmp_path / "a", search=sample, **options)
    expected = keras_attention.load(run, seed=3, **sample).translate(TEXTS)
    assert keras_attention.load(tmp_path / "a", seed=3).translate(TEXTS) == expected


@pytest.mark.slow
def test_recurrent_models_and_streams(corpus, tmp_path, once):
    begin(tmp_path / "begun", RNNTranslator)
    config = config_of(corpus, tmp_path / "begun", window=150, epochs=8)
    train(config, tmp_path / "run", quiet=True)
    user = keras_attention.load(tmp_path / "run")
    texts = ["one two three", "six five four"]
    assert user.translate(texts) == [in_german(text) for text in texts]
    keras_attention.export(tmp_path / "run", tmp_path / "a", examples=TEXTS)
    for runtime in FORMATS:
        found = keras_attention.load(tmp_path / "a", runtime).translate(TEXTS)
        assert found == user.translate(TEXTS)


def test_a_model_and_a_tokenizer_of_other_ids_are_refused(run, tmp_path):
    """What was accepted before, and translated wrongly."""
    model = keras_attention.load(run).model
    others = [tokenizer(SpecialIds(padding=0, unknown=1, start=9, end=2))]
    others.append(tokenizer(SpecialIds(padding=7, unknown=0, start=9, end=3)))
    for other in others:
        for save in (
            lambda t: keras_attention.save_run(model, t, tmp_path / "new"),
            lambda t: keras_attention.export(model, tmp_path / "new", t),
        ):
            with pytest.raises(
                InputError, match="TransformerTranslator|new: the special ids differ"
            ):
                save(other)
    assert list(tmp_path.iterdir()) == []
