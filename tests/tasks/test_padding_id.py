"""A vocabulary whose padding has the last id and whose id 0 is a word: padding is never read."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest

from keras_attention import export, load, save_run
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS, RUNTIMES
from keras_attention.models import BertEncoder, Classifier, MaskedLM
from keras_attention.tasks.classification.training import make_batches as labelled_batches
from keras_attention.tasks.masked_lm.masked_lm_scores import masked_lm_scores
from keras_attention.tasks.masked_lm.training import compile_masked_lm, make_batches
from keras_attention.tasks.train import train
from keras_attention.text import LabelledTexts, MaskedLMBatches, WordPieceTokenizer
from tests.cli.command import run_here
from tests.tasks.small_classifier import small_masked_lm

WORDS = ["three", "monday", "on", "sunny", "##s", "hundred", "and"]
VOCABULARY = [*WORDS, "[MASK]", "[CLS]", "[UNK]", "[SEP]", "[PAD]"]
PADDING = len(VOCABULARY) - 1
TEXTS = [
    "three",
    "on monday and three",
    "three three three three",
    "hundred and three hundred and three on three mondays",
    "sunny mondays on three",
    "three hundred",
]
LABELS = ["bad", "good", "other"]
LENGTH = 24


def tokenizer():
    return WordPieceTokenizer(VOCABULARY)


def varied(model):
    """The model with weights that make every token count."""
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


def encoder():
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8)
    return BertEncoder(len(VOCABULARY), max_sequence_length=LENGTH, **sizes)


# Those formats of the classifier that are exported in `make test-slow` alone.
SLOW = {("classifier", "tf_saved_model"), ("classifier", "tflite")}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """`paths(kind, runtime)`: a run for "keras", an artifact for the others."""
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(3)
    models = {"masked-lm": MaskedLM(encoder()), "classifier": Classifier(encoder(), 3)}
    runs = {
        kind: save_run(
            varied(model),
            tokenizer(),
            folder / kind,
            labels=LABELS if kind == "classifier" else None,
        )
        for kind, model in models.items()
    }

    @functools.cache
    def artifact(kind, formats):
        name = "-".join((kind, *formats))
        return export(runs[kind], folder / name, formats=formats, examples=TEXTS)

    def find(kind, runtime):
        if runtime == "keras":
            return runs[kind]
        is_quick = (kind, runtime) not in SLOW
        return artifact(kind, tuple(f for f in FORMATS if ((kind, f) not in SLOW) == is_quick))

    return find


def test_the_vocabulary_is_what_is_said():
    assert (tokenizer().padding_id, WORDS[0]) == (11, "three")


def scores_without_padding(model, texts, seed, **options):
    """What `masked_lm_scores` should say, from rows that are read one by one, without padding."""
    ids = tokenizer().encode(texts, max_length=LENGTH).token_ids
    batches = MaskedLMBatches.of_tokenizer(tokenizer(), ids, 8, seed=seed, **options)
    losses, right = [], []
    for x, labels, weights in batches.epochs(epochs=1):
        for row in range(len(labels)):
            length = int(x["padding_mask"][row].sum())
            if not length:
                continue
            inputs = {name: x[name][row : row + 1, :length] for name in ("token_ids",)}
            inputs |= {"segment_ids": np.zeros((1, length)), "padding_mask": np.ones((1, length))}
            logits = np.asarray(model(inputs), "float64")[0]
            for slot in np.flatnonzero(weights[row]):
                scores, label = logits[x["mask_positions"][row, slot]], labels[row, slot]
                losses.append(np.log(np.exp(scores).sum()) - scores[label])
                right.append(scores.argmax() == label)
    return {"loss": np.mean(losses), "accuracy": np.mean(right), "masked_tokens": len(losses)}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_masked_lm_is_evaluated_without_padding(paths, runtime):
    model = load(paths("masked-lm", "keras")).model
    texts = TEXTS * 3
    expected = scores_without_padding(model, texts, seed=4, rate=0.4)
    assert expected["masked_tokens"] > 20
    user = load(paths("masked-lm", runtime), runtime)
    found = masked_lm_scores(user, texts, masked_share=0.4, seed=4)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [
        pytest.param(*pair, marks=pytest.mark.slow if pair in SLOW else ())
        for pair in itertools.product(("masked-lm", "classifier"), RUNTIMES)
    ],
)
def test_a_text_in_a_batch_is_answered_as_alone(paths, kind, runtime):
    user = load(paths(kind, runtime), runtime)
    answer = user.outputs if kind == "masked-lm" else user.probabilities
    for text, together in zip(TEXTS, answer(TEXTS), strict=True):
        np.testing.assert_allclose(together, answer([text])[0], atol=1e-5)


def test_classifiers_are_trained_on_what_they_are_asked_for(paths):
    class Config:
        max_sequence_length, batch_size, max_buckets = LENGTH, 8, 1

    classifier = load(paths("classifier", "keras"))
    data = LabelledTexts(TEXTS, None, ["bad"] * len(TEXTS))
    batches, _ = labelled_batches(Config, tokenizer(), data, np.zeros(len(TEXTS), int))
    ((_, indices),) = batches.order(0)
    x, _, weights = batches.batch(0, indices)
    assert (x["token_ids"][x["padding_mask"] == 0] == PADDING).all()
    assert (x["token_ids"][weights == 0] == PADDING).all() and not weights.all()
    found = keras.ops.softmax(classifier.model(x, training=False))
    expected = classifier.probabilities([TEXTS[i] for i in indices])
    np.testing.assert_allclose(found[: len(indices)], expected, atol=1e-5)


def test_training_counts_a_word_of_id_0(paths, tmp_path):
    model = load(paths("masked-lm", "keras")).model
    config = small_masked_lm(tmp_path, masked_share=0.4, jit_compile=False)
    compile_masked_lm(model, config, 10)
    batches, _ = make_batches(config, tokenizer(), ["three three three", "three"] * 6, seed=1)
    hits, count = 0, 0
    for x, labels, weights in batches.epochs(epochs=1):
        assert not labels.any() and (x["token_ids"][x["padding_mask"] == 0] == PADDING).all()
        hits += ((np.asarray(model(x)).argmax(-1) == labels) * weights).sum()
        count += weights.sum()
    found = model.evaluate(
        batches.dataset(epochs=1), steps=len(batches), return_dict=True, verbose=0
    )
    assert count >= 12 and found["accuracy"] == pytest.approx(hits / count)
    # One that says 0 is always right.
    model.masked_lm.token_bias.assign(100 * np.eye(len(VOCABULARY))[0])
    found = model.evaluate(
        batches.dataset(epochs=1), steps=len(batches), return_dict=True, verbose=0
    )
    assert found["accuracy"] == 1 and found["loss"] < 1e-3


@pytest.mark.parametrize("runtime", ["keras", "onnx"])
def test_texts_without_a_token_that_can_be_masked(paths, runtime, tmp_path, capfd):
    data = tmp_path / "texts.txt"
    data.write_text("mondays\n[SEP] [CLS]\n")  # a word of two pieces, and no word
    command = ("evaluate", "masked-lm", "--model", paths("masked-lm", runtime), "--data", data)
    status, out, err = run_here(capfd, *command)
    assert (status, out) == (2, "")
    assert err == (
        "keras-attention: No token of the texts can be masked: they hold nothing but special "
        "tokens, or words of more pieces than --masked-share of a text. Give longer texts, or mask "
        "pieces of words one by one (--single-pieces).\n"
    )
    status, out, _ = run_here(capfd, *command, "--single-pieces")
    assert status == 0 and json.loads(out)["masked_tokens"] == 1


@pytest.mark.parametrize("part", ["train", "valid"])
def test_training_on_texts_without_a_token_that_can_be_masked(paths, part, tmp_path):
    for name in ("train", "valid"):
        text = "mondays" if name == part else "three hundred"
        (tmp_path / f"{name}.txt").write_text(f"{text}\n{text}\n")
    files = {name: str(tmp_path / f"{name}.txt") for name in ("train", "valid")}
    begin = str(paths("masked-lm", "keras"))
    config = small_masked_lm(tmp_path, initial_weights=begin, max_sequence_length=8, **files)
    with pytest.raises(InputError, match=f"No token of the {part}.* texts can be masked"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
