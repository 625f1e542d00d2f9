import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops, tree

from keras_attention.models import Model
from keras_attention.text import MaskedLMBatches, WordPieceTokenizer
from keras_attention.training import TokenAccuracy

PADDING, UNKNOWN, START, END, MASK = SPECIAL = [0, 1, 2, 3, 4]
SIZE = 300  # of the vocabulary
IS_CONTINUATION = np.arange(SIZE) >= 200


def texts(count, longest, seed=0):
    """`count` rows: START, pieces, END, pieces, END; the first piece of each is 5 + its index."""
    random = np.random.default_rng(seed)
    rows, segments = [], []
    for index in range(count):
        lengths = random.integers(1, longest, 2)
        first, second = (random.integers(5, SIZE, length).tolist() for length in lengths)
        rows.append([START, 5 + index, *first, END, *second, END])
        segments.append([0] * (len(first) + 3) + [1] * (len(second) + 1))
    return rows, segments


IDS, SEGMENTS = texts(150, 30)


def batches(token_ids=IDS, segment_ids=SEGMENTS, **options):
    arguments = dict(
        batch_size=8, mask_id=MASK, special_ids=SPECIAL, is_continuation=IS_CONTINUATION
    )
    return MaskedLMBatches(token_ids, segment_ids, **{**arguments, **options})


def rows_of(some_batches, **which):
    """`(original row, what is seen, selected positions)` of every text of an epoch."""
    for x, labels, weights in some_batches.epochs(**which):
        for row in range(len(labels)):
            count = int(weights[row].sum())
            assert weights[row].tolist() == [1.0] * count + [0.0] * (len(weights[row]) - count)
            positions = x["mask_positions"][row]
            assert not positions[count:].any() and not labels[row, count:].any()
            length = x["padding_mask"][row].sum()
            seen = x["token_ids"][row]
            assert not seen[length:].any()
            original = seen[:length].copy()
            original[positions[:count]] = labels[row, :count]
            if length:
                yield original.tolist(), seen[:length].tolist(), positions[:count].tolist()
            else:
                assert count == 0


@pytest.mark.parametrize("whole_words", [True, False])
def test_every_text_once_an_epoch_and_only_text_is_masked(whole_words):
    found = batches(whole_words=whole_words, seed=3)
    assert len(found) == 19  # 150 / 8 = 18.75
    shapes = set()
    for x, labels, weights in found.epochs(epochs=1):
        assert {a.dtype for a in (*x.values(), labels)} == {np.dtype("int32")}
        assert weights.dtype == np.float32
        assert labels.shape == weights.shape == x["mask_positions"].shape
        shapes.add((*x["token_ids"].shape, labels.shape[1]))
    assert shapes == {(*shape, p) for shape, p in zip(found.shapes, found.slots, strict=True)}
    assert len(shapes) == 4
    originals, split = [], 0
    for original, seen, positions in rows_of(found, epochs=1):
        originals.append(original)
        assert positions == sorted(set(positions))
        selected = set(positions)
        for position, (token, now) in enumerate(zip(original, seen, strict=True)):
            if position not in selected:
                assert now == token
            else:
                assert token not in SPECIAL
                assert now == MASK or now not in SPECIAL
            if position and IS_CONTINUATION[token] and original[position - 1] not in SPECIAL:
                split += (position in selected) != (position - 1 in selected)
        tokens = sum(token not in SPECIAL for token in original)
        assert len(selected) <= max(1, round(0.15 * tokens))
    assert sorted(originals) == sorted(IDS)
    assert (split == 0) == whole_words


def test_the_rates_are_those_of_the_paper():
    random = np.random.default_rng(1)
    rows = [[START, *random.integers(5, SIZE, 200).tolist(), END] for _ in range(400)]
    for whole_words in (True, False):
        selected = masked = kept = 0
        found = batches(rows, None, batch_size=50, whole_words=whole_words)
        for original, seen, positions in rows_of(found, epochs=1):
            selected += len(positions)
            masked += sum(seen[p] == MASK for p in positions)
            kept += sum(seen[p] == original[p] for p in positions)
        # 30 of every 200 tokens; with whole words the last one may not fit.
        assert selected == pytest.approx(30 * 400, rel=0.005 if whole_words else 0)
        deviation = (0.16 / selected) ** 0.5
        assert masked / selected == pytest.approx(0.8, abs=4 * deviation)
        assert kept / selected == pytest.approx(0.1 + 0.1 / (SIZE - 5), abs=3 * deviation)


def test_a_word_of_id_0_is_masked_and_replaces_others_where_0_is_not_special():
    special, padding = [2, 3, 299], 299
    found = batches(
        [[2, *([0] * 9), 5, 3], [2, 0, 3]] * 50, None, special_ids=special, padding_id=padding
    )
    expected, seen = [], []
    for x, labels, weights in found.epochs(epochs=40):
        expected += labels[weights == 1].tolist()
        seen += x["token_ids"][x["padding_mask"] == 1].tolist()
        assert (x["token_ids"][x["padding_mask"] == 0] == padding).all()
    assert set(expected) == {0, 5} and padding not in seen
    ones = [[2, *([5] * 30), 3]] * 50
    others = batches(ones, None, special_ids=special, padding_id=padding).epochs(epochs=40)
    assert any((x["token_ids"] == 0).any() for x, _, _ in others)


def test_special_ids_and_words_are_those_of_the_tokenizer():
    tokenizer = WordPieceTokenizer(["low", "##er", "[MASK]", "[SEP]", "[CLS]", "[UNK]", "[PAD]"])
    ids = tokenizer.encode(["lower low", "low"]).token_ids
    found = MaskedLMBatches.of_tokenizer(tokenizer, ids, 2, rate=0.7, max_buckets=1)
    whole = 0
    for x, labels, weights in found.epochs(epochs=60):
        assert (x["token_ids"] == 6).sum() == 2  # the shorter row's end
        for row in range(2):
            chosen = labels[row][weights[row] == 1].tolist()
            assert set(chosen) <= {0, 1}
            whole += chosen.count(1)
            assert chosen.count(1) <= chosen.count(0)  # never the end of a word alone
    assert whole


def test_every_epoch_masks_other_tokens():
    found = batches(seed=2)
    epochs = [
        {tuple(original): tuple(positions) for original, _, positions in rows_of(found, **which)}
        for which in (dict(first_epoch=e, epochs=1) for e in range(2))
    ]
    differ = [epochs[0][text] != epochs[1][text] for text in epochs[0]]
    assert np.mean(differ) > 0.9


def digest(some_batches):
    return [[a.tobytes() for a in tree.flatten(batch)] for batch in some_batches]


def test_batches_are_a_function_of_seed_epoch_and_step():
    everything = digest(batches(seed=1).epochs(epochs=3))
    assert len(everything) == 57
    assert everything[23:] == digest(batches(seed=1).epochs(1, 4, epochs=2))
    assert everything[:19] != digest(batches(seed=7).epochs(epochs=1))
    assert len({str(batch) for batch in everything}) == 57


PRINTS_DIGEST = """
from tests.text.batches.test_masked_lm_batches import batches, digest
import zlib
print([zlib.crc32(b"".join(batch)) for batch in digest(batches(seed=5).epochs(2, 3, epochs=1))])
"""


def test_another_process_has_the_same_batches():
    import zlib

    printed = subprocess.run(
        [sys.executable, "-c", PRINTS_DIGEST], check=True, capture_output=True, text=True
    ).stdout
    own = [zlib.crc32(b"".join(b)) for b in digest(batches(seed=5).epochs(2, 3, epochs=1))]
    assert printed.strip() == str(own)


def test_the_dataset_holds_the_same_batches():
    found = batches(next_sentence_labels=np.arange(150) % 2)
    dataset = found.dataset(0, 3, epochs=2)
    assert digest(dataset.as_numpy_iterator()) == digest(found.epochs(0, 3, epochs=2))


def test_next_sentence_labels_go_with_their_texts():
    follows = np.random.default_rng(0).integers(0, 2, 150)
    seen = []
    for x, y, weights in batches(next_sentence_labels=follows).epochs(epochs=1):
        assert set(y) == set(weights) == {"logits", "next_sentence"}
        assert y["next_sentence"].shape == weights["next_sentence"].shape == (8,)
        for row in range(8):
            original = x["token_ids"][row].copy()
            count = int(weights["logits"][row].sum())
            original[x["mask_positions"][row, :count]] = y["logits"][row, :count]
            length = x["padding_mask"][row].sum()
            assert weights["next_sentence"][row] == float(length > 0)
            if length:
                index = IDS.index(original[:length].tolist())
                seen.append(index)
                assert y["next_sentence"][row] == follows[index]
                assert x["segment_ids"][row, :length].tolist() == SEGMENTS[index]
    assert sorted(seen) == list(range(150))


class Guess(Model):
    """A stand-in for a masked LM: token embeddings mixed with their neighbours' mean."""

    def __init__(self, next_sentence=False):
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask", "mask_positions")
        }
        mask = ops.cast(inputs["padding_mask"], "float32")[..., None]
        x = keras.layers.Embedding(SIZE, 16)(inputs["token_ids"]) * mask
        mean = ops.sum(x, 1, keepdims=True) / ops.maximum(ops.sum(mask, 1, keepdims=True), 1)
        x = ops.take_along_axis(x + mean, inputs["mask_positions"][..., None], axis=1)
        outputs = keras.layers.Dense(SIZE, name="logits")(x)
        if next_sentence:
            order = keras.layers.Dense(2, name="next_sentence")(mean[:, 0])
            outputs = {"logits": outputs, "next_sentence": order}
        super().__init__(inputs, outputs)


def loss():
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )


def test_loss_and_accuracy_are_means_over_the_tokens_to_guess():
    keras.utils.set_random_seed(0)
    found = batches()
    model = Guess()
    model.compile("sgd", loss=loss(), weighted_metrics=[TokenAccuracy()])
    model.fit(found.dataset(), steps_per_epoch=len(found), epochs=3, shuffle=False, verbose=0)
    logs = model.evaluate(found.dataset(epochs=1), return_dict=True, verbose=0)
    total = correct = count = 0
    for x, labels, weights in found.epochs(epochs=1):
        logits = np.array(model(x), "float64")
        for row, slot in zip(*np.nonzero(weights), strict=True):
            z, label = logits[row, slot], labels[row, slot]
            total += np.log(np.exp(z).sum()) - z[label]
            correct += z.argmax() == label
            count += 1
    assert logs["loss"] == pytest.approx(total / count, rel=1e-5)
    assert correct > 0
    assert logs["accuracy"] == pytest.approx(correct / count, rel=1e-5)


def fitted(micro_batches=1, next_sentence=False, epochs=2):
    keras.utils.set_random_seed(1)
    found = batches(next_sentence_labels=np.arange(150) % 2 if next_sentence else None)
    model = Guess(next_sentence)
    losses = {"logits": loss(), "next_sentence": loss()} if next_sentence else loss()
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss=losses, micro_batches=micro_batches)
    history = model.fit(
        found.dataset(), steps_per_epoch=len(found), epochs=epochs, shuffle=False, verbose=0
    ).history
    return np.concatenate([w.ravel() for w in model.get_weights()]), history["loss"]


@pytest.mark.parametrize("next_sentence", [False, True])
def test_micro_batches_change_nothing(next_sentence):
    whole, losses = fitted(1, next_sentence)
    parts, losses_of_parts = fitted(3, next_sentence)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    assert losses_of_parts == pytest.approx(losses, rel=1e-5)
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "change, message",
    [
        (
            dict(is_continuation=[False] * 250),
            "`is_continuation` must be as long as the vocabulary",
        ),
        (dict(mask_id=300), "`is_continuation` must be as long as the vocabulary.* mask_id=300"),
        (dict(special_ids=range(300)), "`special_ids` must be not the whole vocabulary"),
        (dict(rate=0), "`rate` must be a number between 0 and 1. Received: rate=0"),
        (dict(next_sentence_labels=[0, 1]), "`next_sentence_labels` must be 150 integers from 0"),
        (dict(batch_size=0), "`batch_size` must be a positive integer"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        batches(**change)


def test_the_same_texts_in_fewer_shapes():
    three = batches(max_buckets=3, seed=3)
    one, made = three.with_max_buckets(1), batches(max_buckets=1, seed=3)
    assert len(three.shapes) == len(three.slots) == 3 and one.shapes == made.shapes
    assert (one.slots, one.padding) == (made.slots, made.padding)
    for found, expected in zip(one.epochs(epochs=1), made.epochs(epochs=1), strict=True):
        np.testing.assert_array_equal(found[0]["token_ids"], expected[0]["token_ids"])
        np.testing.assert_array_equal(found[1], expected[1])
