import keras
import numpy as np
import pytest

from keras_attention.models import Classifier, LessonClassifier, LessonEncoder
from tests.backend import BACKEND, to_numpy
from tests.models.bert_models import INPUTS, MASK, B, T, V, row_alone, with_other_padding

SMALL = dict(num_classes=3, vocabulary_size=V, max_sequence_length=15)


def make(**options):
    keras.utils.set_random_seed(4)
    return LessonClassifier(**{**SMALL, **options})


def test_the_published_parameters():
    model = LessonClassifier(num_classes=4)
    parts = (model.embedding, model.block, model.dense, model.classifier)
    assert [part.count_params() for part in parts] == [648_192, 10_656, 660, 84]
    assert model.count_params() == 659_592


def test_it_computes_what_its_parts_do():
    model = make()
    encoder = LessonEncoder(V, max_sequence_length=15)
    parts = Classifier(encoder, 3, pooling="mean", classifier_dim=20)
    encoder.set_weights(model.encoder.get_weights())
    parts.dense.set_weights(model.dense.get_weights())
    parts.classifier.set_weights(model.classifier.get_weights())
    np.testing.assert_array_equal(to_numpy(parts(INPUTS)), to_numpy(model(INPUTS)))
    assert parts.count_params() == model.count_params()


def test_padding_changes_nothing():
    model = make()
    expected = to_numpy(model(INPUTS))
    assert expected.shape == (B, 3)
    np.testing.assert_allclose(to_numpy(model(with_other_padding(INPUTS))), expected, atol=1e-5)
    for row in range(B):
        alone = to_numpy(model(row_alone(INPUTS, row)))
        np.testing.assert_allclose(alone[0], expected[row], atol=1e-5)


def test_attention_scores():
    (scores,) = to_numpy(make().attention_scores(INPUTS))
    assert scores.shape == (B, 2, T, T)
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)
    assert not scores[np.broadcast_to(~MASK[:, None, None], scores.shape)].any()


def test_a_keras_file_holds_it_all(tmp_path):
    model = make(dropout=0.2, labels=["a", "b", "c"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is LessonClassifier
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(to_numpy(loaded(INPUTS)), to_numpy(model(INPUTS)), atol=1e-6)


def test_it_learns_which_word_a_text_holds():
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    y = random.integers(0, 3, 600).astype("int32")
    ids = random.integers(4, V, (600, 9)).astype("int32")
    ids[np.arange(600), random.integers(0, 5, 600)] = y + 1
    mask = (np.arange(9) < random.integers(5, 10, (600, 1))).astype("int32")
    x = {"token_ids": ids * mask, "segment_ids": 0 * ids, "padding_mask": mask}
    model = LessonClassifier(**SMALL)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=BACKEND == "jax")
    train = {name: array[:500] for name, array in x.items()}
    model.fit(train, y[:500], batch_size=50, epochs=12, verbose=0)
    test = {name: array[500:] for name, array in x.items()}
    assert (to_numpy(model(test)).argmax(-1) == y[500:]).mean() > 0.95


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`num_classes` must be a positive integer"):
        make(num_classes=0)
    with pytest.raises(ValueError, match="`dropout` must be a number in"):
        make(dropout=1.0)
