"""Translators whose vocabulary has words at 0, 1, 2 and 3: no id is reserved."""

import json

import keras
import numpy as np
import pytest

from keras_attention.decoding import SamplingOptions, SearchOptions, search
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.text import TranslationBatches
from keras_attention.token_ids import SpecialIds
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from tests.backend import BACKEND, to_numpy

SPECIAL = SpecialIds(padding=7, unknown=None, start=8, end=5)
V = 9
WORDS = [0, 1, 2, 3, 4, 6]
OPTIONS = {
    "greedy": SearchOptions(max_length=7),
    "beam": SearchOptions(beam_size=4, max_length=7, n_best=2, coverage_penalty=0.1, min_length=2),
    "sample": SamplingOptions(max_length=7, temperature=2.0),
}


def transformer(**options):
    keras.utils.set_random_seed(1)
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=32, intermediate_dim=48, dropout=0.0)
    sizes |= dict(vocabulary_size=V, max_sequence_length=12, normalize_first=True)
    return TransformerTranslator(**{**sizes, "special_ids": SPECIAL, **options})


def rnn(**options):
    keras.utils.set_random_seed(1)
    sizes = dict(vocabulary_size=V, units=32, embedding_dim=24, max_sequence_length=12, dropout=0.0)
    return RNNTranslator.from_preset("small", **{**sizes, "special_ids": SPECIAL, **options})


BUILDS = pytest.mark.parametrize("build", [transformer, rnn])
# Where both kinds of models go the same way, one is quick.
ONE_QUICK = pytest.mark.parametrize(
    "build", [transformer, pytest.param(rnn, marks=pytest.mark.slow)]
)


def sources(count, seed):
    rng = np.random.default_rng(seed)
    return [[*rng.choice(WORDS, rng.integers(1, 5)).tolist(), SPECIAL.end] for _ in range(count)]


def padded(rows, width):
    return np.array([row + [SPECIAL.padding] * (width - len(row)) for row in rows], "int32")


def run(model, ids, options):
    seeds = {"seed": np.arange(len(ids))} if options.is_sampling else {}
    return to_numpy(search(model, ids, options, return_alignment=True, **seeds))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="batches come from tf.data")
@BUILDS
def test_it_learns_to_copy_words_of_any_id(build):
    rows = sources(1200, seed=0)
    batches = TranslationBatches(rows, rows, 160, max_buckets=2, special_ids=SPECIAL)
    x, y = batches.example()
    assert set(np.unique(y)) <= {*WORDS, SPECIAL.end, SPECIAL.padding}
    assert set(x["decoder_token_ids"][:, 0].tolist()) <= {SPECIAL.start, SPECIAL.padding}
    model = build()
    model.compile(
        keras.optimizers.Adam(5e-3),
        LabelSmoothedCrossEntropy(0.0, ignore_class=SPECIAL.padding),
        metrics=[
            TokenAccuracy(ignore_class=SPECIAL.padding),
            Perplexity(ignore_class=SPECIAL.padding),
        ],
    )
    steps = dict(steps_per_epoch=len(batches), shuffle=False)
    model.fit(batches.dataset(), epochs=16, verbose=0, **steps)
    scores = model.evaluate(batches.dataset(epochs=1), verbose=0, return_dict=True)
    assert scores["accuracy"] > 0.99
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]), rel=1e-3)

    unseen = [[0, 1, 2, 3, 5], [2, 2, 5], [6, 0, 4, 5], [1, 5]]
    ids = padded(unseen, 5)
    for options in (OPTIONS["greedy"], SearchOptions(beam_size=3, max_length=7)):
        assert run(model, ids, options)["token_ids"].tolist() == padded(unseen, 7).tolist()
    # Two draws in three agree with what is by far the most probable.
    drawn = run(model, np.repeat(ids, 20, axis=0), SamplingOptions(max_length=7))["token_ids"]
    assert (drawn == np.repeat(padded(unseen, 7), 20, axis=0)).all(axis=1).mean() > 0.67


@pytest.mark.skipif(BACKEND != "tensorflow", reason="batches come from tf.data")
@ONE_QUICK
def test_weights_of_the_batches_train_as_an_ignored_class_does(build):
    rows = sources(60, seed=1)

    def train(ignore_class, **options):
        batches = TranslationBatches(rows, rows, 40, special_ids=SPECIAL, **options)
        model = build()
        model.compile(
            "adam",
            LabelSmoothedCrossEntropy(0.1, ignore_class=ignore_class),
            weighted_metrics=[TokenAccuracy(ignore_class=ignore_class)],
        )
        history = model.fit(
            batches.dataset(), steps_per_epoch=len(batches), shuffle=False, verbose=0
        )
        return model.get_weights(), history.history

    weights, history = train(None, return_weights=True)
    expected, expected_history = train(SPECIAL.padding)
    for found, wanted in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert history == expected_history


@pytest.mark.parametrize(
    ("build", "name"),
    [
        *((transformer, name) for name in OPTIONS),
        (rnn, "greedy"),
        pytest.param(rnn, "beam", marks=pytest.mark.slow),
        pytest.param(rnn, "sample", marks=pytest.mark.slow),
    ],
)
def test_padding_changes_nothing(build, name):
    model, options = build(), OPTIONS[name]
    rows = [[0, 1, 2, 5], [2, 5], [6, 0, 4, 1, 3, 5]]
    together = run(model, padded(rows, 6), options)
    wider = run(model, padded(rows, 9), options)
    np.testing.assert_array_equal(wider["token_ids"], together["token_ids"])
    np.testing.assert_allclose(wider["score"], together["score"], atol=1e-5)
    np.testing.assert_allclose(wider["alignment"][..., :6], together["alignment"], atol=1e-5)
    assert not wider["alignment"][..., 6:].any()
    found = together["token_ids"].reshape(-1, 7)
    assert not (found == SPECIAL.start).any()
    for row in found:  # padding stands behind the end alone
        length = int((row != SPECIAL.padding).sum())
        assert (row[length:] == SPECIAL.padding).all()
        assert SPECIAL.end in row[:length] or length == 7
    if not options.is_sampling:
        alone = run(model, padded(rows[1:2], 2), options)
        np.testing.assert_array_equal(alone["token_ids"][0], together["token_ids"][1])


@BUILDS
def test_the_logits_are_those_of_the_same_words_under_other_ids(build):
    """The ids are names: with rows of the embedding exchanged alike, the logits are exchanged."""
    ours, plain = build(), build(special_ids=None)
    to_plain = np.array([4, 5, 6, 7, 8, 3, 1, 0, 2])  # of each id of ours
    order = np.argsort(to_plain)
    for mine, other in zip(ours.weights, plain.weights, strict=True):
        value = to_numpy(mine)
        other.assign(value[order] if value.shape[0] == V else value)
    source = padded([[0, 1, 2, 5], [6, 5]], 4)
    target = padded([[8, 2, 0, 1, 3], [8, 4]], 5)
    found = to_numpy(ours({"encoder_token_ids": source, "decoder_token_ids": target}))
    inputs = {"encoder_token_ids": to_plain[source], "decoder_token_ids": to_plain[target]}
    np.testing.assert_allclose(found, to_numpy(plain(inputs))[..., to_plain], atol=1e-5)


@BUILDS
def test_the_special_ids_are_saved_with_the_model(build, tmp_path):
    model = build(forbidden_ids=[7, 8, 1])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.special_ids == SPECIAL and list(loaded.forbidden_ids) == [7, 8, 1]
    ids = padded([[0, 1, 2, 5], [2, 5]], 4)
    options = SearchOptions(max_length=6, min_length=6)
    expected = run(model, ids, options)["token_ids"]
    assert not (expected == 1).any()
    np.testing.assert_array_equal(run(loaded, ids, options)["token_ids"], expected)
    assert list(build().forbidden_ids) == [SPECIAL.padding, SPECIAL.start]


@BUILDS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(special_ids=SpecialIds(padding=None)), "must be `SpecialIds` with padding, start"),
        (dict(special_ids={"end": None}), "must be `SpecialIds` with padding, start and end"),
        (dict(special_ids=SpecialIds(end=(3, V))), "must be ids of the vocabulary.*size=9"),
        (dict(forbidden_ids=[-1]), "`forbidden_ids` must be a list of integers of at least 0"),
        (dict(forbidden_ids=[V]), "must be ids of the vocabulary"),
    ],
)
def test_ids_that_do_not_fit_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


# Of BART: one token begins and ends. Of Marian and T5: padding begins.
OVERLAPPING = {
    "start is end": SpecialIds(padding=7, unknown=None, start=5, end=5),
    "start is padding": SpecialIds(padding=7, unknown=None, start=7, end=5),
}


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (transformer, "start is padding"),
        (rnn, "start is end"),
        pytest.param(transformer, "start is end", marks=pytest.mark.slow),
        pytest.param(rnn, "start is padding", marks=pytest.mark.slow),
    ],
)
def test_ids_that_overlap_are_trained_as_they_are_generated(build, name):
    """The logits of teacher forcing are those of the steps, and the search can end."""
    special = OVERLAPPING[name]
    model = build(special_ids=special)
    assert list(model.forbidden_ids) == [special.padding]
    random = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(weight + 0.3 * random.normal(size=weight.shape))
    source = padded([[0, 1, 2, 5], [6, 5]], 5)
    target = padded([[special.start, 2, 0, 1, 3], [special.start, 4]], 6)
    expected = to_numpy(model({"encoder_token_ids": source, "decoder_token_ids": target}))
    state, constants = model.start(source, 6)
    for position in range(5):
        found, state = model.step(target[:, position], position, state, constants)
        rows = [0, 1] if position < 2 else [0]
        np.testing.assert_allclose(
            to_numpy(found)[rows], expected[rows, position], atol=1e-5, rtol=1e-5
        )
    scores = to_numpy(model.attention_scores(source, target))
    for name in set(scores) & {"decoder", "cross"}:
        np.testing.assert_allclose(scores[name][-1][0, :, :5].sum(-1), 1, atol=1e-5)
    wider = np.pad(target, ((0, 0), (0, 3)), constant_values=special.padding)
    found = to_numpy(model({"encoder_token_ids": source, "decoder_token_ids": wider}))
    np.testing.assert_allclose(found[0, :5], expected[0, :5], atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the step that it compares is TensorFlow's")
@pytest.mark.parametrize(
    "name", ["start is padding", pytest.param("start is end", marks=pytest.mark.slow)]
)
def test_ids_that_overlap_learn_to_end(name, tmp_path):
    special = OVERLAPPING[name]
    model = transformer(special_ids=special)
    targets = padded([[1, 2, 5], [3, 4, 0, 5]], 4)
    decoder = np.where(targets == 7, 7, np.roll(targets, 1, axis=1))
    decoder[:, 0] = special.start
    x = {"encoder_token_ids": padded([[0, 1, 5], [6, 2, 5]], 3), "decoder_token_ids": decoder}
    model.compile(
        keras.optimizers.Adam(0.02), LabelSmoothedCrossEntropy(0.0, ignore_class=special.padding)
    )
    model.fit(x, targets, epochs=60, verbose=0)
    found = run(model, x["encoder_token_ids"], SearchOptions(max_length=4))
    assert found["token_ids"].tolist() == targets.tolist()
    logits = to_numpy(model(x)).astype("float64")
    logits[..., 7] = -np.inf
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    expected = np.where(targets == 7, 0, chosen).sum(1)
    np.testing.assert_allclose(found["score"], expected, atol=1e-5)
    if special.start == special.padding:
        _assert_onnx_generates(model, x["encoder_token_ids"], found["token_ids"], tmp_path)


def _assert_onnx_generates(model, sources, expected, folder):
    """The whole search, as an ONNX file, gives these ids."""
    import tensorflow as tf

    from keras_attention.artifacts import onnx
    from keras_attention.tasks.graph import Graph

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="source_ids")])
    def ids(source_ids):
        return {"token_ids": model.generate(source_ids, max_length=4)["token_ids"]}

    onnx.write(folder / "model.onnx", model, Graph(ids, None, {}, {}, {}))
    found = onnx.signature(folder / "model.onnx")(source_ids=sources)
    np.testing.assert_array_equal(found["token_ids"], expected)


@pytest.mark.parametrize(
    ("forbidden", "message"),
    [
        ([0, 2.0], "`forbidden_ids` must be a list of integers of at least 0. Rec.*2.0"),
        ([True], "`forbidden_ids` must be a list of integers"),
        ("ab", "`forbidden_ids` must be a list of integers"),
        ({3}, "`forbidden_ids` must be a list of integers"),
        (3, "`forbidden_ids` must be a list of integers"),
        (np.array([[3]]), "`forbidden_ids` must be a list of integers"),
        (np.array([1.0]), "`forbidden_ids` must be a list of integers"),
        ([7, 8, 5], "must be ids that leave an end of `special_ids` to be generated"),
        (range(V), "`forbidden_ids` must be a list of integers"),
        (list(range(V)), "must be ids that leave an end"),
    ],
)
def test_forbidden_ids_are_ids(forbidden, message):
    with pytest.raises(ValueError, match=message):
        transformer(forbidden_ids=forbidden)


def test_forbidden_ids_of_numpy_are_written_as_json():
    for forbidden in (np.array([7, 8]), [np.int32(7), 8], (np.int64(7), np.int16(8))):
        config = transformer(forbidden_ids=forbidden).get_config()
        assert json.loads(json.dumps(config))["forbidden_ids"] == [7, 8]
    special = SpecialIds(padding=7, unknown=None, start=8, end=(5, 6))
    assert transformer(special_ids=special, forbidden_ids=[7, 6]).forbidden_ids == (7, 6)
