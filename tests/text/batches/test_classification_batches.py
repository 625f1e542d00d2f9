import keras
import numpy as np
import pytest

from keras_attention.text import ClassificationBatches, balanced_class_weights

SIZES = dict(batch_size=7, max_buckets=3)


def texts(count, longest=20, seed=0):
    """`count` rows of ids and segments, and labels; each begins with 100 + its index."""
    random = np.random.default_rng(seed)
    rows = [
        [100 + i, *random.integers(5, 90, random.integers(1, longest)).tolist()]
        for i in range(count)
    ]
    segments = [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in rows]
    return rows, segments, random.integers(0, 3, count)


IDS, SEGMENTS, LABELS = texts(205)


def test_every_text_once_an_epoch_and_one_batch_that_is_not_full():
    weights = [0.5, 2.0, 3.0]
    batches = ClassificationBatches(IDS, SEGMENTS, LABELS, **SIZES, class_weights=weights)
    assert len(batches) == 30  # 205 / 7 = 29.3
    seen, shapes, not_full, padding, positions = [], set(), [], 0, 0
    for x, y, weight in batches.epochs(first_epoch=2, epochs=1):
        assert set(x) == {"token_ids", "segment_ids", "padding_mask"}
        assert {array.dtype for array in (*x.values(), y)} == {np.dtype("int32")}
        assert weight.dtype == np.float32
        assert y.shape == weight.shape == (7,)
        shapes |= {array.shape for array in x.values()}
        not_full += [(weight > 0).sum()] if (weight == 0).any() else []
        padding += (x["padding_mask"] == 0).sum()
        positions += x["padding_mask"].size
        for row in range(7):
            ids, segments, mask = (
                x[name][row] for name in ("token_ids", "segment_ids", "padding_mask")
            )
            if not mask.any():
                assert not (ids.any() or segments.any() or y[row] or weight[row])
                continue
            index = ids[0] - 100
            seen.append(index)
            length = len(IDS[index])
            assert mask.tolist() == [1] * length + [0] * (len(mask) - length)
            assert ids[:length].tolist() == IDS[index] and not ids[length:].any()
            assert segments[:length].tolist() == SEGMENTS[index] and not segments[length:].any()
            assert y[row] == LABELS[index]
            assert weight[row] == weights[LABELS[index]]
    assert sorted(seen) == list(range(205))
    assert shapes == set(batches.shapes) and len(shapes) == 3
    assert not_full == [205 % 7]
    assert batches.padding == pytest.approx(padding / positions)


def test_buckets_save_padding():
    one, three = (ClassificationBatches(IDS, None, LABELS, 7, max_buckets=n) for n in (1, 3))
    assert three.padding < one.padding / 2
    assert [len(one), len(three)] == [30, 30]


def test_without_segments_all_are_the_first():
    for x, _, _ in ClassificationBatches(IDS, None, LABELS, **SIZES).epochs(epochs=1):
        assert not x["segment_ids"].any()


def same(some, others):
    return all(
        np.array_equal(one, other)
        for pair in zip(some, others, strict=True)
        for one, other in zip(*map(keras.tree.flatten, pair), strict=True)
    )


def test_the_order_is_a_function_of_seed_and_epoch():
    def epoch(seed, index):
        batches = ClassificationBatches(IDS, SEGMENTS, LABELS, **SIZES, seed=seed)
        return list(batches.epochs(first_epoch=index, epochs=1))

    assert same(epoch(5, 1), epoch(5, 1))
    for other in (epoch(5, 0), epoch(6, 1)):
        first = [
            [x["token_ids"].tobytes() for x, _, _ in batches] for batches in (other, epoch(5, 1))
        ]
        assert first[0] != first[1]


def test_going_on_within_an_epoch():
    batches = ClassificationBatches(IDS, SEGMENTS, LABELS, **SIZES, seed=1)
    everything = list(batches.epochs(epochs=3))
    assert len(everything) == 90
    assert same(everything[34:], list(batches.epochs(1, 4, epochs=2)))


def test_the_dataset_holds_the_same_batches():
    batches = ClassificationBatches(IDS, SEGMENTS, LABELS, **SIZES)
    dataset = batches.dataset(1, 3, epochs=2)
    assert dataset.element_spec[1].shape.rank == 1
    assert dataset.cardinality() == 2 * 30 - 3
    assert same(list(dataset.as_numpy_iterator()), list(batches.epochs(1, 3, epochs=2)))


def classifier(cls=keras.Model):
    """The mean of token embeddings, as a stand-in: (B, T) ids and mask -> logits (B, 3)."""
    keras.utils.set_random_seed(3)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    mask = keras.ops.cast(inputs["padding_mask"], "float32")[..., None]
    x = keras.layers.Embedding(400, 6)(inputs["token_ids"])
    x = x + keras.layers.Embedding(2, 6)(inputs["segment_ids"])
    x = keras.ops.sum(x * mask, 1) / keras.ops.maximum(keras.ops.sum(mask, 1), 1)
    return cls(inputs, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_a_classifier_learns_and_fillers_count_for_nothing(micro_batches):
    from keras_attention.models import Model

    weights = balanced_class_weights(LABELS, 3)
    batches = ClassificationBatches(IDS, SEGMENTS, LABELS, **SIZES, class_weights=weights)
    model = classifier(Model)
    model.compile(
        optimizer=keras.optimizers.Adam(0.03),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        micro_batches=micro_batches,
    )
    found = model.evaluate(batches.dataset(epochs=1), return_dict=True, verbose=0)
    total = correct = count = 0.0
    for ids, segments, label in zip(IDS, SEGMENTS, LABELS, strict=True):
        x = {"token_ids": [ids], "segment_ids": [segments], "padding_mask": [[1] * len(ids)]}
        logits = np.array(model({k: np.array(v) for k, v in x.items()}), "float64")[0]
        total += weights[label] * (np.log(np.exp(logits).sum()) - logits[label])
        correct += weights[label] * (logits.argmax() == label)
        count += weights[label]
    assert found["loss"] == pytest.approx(total / count, rel=1e-5)
    assert found["accuracy"] == pytest.approx(correct / count, rel=1e-5)
    history = model.fit(
        batches.dataset(), steps_per_epoch=len(batches), epochs=10, shuffle=False, verbose=0
    ).history
    assert history["accuracy"][-1] > 0.9  # every text has a token of its own


def test_balanced_class_weights():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    weights = balanced_class_weights(labels, 3)
    assert weights.dtype == np.float32
    sums = np.bincount(labels, weights=weights[labels])
    np.testing.assert_allclose(sums, 100 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"`labels` must be integers below .* counts=\[1, 0, 2\]"):
        balanced_class_weights([0, 2, 2], 3)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"token_ids": []}, "`token_ids` must be rows of one token or more, not none. Rec"),
        ({"token_ids": [[5], []]}, "`token_ids` must be rows of one .* empty_rows=1"),
        ({"segment_ids": [[0], [0, 0]]}, "`segment_ids` must be as many rows, as long as those of"),
        ({"segment_ids": [[0]]}, "`segment_ids` must be as many rows.* segment_ids='1 rows"),
        ({"labels": [0]}, "`labels` must be 2 integers from 0 on.* Received: labels="),
        ({"labels": [0, -1]}, "`labels` must be 2 integers from 0 on"),
        ({"labels": [0.0, 1.0]}, "`labels` must be 2 integers from 0 on"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer"),
        ({"max_buckets": 0}, "`max_buckets` must be a positive integer"),
        ({"class_weights": [1.0]}, "`class_weights` must be a number from 0 on for each class"),
        ({"class_weights": [1.0, -1.0]}, "`class_weights` must be a number from 0 on for each"),
    ],
)
def test_what_cannot_be_batched_is_refused(change, message):
    arguments = dict(
        token_ids=[[5, 6], [7]], segment_ids=None, labels=[0, 1], batch_size=4, max_buckets=2
    )
    with pytest.raises(ValueError, match=message):
        ClassificationBatches(**{**arguments, **change})
