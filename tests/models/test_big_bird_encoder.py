import keras
import numpy as np
import pytest

from keras_attention.models import BertEncoder, BigBirdEncoder, Classifier, MaskedLM
from tests.backend import BACKEND, compiled, to_numpy

V, T, D, H, LAYERS = 13, 23, 8, 2, 2
SMALL = dict(
    vocabulary_size=V,
    num_layers=LAYERS,
    num_heads=H,
    hidden_dim=D,
    intermediate_dim=12,
    dropout=0.2,
    max_sequence_length=24,
    num_segments=3,
    block_size=2,
    num_random_blocks=1,
)
LENGTHS = [23, 11, 0, 4]
MASK = np.arange(T) < np.array(LENGTHS)[:, None]
RNG = np.random.default_rng(2)
INPUTS = {
    "token_ids": RNG.integers(0, V, MASK.shape).astype("int32"),
    "segment_ids": RNG.integers(0, 3, MASK.shape).astype("int32"),
    "padding_mask": MASK.astype("int32"),
}


def make(**options):
    keras.utils.set_random_seed(4)
    return BigBirdEncoder(**{**SMALL, **options})


def outputs(model, inputs):
    """What the model gives, as arrays; on JAX compiled as a whole, not operation by operation."""
    return to_numpy((compiled(model) if BACKEND == "jax" else model)(inputs))


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize("num_layers", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_parameters_of_the_published_size(num_layers):
    """All layers of the preset are alike: one of them stands for the others."""
    model = BigBirdEncoder.from_preset("base", vocabulary_size=50358, num_layers=num_layers)
    others = 12 - num_layers
    assert trainable(model) + others * trainable(model.blocks[0]) == 127_468_800
    # The random blocks: of each layer 12 heads, 64 blocks, 3 each.
    assert model.count_params() - trainable(model) == num_layers * 12 * 64 * 3


@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
def test_padding_changes_nothing(attention_type):
    model = make(attention_type=attention_type)
    expected = outputs(model, INPUTS)
    noisy = {name: np.where(MASK, value, 1) for name, value in INPUTS.items()}
    noisy = {name: np.pad(value, [(0, 0), (0, 1)]) for name, value in noisy.items()}
    noisy["padding_mask"][:, :T] = MASK
    found = outputs(model, noisy)
    sequence, other = expected["sequence_output"], found["sequence_output"][:, :T]
    np.testing.assert_allclose(other[MASK], sequence[MASK], atol=1e-5)
    for row, length in enumerate(LENGTHS):
        if not length:
            continue
        alone = {name: value[row : row + 1, :length] for name, value in INPUTS.items()}
        one = outputs(model, alone)
        np.testing.assert_allclose(one["sequence_output"][0], sequence[row, :length], atol=1e-5)
        np.testing.assert_allclose(
            one["pooled_output"][0], expected["pooled_output"][row], atol=1e-5
        )


def test_original_full_is_a_bert_with_dropout_before_the_norm():
    bert = {name: SMALL[name] for name in SMALL if name not in ("block_size", "num_random_blocks")}
    other = BertEncoder(**bert, activation="gelu_new")
    model = make(attention_type="original_full")
    other.set_weights(model.get_weights())
    expected = to_numpy(other(INPUTS))
    for name, value in to_numpy(model(INPUTS)).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)


def test_the_dropout_of_the_embeddings_comes_before_their_norm():
    model = make(dropout=0.5)
    x = np.random.default_rng(0).normal(size=(2, 5, D)).astype("float32")
    calm = to_numpy(model.normalized(x))
    np.testing.assert_allclose(calm.std(-1), 1, atol=1e-3)
    layers = [model.embedding_dropout, model.embedding_normalization]
    symbolic = keras.Input((None, D))
    part = keras.Model(symbolic, model.normalized(symbolic))
    assert [layer.name for layer in part.layers[1:]] == [layer.name for layer in layers]
    dropped = to_numpy(part(x, training=True))
    np.testing.assert_allclose(dropped.mean(-1), 0, atol=1e-5)  # of a norm's output
    assert np.abs(dropped - calm).max() > 0.1


def test_embeddings_may_be_rescaled():
    model = make(rescale_embeddings=True)
    tokens = to_numpy(model.embedding.token_embeddings.value)[INPUTS["token_ids"]] * D**0.5
    positions = to_numpy(model.embedding.position_layer.position_embeddings.value)[:T]
    segments = to_numpy(model.segment_embedding.embeddings.value)[INPUTS["segment_ids"]]
    x = tokens + positions + segments
    centred = x - x.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    np.testing.assert_allclose(to_numpy(model.embed(INPUTS)[0]), expected, atol=1e-5)


def test_every_layer_has_a_plan_of_its_own():
    model = make(num_random_blocks=2)
    plans = [to_numpy(block.self_attention.random_block_indices.value) for block in model.blocks]
    assert (plans[0] != plans[1]).any()
    other = make(num_random_blocks=2, random_blocks="hugging_face")
    for block in other.blocks:
        assert not to_numpy(block.self_attention.random_block_indices.value).any()


def test_attention_scores_are_those_of_every_layer():
    scores = to_numpy(make().attention_scores(INPUTS))
    assert [layer.shape for layer in scores] == [(len(LENGTHS), H, T, T)] * LAYERS
    for layer in scores:
        rows = layer.transpose(0, 2, 1, 3)
        np.testing.assert_allclose(rows[MASK].sum(-1), 1, atol=1e-5)
        assert not rows[~MASK].any()
        assert not layer[np.broadcast_to(~MASK[:, None, None], layer.shape)].any()


def test_a_keras_file_holds_it_all(tmp_path):
    options = dict(rescale_embeddings=True, random_blocks="hugging_face", attention_dropout=0.0)
    model = make(**options)
    expected = to_numpy(model(INPUTS))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is BigBirdEncoder
    assert {**SMALL, **options}.items() <= loaded.get_config().items()
    for name, value in to_numpy(loaded(INPUTS)).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)
    again = loaded.with_dropout(0.3)
    assert (again.dropout, again.attention_dropout) == (0.3, None)
    np.testing.assert_allclose(
        to_numpy(again(INPUTS)["pooled_output"]), expected["pooled_output"], atol=1e-6
    )


def test_it_learns():
    options = {**SMALL, "dropout": 0.0, "num_layers": 1}
    keras.utils.set_random_seed(1)
    model = MaskedLM(BigBirdEncoder(**options))
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=BACKEND == "jax",
    )
    plans = [to_numpy(w.value) for w in model.non_trainable_weights if w.dtype == "int32"]
    assert len(plans) == 1
    history = model.fit(
        INPUTS,
        INPUTS["token_ids"],
        sample_weight=MASK.astype("float32"),
        epochs=10,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    after = [to_numpy(w.value) for w in model.non_trainable_weights if w.dtype == "int32"]
    for one, other in zip(plans, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_classifier_of_long_texts():
    model = Classifier(make(), 3, **make().classifier_options())
    expected = to_numpy(model(INPUTS))
    assert expected.shape == (len(LENGTHS), 3)
    one = {name: value[:1, :] for name, value in INPUTS.items()}
    np.testing.assert_allclose(to_numpy(model(one))[0], expected[0], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(attention_type="full"), "`attention_type` must be one of .*'full'"),
        (dict(random_blocks="none"), "`random_blocks` must be one of"),
        (dict(block_size=0), "`block_size` must be a positive integer"),
        (dict(num_random_blocks=-1), "`num_random_blocks` must be an integer of at least 0"),
        (dict(max_sequence_length=0), "`max_sequence_length` must be a positive integer"),
        (dict(num_heads=3), "`num_heads` must be a divisor of the input's width"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
