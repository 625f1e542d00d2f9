import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention.models import TransformerTranslator
from keras_attention.models.transformer_translator import PRESETS
from keras_attention.token_ids import SpecialIds
from tests.backend import BACKEND, to_numpy

SPECIAL = SpecialIds()

V, B, S, T = 13, 3, 6, 5
SMALL = dict(
    vocabulary_size=V,
    num_layers=2,
    num_heads=2,
    hidden_dim=8,
    intermediate_dim=12,
    dropout=0.2,
    max_sequence_length=20,
)
RNG = np.random.default_rng(2)
SOURCE = RNG.integers(4, V, (B, S)).astype("int32")
SOURCE[1, 4:] = 0
SOURCE[2, 2:] = 0
TARGET = np.concatenate([np.full((B, 1), SPECIAL.start), RNG.integers(4, V, (B, T - 1))], 1).astype(
    "int32"
)


def make(**options):
    keras.utils.set_random_seed(4)
    return TransformerTranslator(**{**SMALL, **options})


def logits_of(model, source=SOURCE, target=TARGET):
    return to_numpy(model({"encoder_token_ids": source, "decoder_token_ids": target}))


def formula(vocabulary, layers, d, f, bias=False, decoder_layers=None):
    """Parameters of the paper's model: shared embedding, encoder and decoder blocks."""
    attention = 4 * d * d + (4 * d if bias else 0)
    feed_forward = 2 * d * f + f + d
    encoder = attention + feed_forward + 2 * 2 * d
    decoder = 2 * attention + feed_forward + 3 * 2 * d
    decoder_layers = layers if decoder_layers is None else decoder_layers
    return vocabulary * d + layers * encoder + decoder_layers * decoder


@pytest.mark.parametrize(
    ("preset", "vocabulary", "published"),
    [
        ("tiny", 1000, None),
        ("fast", 1000, None),
        # The larger ones take seconds to make.
        pytest.param("base", 37000, 63_045_632, marks=pytest.mark.slow),
        pytest.param("big", 37000, 214_171_648, marks=pytest.mark.slow),
    ],
)
def test_parameters_by_formula(preset, vocabulary, published):
    model = TransformerTranslator.from_preset(preset, vocabulary_size=vocabulary)
    sizes = PRESETS[preset]
    expected = formula(
        vocabulary,
        sizes["num_layers"],
        sizes["hidden_dim"],
        sizes["intermediate_dim"],
        decoder_layers=sizes.get("num_decoder_layers"),
    )
    assert model.count_params() == expected
    assert published in (None, expected)


@pytest.mark.parametrize(("preset", "published"), [("base", 63_045_632), ("big", 214_171_648)])
def test_published_parameters(preset, published):
    sizes = PRESETS[preset]
    assert "num_decoder_layers" not in sizes
    dims = sizes["hidden_dim"], sizes["intermediate_dim"]
    assert formula(37000, sizes["num_layers"], *dims) == published


def test_parameters_with_attention_biases():
    assert formula(37000, 6, 512, 2048, bias=True) == 63_082_496
    model = make(attention_bias=True)
    assert model.count_params() == formula(V, 2, 8, 12, bias=True)


def test_tiny_is_that_of_wu_et_al():
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=V)
    assert (model.num_layers, model.hidden_dim, model.intermediate_dim, model.num_heads) == (
        *(4, 128, 256, 4),
    )
    assert model.source_embedding is model.target_embedding
    assert len(model.encoder_blocks) == len(model.decoder_blocks) == 4


def test_few_decoder_layers():
    """Cached and uncached agree, and alignments are those of the one layer."""
    model = make(num_layers=3, num_decoder_layers=1)
    assert (len(model.encoder_blocks), len(model.decoder_blocks)) == (3, 1)
    found = model.generate(SOURCE, max_length=4, return_alignment=True)
    token_ids = to_numpy(found["token_ids"])
    read = np.concatenate([np.full((B, 1), SPECIAL.start), token_ids[:, :-1]], 1).astype("int32")
    logits = logits_of(model, target=read)
    logits[:, :, [SPECIAL.padding, SPECIAL.start]] = -np.inf
    for row in range(B):
        length = int((token_ids[row] != SPECIAL.padding).sum())
        np.testing.assert_array_equal(logits[row, :length].argmax(-1), token_ids[row, :length])
    cross = to_numpy(model.attention_scores(SOURCE, read)["cross"][0]).mean(axis=1)
    np.testing.assert_allclose(to_numpy(found["alignment"])[0, 0], cross[0, 0], atol=1e-5)
    again = type(model).from_config(model.get_config())
    assert len(again.decoder_blocks) == 1


def test_two_vocabularies():
    model = make(source_vocabulary_size=9)
    assert model.source_embedding is not model.target_embedding
    assert model.count_params() == make().count_params() + 9 * 8
    assert logits_of(model, np.minimum(SOURCE, 8)).shape == (B, T, V)


NORMS = {"post-norm": False, "pre-norm": True}


def norms(quick):
    """Both places of the normalization, of which one test of two has the other one quick."""
    return pytest.mark.parametrize(
        "normalize_first",
        [
            pytest.param(value, id=name, marks=() if name == quick else pytest.mark.slow)
            for name, value in NORMS.items()
        ],
    )


@norms(quick="pre-norm")
def test_padding_changes_nothing(normalize_first):
    model = make(normalize_first=normalize_first)
    expected = logits_of(model)
    wider = np.pad(SOURCE, ((0, 0), (0, 5)))
    longer = np.pad(TARGET, ((0, 0), (0, 2)))
    np.testing.assert_allclose(logits_of(model, wider, longer)[:, :T], expected, atol=1e-5)
    for row, length in ((0, 6), (1, 4), (2, 2)):
        alone = logits_of(model, SOURCE[row : row + 1, :length], TARGET[row : row + 1])
        np.testing.assert_allclose(alone[0], expected[row], atol=1e-5)


@norms(quick="post-norm")
def test_step_by_step_is_the_model_at_once(normalize_first):
    model = make(normalize_first=normalize_first)
    expected = logits_of(model)
    state, constants = model.start(SOURCE, 9, return_alignment=True)
    cross = to_numpy(model.attention_scores(SOURCE, TARGET)["cross"][0])  # the penultimate layer
    for t in range(T):
        found, state = model.step(TARGET[:, t], t, state, constants)
        np.testing.assert_allclose(to_numpy(found), expected[:, t], atol=1e-5)
        alignment = to_numpy(state["alignment"])
        np.testing.assert_allclose(alignment, cross[:, :, t].mean(1), atol=1e-5)
        np.testing.assert_allclose(alignment.sum(1), 1, atol=1e-5)
        assert not alignment[SOURCE == 0].any()


def test_attention_scores_are_those_of_every_layer():
    scores = to_numpy(make().attention_scores(SOURCE, TARGET))
    shapes = {"encoder": (B, 2, S, S), "decoder": (B, 2, T, T), "cross": (B, 2, T, S)}
    for kind, shape in shapes.items():
        assert [layer.shape for layer in scores[kind]] == [shape] * 2
        for layer in scores[kind]:
            np.testing.assert_allclose(layer.sum(-1), 1, atol=1e-5)
    assert not np.triu(scores["decoder"][0][0, 0], 1).any()
    assert not scores["cross"][1][2, :, :, 2:].any()


def test_select_rows_takes_rows_of_every_part_of_the_state():
    model = make()
    state, constants = model.start(SOURCE, 9)
    _, state = model.step(TARGET[:, 0], 0, state, constants)
    indices = np.array([2, 2, 0])
    selected = to_numpy(model.select_rows(state, indices))
    before = to_numpy(state)
    for new, old in zip(selected["cache"], before["cache"], strict=True):
        for name in ("key", "value"):
            np.testing.assert_array_equal(new[name], old[name][indices])


def test_it_learns_to_copy():
    """A few hundred updates of plain `fit` on a task with a known answer."""
    from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy

    keras.utils.set_random_seed(0)
    model = TransformerTranslator(
        **{**SMALL, "num_layers": 1, "hidden_dim": 32, "intermediate_dim": 64, "dropout": 0.0},
        normalize_first=True,
    )
    words = np.random.default_rng(0).integers(4, V, (2000, 4)).astype("int32")
    end, start = (
        np.full((2000, 1), SPECIAL.end, "int32"),
        np.full((2000, 1), SPECIAL.start, "int32"),
    )
    x = {
        "encoder_token_ids": np.concatenate([words, end], 1),
        "decoder_token_ids": np.concatenate([start, words], 1),
    }
    model.compile(
        keras.optimizers.Adam(3e-3), LabelSmoothedCrossEntropy(0.0), metrics=[TokenAccuracy()]
    )
    model.fit(x, x["encoder_token_ids"], batch_size=50, epochs=6, verbose=0)
    unseen = np.array([[4, 5, 6, 7, SPECIAL.end], [11, 10, 9, 4, SPECIAL.end]], "int32")
    found = to_numpy(model.generate(unseen)["token_ids"])
    np.testing.assert_array_equal(found[:, :5], unseen)
    assert not found[:, 5:].any()


LOADS = """
import sys
import keras
import keras_attention
import numpy as np
model = keras.saving.load_model(sys.argv[1])
inputs = np.load(sys.argv[2])
np.save(sys.argv[3], model({name: inputs[name] for name in inputs.files}))
assert type(model).__name__ == "TransformerTranslator", type(model)
np.save(sys.argv[4], model.generate(inputs["encoder_token_ids"])["token_ids"])
"""


@pytest.mark.slow  # a process with TensorFlow; that of a BERT is quick
def test_a_fresh_process_loads_it_with_nothing_but_the_package(tmp_path):
    model = make(normalize_first=True, attention_bias=True, activation="gelu")
    expected = logits_of(model)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", encoder_token_ids=SOURCE, decoder_token_ids=TARGET)
    names = ("model.keras", "in.npz", "logits.npy", "ids.npy")
    paths = [str(tmp_path / name) for name in names]
    subprocess.run([sys.executable, "-c", LOADS, *paths], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(paths[2]), expected, atol=1e-6)
    np.testing.assert_array_equal(np.load(paths[3]), to_numpy(model.generate(SOURCE)["token_ids"]))


def test_the_config_holds_every_argument():
    model = make(source_vocabulary_size=9, normalize_first=True, activation="gelu")
    again = TransformerTranslator.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert set(SMALL) <= set(model.get_config())


@keras.saving.register_keras_serializable(package="tests")
class Hasty(TransformerTranslator):
    """A subclass with a step of its own: it ends every sentence as soon as it can."""

    def step(self, token, position, state, constants):
        logits, state = super().step(token, position, state, constants)
        return logits + 1e3 * np.eye(1, V, SPECIAL.end, dtype="float32"), state


def test_a_subclass_may_override_the_step(tmp_path):
    keras.utils.set_random_seed(4)
    model = Hasty(**SMALL)
    assert to_numpy(model.generate(SOURCE, 4)["token_ids"]).tolist() == [[SPECIAL.end, 0, 0, 0]] * B
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is Hasty
    np.testing.assert_allclose(logits_of(loaded), logits_of(make()), atol=1e-6)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_half_precision_trains_and_generates(policy):
    from keras_attention.training import LabelSmoothedCrossEntropy

    model = make(dtype=policy, num_layers=1)
    model.compile("adam", LabelSmoothedCrossEntropy(0.1), jit_compile=BACKEND == "jax")
    x = {"encoder_token_ids": SOURCE, "decoder_token_ids": TARGET}
    history = model.fit(x, np.roll(TARGET, -1, 1), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    outputs = to_numpy(model.generate(SOURCE))
    assert np.isfinite(outputs["score"]).all()
    again = TransformerTranslator.from_config(model.get_config())
    assert again.encoder_blocks[0].compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(vocabulary_size=0), "`vocabulary_size` must be a positive integer"),
        (dict(num_layers=-2), "`num_layers` must be a positive integer"),
        (dict(num_decoder_layers=0), "`num_decoder_layers` must be a positive integer"),
        (dict(dropout=2), "`dropout` must be"),
        (dict(num_heads=3), "`num_heads` must be a divisor"),
        (dict(source_vocabulary_size=1.5), "`source_vocabulary_size` must be a positive integer"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="`preset` must be one of.*Received: preset='huge'"):
        TransformerTranslator.from_preset("huge", vocabulary_size=V)
