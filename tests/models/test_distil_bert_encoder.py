import keras
import numpy as np
import pytest

from keras_attention.models import BertEncoder, Classifier, DistilBertEncoder, MaskedLM
from keras_attention.models.bert_presets import PRESETS as BERT_PRESETS
from tests.backend import BACKEND, to_numpy
from tests.models.bert_models import (
    INPUTS,
    LAYERS,
    MASK,
    SMALL,
    D,
    H,
    T,
    V,
    make_encoder,
    row_alone,
    with_other_padding,
)

SIZES = {name: value for name, value in SMALL.items() if name != "num_segments"}


def make(cls=DistilBertEncoder, **options):
    """A small one whose biases and norms differ from their first values too."""
    keras.utils.set_random_seed(4)
    model = cls(**{**SIZES, **options})
    random = np.random.default_rng(5)
    for variable in model.weights:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


def sequence(model, inputs=INPUTS):
    return to_numpy(model(inputs)["sequence_output"])


def formula(v, layers, d, f, positions=512):
    """The parameters of DistilBERT."""
    block = 4 * (d * d + d) + 2 * d * f + f + d + 4 * d
    return (v + positions) * d + 2 * d + layers * block


def count_of(preset, vocabulary):
    sizes = DistilBertEncoder.presets[preset]
    return formula(vocabulary, sizes["num_layers"], sizes["hidden_dim"], sizes["intermediate_dim"])


def test_published_parameters():
    assert count_of("base", 30522) == 66_362_880
    assert count_of("base", 28996) == 65_190_912  # distilbert-base-cased


@pytest.mark.parametrize(
    ("preset", "vocabulary"),
    [
        ("tiny", 30522),
        ("mini", 30522),
        # The larger ones take seconds to make.
        pytest.param("small", 30522, marks=pytest.mark.slow),
        pytest.param("medium", 30522, marks=pytest.mark.slow),
        pytest.param("base", 30522, marks=pytest.mark.slow),
        pytest.param("base", 28996, marks=pytest.mark.slow),
    ],
)
def test_parameters_by_formula(preset, vocabulary):
    model = DistilBertEncoder.from_preset(preset, vocabulary_size=vocabulary)
    assert model.count_params() == count_of(preset, vocabulary)


def test_presets_have_half_the_layers_of_bert():
    for name, sizes in DistilBertEncoder.presets.items():
        teacher = BERT_PRESETS[name]
        assert {**sizes, "num_layers": 2 * sizes["num_layers"]} == teacher
    assert list(DistilBertEncoder.presets) == ["tiny", "mini", "small", "medium", "base"]


def test_it_is_bert_without_segments_and_pooler():
    model, bert = make(), make_encoder(BertEncoder, has_pooler=False)
    for name in ("embedding", "embedding_normalization", *(block.name for block in model.blocks)):
        bert.get_layer(name).set_weights(model.get_layer(name).get_weights())
    segments = bert.segment_embedding.embeddings
    segments.assign(0 * segments)
    np.testing.assert_allclose(sequence(model), sequence(bert), atol=1e-6)
    assert model.count_params() == bert.count_params() - SMALL["num_segments"] * D


def test_segments_are_not_read():
    model = make()
    expected = sequence(model)
    other = {**INPUTS, "segment_ids": INPUTS["segment_ids"] + 99}
    np.testing.assert_array_equal(sequence(model, other), expected)
    other = {**INPUTS, "token_ids": (INPUTS["token_ids"] + 1) % V}
    assert np.abs(sequence(model, other) - expected)[MASK].min(-1).max() > 1e-4


@pytest.mark.parametrize("activation", ["gelu", pytest.param("relu", marks=pytest.mark.slow)])
def test_padding_changes_nothing(activation):
    model = make(activation=activation)
    expected = sequence(model)
    found = sequence(model, with_other_padding(INPUTS))
    np.testing.assert_allclose(found[:, :T][MASK], expected[MASK], atol=1e-5)
    for row in range(len(MASK)):
        alone = sequence(model, row_alone(INPUTS, row))
        np.testing.assert_allclose(alone[0], expected[row][MASK[row]], atol=1e-5)


def test_attention_scores_are_those_of_every_layer():
    scores = to_numpy(make().attention_scores(INPUTS))
    assert [layer.shape for layer in scores] == [(len(MASK), H, T, T)] * LAYERS
    for layer in scores:
        np.testing.assert_allclose(layer.sum(-1), 1, atol=1e-5)
        assert not layer[np.broadcast_to(~MASK[:, None, None], layer.shape)].any()


def test_a_keras_file_and_a_config_hold_every_argument(tmp_path):
    options = dict(activation="gelu_new", attention_dropout=0.3, trainable=False)
    model = make(**options)
    config = model.get_config()
    assert {**SIZES, **options}.items() <= config.items()
    assert "layer_norm_epsilon" not in config
    again = DistilBertEncoder.from_config(config)
    assert again.get_config() == config
    assert again.trainable_weights == []
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is DistilBertEncoder
    np.testing.assert_allclose(sequence(loaded), sequence(model), atol=1e-6)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_half_precision(policy):
    outputs = make(dtype=policy)(INPUTS)["sequence_output"]
    assert keras.backend.standardize_dtype(outputs.dtype) == policy[6:]
    np.testing.assert_allclose(to_numpy(outputs), sequence(make()), atol=0.1)


def test_every_weight_is_trained_by_its_published_classifier():
    encoder = make(dropout=0.0)
    model = Classifier(encoder, 3, **encoder.classifier_options())
    assert (model.pooling, model.classifier_dim) == ("cls", D)
    before = [to_numpy(weight) for weight in model.trainable_weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss, jit_compile=BACKEND == "jax")
    model.fit(INPUTS, np.array([2, 0, 1]), batch_size=3, epochs=2, verbose=0)
    moved = [
        np.abs(to_numpy(weight) - old).max()
        for weight, old in zip(model.trainable_weights, before, strict=True)
    ]
    assert min(moved) > 0


def test_what_it_lacks_is_refused():
    encoder = DistilBertEncoder(**SIZES)
    assert (encoder.has_pooler, encoder.num_segments, encoder.takes_pairs) == (False, 1, True)
    for faulty in (
        lambda: MaskedLM(encoder, next_sentence=True),
        lambda: Classifier(encoder, 3),
    ):
        with pytest.raises(ValueError, match="given an encoder with a pooler. Received: .*=False"):
            faulty()
    for name in ("layer_norm_epsilon", "num_segments", "has_pooler"):
        with pytest.raises(ValueError, match=f"DistilBertEncoder takes no `{name}`"):
            DistilBertEncoder(**SIZES, **{name: 1})
    with pytest.raises(ValueError, match="`num_layers` must be a positive integer"):
        DistilBertEncoder(**{**SIZES, "num_layers": 0})
    with pytest.raises(ValueError, match="`num_heads` must be a divisor of the input's width"):
        DistilBertEncoder(**{**SIZES, "num_heads": 3})
    with pytest.raises(ValueError, match="`preset` must be one of.*Received: preset='large'"):
        DistilBertEncoder.from_preset("large", vocabulary_size=V)
