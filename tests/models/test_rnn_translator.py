import functools
import itertools
import json

import keras
import numpy as np
import pytest

from keras_attention.models import RNNTranslator
from tests.backend import BACKEND, to_numpy

V = 40
SIZES = {
    "small": dict(units=8, embedding_dim=6),
    "small-fixed": dict(units=8, embedding_dim=6),
    "rnnencdec": dict(units=8, embedding_dim=6, maxout_units=5),
    "rnnsearch": dict(units=8, embedding_dim=6, maxout_units=5, attention_units=7),
    "gnmt": dict(units=8, num_layers=3),
}
JIT = ("small",)  # what XLA compiles in seconds
# XLA compiles for 20 seconds: one step of `small` is compared below. On JAX all is compiled.
QUICK_FITS = [("small", BACKEND == "jax"), ("gnmt", False)]
SOURCE = np.array([[5, 6, 7, 8, 3], [9, 4, 3, 0, 0]], "int32")
TARGET = np.array([[2, 11, 12, 13], [2, 14, 0, 0]], "int32")


def make(preset, seed=0, **options):
    keras.utils.set_random_seed(seed)
    options = {**SIZES[preset], **options}
    return RNNTranslator.from_preset(preset, vocabulary_size=V, max_sequence_length=30, **options)


@functools.cache
def made(preset):
    """The same, made once: for tests that leave its weights as they are."""
    return make(preset)


def presets(*quick):
    """All of them, of which these are quick and stand for the others."""
    return pytest.mark.parametrize(
        "preset",
        [pytest.param(p, marks=() if p in quick else pytest.mark.slow) for p in SIZES],
    )


def logits(model, source=SOURCE, target=TARGET):
    return to_numpy(model({"encoder_token_ids": source, "decoder_token_ids": target}))


def without_biases(model):
    return sum(int(np.prod(w.shape)) for w in model.weights if "bias" not in w.name)


def rnnsearch_count(k, m, n, length, na):
    """The weights of RNNsearch without biases, by the paper's appendix A."""
    encoder = 2 * (3 * n * m + 3 * n * n)
    decoder = 3 * n * m + 3 * n * n + 3 * 2 * n * n
    attention = na * n + na * 2 * n + na
    readout = 2 * length * (n + m + 2 * n)
    return 2 * k * m + encoder + decoder + attention + n * n + readout + k * length


def test_rnnsearch_has_the_papers_number_of_weights():
    assert rnnsearch_count(30_000, 620, 1000, 500, 1000) == 80_401_000
    model = RNNTranslator.from_preset("rnnsearch", vocabulary_size=300)
    assert without_biases(model) == rnnsearch_count(300, 620, 1000, 500, 1000)


def test_the_other_presets_have_the_weights_of_their_formulas():
    n, m = 256, 128
    gru = 3 * (n * m + n * n) + 6 * n
    decoder_gru = 3 * (n * (m + 2 * n) + n * n) + 6 * n
    rest = 2 * 2 * n + (2 * n * n + n) + (n + 2 * n + m) * m + 2 * m  # norm, bridge, readout
    attention = n * n + 2 * n * n + n
    small = RNNTranslator.from_preset("small", vocabulary_size=V)
    assert small.count_params() == V * m + 2 * gru + decoder_gru + rest + attention
    fixed = RNNTranslator.from_preset("small-fixed", vocabulary_size=V)
    assert fixed.count_params() == small.count_params() - attention - 2 * 2 * n

    n = 16
    model = RNNTranslator.from_preset("gnmt", vocabulary_size=V, units=n)

    def lstm(width):
        return 4 * (n * width + n * n + n)

    encoder = 2 * lstm(n) + lstm(2 * n) + 6 * lstm(n)
    decoder = 8 * lstm(2 * n)
    attention = n * n + n * n + n + n + 1  # W, U, v, bias, length
    assert model.count_params() == 2 * V * n + encoder + decoder + attention + n * V + V


@pytest.mark.parametrize("preset", SIZES)
def test_padding_and_the_other_sentences_change_nothing(preset):
    model = made(preset)
    together = logits(model)
    alone = logits(model, SOURCE[1:, :3], TARGET[1:, :2])
    np.testing.assert_allclose(together[1:, :2], alone, atol=1e-5)


@pytest.mark.parametrize("preset", SIZES)
def test_decoding_step_by_step_gives_the_logits_of_teacher_forcing(preset):
    model = made(preset)
    expected = logits(model)
    state, constants = model.start(SOURCE, TARGET.shape[1])
    for position in range(TARGET.shape[1]):
        token = keras.ops.convert_to_tensor(TARGET[:, position])
        found, state = model.step(token, position, state, constants)
        np.testing.assert_allclose(to_numpy(found), expected[:, position], atol=1e-5)


@presets("small", "rnnencdec", "gnmt")
def test_a_file_gives_the_same_answers(preset, tmp_path):
    model = made(preset)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits(loaded), logits(model), atol=1e-6)
    found, expected = (to_numpy(m.generate(SOURCE, 6)["token_ids"]) for m in (loaded, model))
    np.testing.assert_array_equal(found, expected)
    assert json.loads(json.dumps(loaded.get_config())) == json.loads(json.dumps(model.get_config()))


@pytest.mark.parametrize("preset", ["small", "rnnsearch", "gnmt"])
def test_the_alignment_of_generation_is_that_of_reading(preset):
    model = made(preset)
    output = to_numpy(model.generate(SOURCE, 6, return_alignment=True))
    target = output["token_ids"]
    read = np.concatenate([np.full((2, 1), 2, "int32"), target[:, :-1]], axis=1)
    scores = to_numpy(model.attention_scores(SOURCE, read))["cross"][0][:, 0]
    emitted = target != 0
    np.testing.assert_allclose(output["alignment"][emitted], scores[emitted], atol=1e-5)
    np.testing.assert_allclose(output["alignment"][emitted].sum(-1), 1, atol=1e-5)
    assert not output["alignment"][1, :, 3:].any()  # padding


@pytest.mark.parametrize("preset", ["small-fixed", "rnnencdec"])
def test_without_attention_there_is_no_alignment(preset):
    model = made(preset)
    assert model.attention_scores(SOURCE, TARGET) == {}
    with pytest.raises(ValueError, match="`return_alignment` must be False for a model without"):
        model.generate(SOURCE, 6, return_alignment=True)


def test_the_papers_initialisation():
    model = make("rnnsearch", paper_initialization=True, units=64, embedding_dim=48)
    weights = {w.path: to_numpy(w.value) for w in model.weights}
    deviations = {name: float(w.std()) for name, w in weights.items() if w.ndim == 2}
    for name, deviation in deviations.items():
        if name.endswith("score_vector"):
            assert deviation == 0
        elif "attention" in name:
            assert deviation == pytest.approx(0.001, rel=0.2), name
        elif name.endswith("recurrent_kernel"):
            for gate in np.split(weights[name], 3, axis=1):
                np.testing.assert_allclose(gate @ gate.T, np.eye(64), atol=1e-5)
        else:
            assert deviation == pytest.approx(0.01, rel=0.2), name
    assert len(deviations) == 14
    uniform = to_numpy(model.attention_scores(SOURCE, TARGET))["cross"][0]
    np.testing.assert_allclose(uniform[0], 1 / 5, atol=1e-6)


QUICK_PRECISIONS = [
    *(("small", "mixed_float16"), ("gnmt", "mixed_float16"), ("rnnsearch", "mixed_bfloat16")),
]


@pytest.mark.parametrize(
    ("preset", "policy"),
    [
        pytest.param(*case, marks=() if case in QUICK_PRECISIONS else pytest.mark.slow)
        for case in itertools.product(SIZES, ("mixed_float16", "mixed_bfloat16"))
    ],
)
def test_in_reduced_precision(preset, policy):
    expected, found = logits(made(preset)), logits(make(preset, dtype=policy))
    np.testing.assert_allclose(found, expected, atol=0.02 if policy == "mixed_float16" else 0.1)


def test_vocabularies_that_differ_have_matrices_of_their_own():
    model = make("small", source_vocabulary_size=20)
    assert {tuple(w.shape) for w in model.weights if "embedding" in w.path} >= {(20, 6), (V, 6)}
    shared = make("small", seed=0)
    assert shared.source_embedding is shared.target_embedding
    assert model.count_params() == shared.count_params() + 20 * 6


def copying(preset, jit, optimizer):
    """A compiled model without dropout, and a task that it can learn: inputs, targets."""
    from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy

    source = np.random.default_rng(0).integers(4, 8, (64, 4)).astype("int32")
    start = np.full((64, 1), 2, "int32")
    x = {"encoder_token_ids": source, "decoder_token_ids": np.hstack([start, source[:, :-1]])}
    model = make(preset, **({"dropout": 0.0} if preset.startswith(("small", "gnmt")) else {}))
    model.compile(
        optimizer, LabelSmoothedCrossEntropy(0.0), metrics=[TokenAccuracy()], jit_compile=jit
    )
    return model, x, source


@pytest.mark.parametrize(
    "preset, jit",
    [
        pytest.param(*case, marks=() if case in QUICK_FITS else pytest.mark.slow)
        for case in itertools.product(SIZES, (False, True))
    ],
)
def test_fit_learns_a_copy(preset, jit):
    if not jit and BACKEND == "jax":
        pytest.skip("JAX compiles the loops of an uncompiled step anew each time: 9 s a step")
    model, x, source = copying(preset, jit, keras.optimizers.Adam(0.02))
    history = model.fit(x, source, epochs=25, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize(
    "preset", [pytest.param(p, marks=() if p in JIT else pytest.mark.slow) for p in SIZES]
)
def test_a_compiled_step_is_the_uncompiled_one(preset):
    found = []
    for jit in (True, False):
        model, x, source = copying(preset, jit, keras.optimizers.SGD(0.1))
        logs = model.fit(x, source, batch_size=64, verbose=0).history
        found.append((logs, [to_numpy(weight) for weight in model.trainable_variables]))
    (compiled_logs, compiled), (logs, weights) = found
    assert compiled_logs["accuracy"] == logs["accuracy"]
    np.testing.assert_allclose(compiled_logs["loss"], logs["loss"], rtol=1e-6)
    for one, other in zip(compiled, weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(vocabulary_size=0), "`vocabulary_size` must be a positive integer"),
        (dict(vocabulary_size=9, dropout=1.0), "`dropout` must be"),
        (dict(vocabulary_size=9, units=-1), "`units` must be a positive integer"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RNNTranslator.from_preset("small", **arguments)


def test_an_unknown_preset_and_an_output_that_cannot_be_tied():
    with pytest.raises(ValueError, match="`preset` must be one of"):
        RNNTranslator.from_preset("tiny", vocabulary_size=9)
    with pytest.raises(ValueError, match="`decoder` must be one whose output"):
        make("rnnsearch", tie_weights=True)
