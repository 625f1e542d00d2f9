"""What every language model promises: causality, bands, documents, caches, batches, files."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import SamplingOptions, SearchOptions, search
from keras_attention.layers.attention_cache import cache_slots
from keras_attention.models import LanguageModel, Model
from keras_attention.models.language_model import require_language_model
from keras_attention.training.label_smoothed_cross_entropy import LabelSmoothedCrossEntropy
from tests.backend import BACKEND, compiled, examples, gradients, to_numpy
from tests.models.language_models import (
    CONTEXT,
    END,
    MODELS,
    SPECIAL,
    V,
    greedy,
    logits,
    make,
    prompts,
)

ROWS = [[1, 0, 2, 7, 4], [0], [2, 2], [10, 1, 0, 2, 8, 6, 5, 3], [5, 0, 1]]
OPTIONS = {
    "greedy": SearchOptions(max_length=9),
    "beam": SearchOptions(beam_size=3, max_length=9, n_best=2, length_penalty=0.6),
    "sample": SamplingOptions(max_length=9, temperature=1.5, top_p=0.95),
}
MADE = {}


def made(name):
    """The model of a name, made once."""
    if name not in MADE:
        MADE[name] = make(name)
    return MADE[name]


# These two have every part between them; what compiles takes seconds, and JAX compiles each shape.
SOME = ["GPT, alternating", "Llama"]
some_models = pytest.mark.parametrize("name", SOME)
every_model = pytest.mark.parametrize("name", MODELS if BACKEND == "tensorflow" else SOME)
# For the dearest, with the local bands of Llama and a user's own score; the others are slow.
DECODED = [*SOME, "Llama, window", "ALiBi"]
decoded_models = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in DECODED else pytest.mark.slow)
        for name in (MODELS if BACKEND == "tensorflow" else SOME)
    ],
)
ids_of = st.lists(st.integers(0, V - 1), min_size=1, max_size=CONTEXT)


@every_model
@settings(max_examples=examples(6))
@given(ids=ids_of, data=st.data())
def test_a_token_changes_nothing_before_it(name, ids, data):
    place = data.draw(st.integers(0, len(ids) - 1), "place")
    other = (ids[place] + data.draw(st.integers(1, V - 1), "other")) % V
    changed = [*ids[:place], other, *ids[place + 1 :]]
    before, after = logits(made(name), ids), logits(made(name), changed)
    np.testing.assert_allclose(after[:place], before[:place], atol=1e-5)
    assert np.abs(after[place] - before[place]).max() > 1e-4


def moved(model, ids, place, other):
    """The positions whose logits change when the token at `place` does."""
    changed = [*ids[:place], (ids[place] + other) % V, *ids[place + 1 :]]
    difference = np.abs(logits(model, changed) - logits(model, ids)).max(axis=1)
    return np.flatnonzero(difference > 1e-6)


# One layer that sees so many tokens
BANDED = {
    "GPT": dict(attention_types=("local",), tie_weights=False),
    "Llama": {},
}


def banded(name, window):
    """Made once."""
    key = name, window
    if key not in MADE:
        MADE[key] = make(name, num_layers=1, sliding_window=window, **BANDED[name])
    return MADE[key]


@pytest.mark.parametrize("name", BANDED)
@pytest.mark.parametrize("window", [1, 3])
def test_one_banded_layer_sees_w_tokens(name, window):
    ids = np.random.default_rng(0).integers(0, V, 12).tolist()
    found = moved(banded(name, window), ids, place=4, other=1)
    np.testing.assert_array_equal(found, np.arange(4, 4 + window))


@pytest.mark.parametrize("name", BANDED)
@settings(max_examples=examples(6))
@given(
    window=st.sampled_from([1, 2, 5]),
    ids=st.lists(st.integers(0, V - 1), min_size=1, max_size=CONTEXT),
    data=st.data(),
)
def test_one_banded_layer_sees_no_more_than_w_tokens(name, window, ids, data):
    place = data.draw(st.integers(0, len(ids) - 1), "place")
    found = moved(banded(name, window), ids, place, data.draw(st.integers(1, V - 1), "other"))
    assert found.min() == place and found.max() < place + window


@settings(max_examples=examples(4))
@given(place=st.integers(0, CONTEXT - 1), other=st.integers(1, V - 1))
def test_banded_layers_see_w_tokens_further_each(place, other):
    model = made("Llama, window")
    assert [block.self_attention.sliding_window for block in model.blocks] == [3, 3, 3]
    ids = np.random.default_rng(place).integers(0, V, CONTEXT).tolist()
    found = moved(model, ids, place, other)
    assert found.min() == place and found.max() <= place + 3 * (3 - 1)


@decoded_models
@settings(max_examples=examples(6))
@given(data=st.data())
def test_packed_documents_give_what_they_give_alone(name, data):
    documents = data.draw(
        st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=9), min_size=1, max_size=5)
    )
    ids = sum(documents, [])[:CONTEXT]
    segments = [n for n, document in enumerate(documents) for _ in document][:CONTEXT]
    inputs = {"token_ids": np.array([ids]), "segment_ids": np.array([segments])}
    together = to_numpy(made(name)(inputs))[0]
    for number in set(segments):
        here = np.equal(segments, number)
        alone = logits(made(name), np.array(ids)[here])
        np.testing.assert_allclose(together[here], alone, atol=2e-5)


@every_model
def test_segments_may_be_left_out(name):
    model = made(name)
    ids = np.random.default_rng(0).integers(0, V, (2, 6))
    expected = to_numpy(model({"token_ids": ids}))
    for segments in (None, np.zeros_like(ids), np.full_like(ids, 7)):
        found = to_numpy(model({"token_ids": ids, "segment_ids": segments}))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match="`segment_ids` must be of shape"):
        model({"token_ids": ids, "segment_ids": np.zeros((2, 5), "int32")})


@decoded_models
@settings(max_examples=examples(4))
@given(
    rows=st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=8), min_size=1, max_size=4)
)
def test_steps_are_the_model_at_once(name, rows):
    """Cached equals uncached: prompts of all lengths, read in one pass, then token by token."""
    model, inputs = made(name), prompts(rows, fill=5)
    following = np.random.default_rng(0).integers(0, V, (len(rows), 6)).astype("int32")
    state, constants = model.start(inputs, 7)
    token, found = model.first_tokens(inputs), []
    for n in range(7):
        step, state = model.step(token, ops.convert_to_tensor(n, "int32"), state, constants)
        found.append(to_numpy(step))
        token = following[:, min(n, 5)]
    for row, prompt in enumerate(rows):
        expected = logits(model, [*prompt, *following[row]])[len(prompt) - 1 :]
        np.testing.assert_allclose(np.stack(found)[:, row], expected, atol=1e-5, rtol=2e-5)


@some_models
def test_room_is_added_as_it_is_needed(name):
    model, inputs = made(name), prompts(ROWS)
    state, constants = model.start(inputs, 1)
    small, _ = model.step(model.first_tokens(inputs), 0, state, constants)
    state = model.extend(state, 3)
    large, _ = model.step(model.first_tokens(inputs), 0, state, constants)
    np.testing.assert_allclose(to_numpy(large), to_numpy(small), atol=1e-6)


def test_banded_layers_keep_w_positions():
    model, inputs = made("GPT, alternating"), prompts(ROWS)
    state, constants = model.start(inputs, 4)
    assert [cache["key"].shape[2] for cache in state["cache"]] == [8 + 4, 3, 8 + 4]
    state = model.extend(state, 5)
    assert [cache["key"].shape[2] for cache in state["cache"]] == [8 + 9, 3, 8 + 9]
    wide = make("GPT", attention_types=("local",), sliding_window=CONTEXT)
    assert wide.start(inputs, 4)[0]["cache"][0]["key"].shape[2] == 8 + 4


@decoded_models
@settings(max_examples=examples(4))
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    capacity=st.integers(CONTEXT, CONTEXT + 4),
)
def test_reading_into_a_cache_of_fixed_size(name, sizes, seed, capacity):
    """What the signatures for prefill and decode do: pieces of a prompt, then single tokens."""
    model = made(name)
    ids = np.random.default_rng(seed).integers(0, V, (2, CONTEXT)).astype("int32")
    expected = to_numpy(model({"token_ids": ids}))
    cache = model.empty_cache(2, capacity)
    assert cache[0]["key"].shape == (2, model.num_key_value_heads, capacity, model.key_dim)
    found, place = [], 0
    for size in sizes:
        size = min(size, CONTEXT - 2 - place)
        if size < 2:  # one token is decoded
            break
        slots = cache_slots(cache[0], place, length=size)
        features, cache = model.read(ids[:, place : place + size], cache, slots)
        found.append(to_numpy(model.project(features)))
        place += size
    for last in range(place, min(place + 4, CONTEXT)):
        features, cache = model.read(ids[:, last], cache, cache_slots(cache[0], last))
        found.append(to_numpy(model.project(features))[:, None])
    found = np.concatenate(found, axis=1)
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], atol=1e-5, rtol=2e-5)


@decoded_models
@settings(max_examples=examples(3))
@given(
    rows=st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=8), min_size=1, max_size=4),
    fill=st.integers(0, V - 1),
)
def test_greedy_search_is_the_search_without_a_cache(name, rows, fill):
    """Of every prompt alone, whatever stands beside it and behind its end."""
    model = made(name)
    options = SearchOptions(max_length=5)
    found = to_numpy(search(model, prompts(rows, fill=fill), options))["token_ids"]
    for row, prompt in zip(found, rows, strict=True):
        expected = greedy(model, prompt, 5)
        assert row[: len(expected)].tolist() == expected
        assert (row[len(expected) :] == END).all()  # the fill, where nothing pads


@some_models
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_prompt_gives_what_it_gives_alone(name, options):
    model, seeds = made(name), np.arange(3, 8, dtype="int32")

    def run(rows, seeds, **others):
        sampling = {"seed": seeds} if options.is_sampling else {}
        return to_numpy(search(model, prompts(rows, **others), options, **sampling))

    together = run(ROWS, seeds)
    again = run(ROWS, seeds, width=CONTEXT + 3, fill=END)
    np.testing.assert_array_equal(again["token_ids"], together["token_ids"])
    for index in range(1, 4) if BACKEND == "tensorflow" else (3,):
        alone = run(ROWS[index : index + 1], seeds[index : index + 1])
        np.testing.assert_array_equal(together["token_ids"][index], alone["token_ids"][0])
        np.testing.assert_allclose(together["score"][index], alone["score"][0], atol=1e-4)


@some_models
def test_it_generates_in_a_graph(name):
    model = made(name)
    expected = to_numpy(search(model, prompts(ROWS), OPTIONS["greedy"]))["token_ids"]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        function = tf.function(
            lambda token_ids, lengths: search(
                model, {"token_ids": token_ids, "lengths": lengths}, OPTIONS["greedy"]
            ),
            input_signature=[
                tf.TensorSpec((None, None), tf.int32),
                tf.TensorSpec((None,), tf.int32),
            ],
            autograph=False,
        )
    else:
        function = compiled(
            lambda token_ids, lengths: search(
                model, {"token_ids": token_ids, "lengths": lengths}, OPTIONS["greedy"]
            )
        )
    inputs = prompts(ROWS)
    found = to_numpy(function(inputs["token_ids"], inputs["lengths"]))["token_ids"]
    np.testing.assert_array_equal(found, expected)


def test_the_context_and_each_row_limit_a_text():
    model = make("GPT", special_ids=None)
    assert model.special_ids.ends == ()
    inputs = prompts([[1] * CONTEXT, [1, 2]])
    found = to_numpy(model.generate(inputs))["token_ids"]
    assert found.shape == (2, CONTEXT)  # the first one's limit is 1
    assert (found[0, 1:] == model.special_ids.fill).all()
    limits, longest = model.length_limits(inputs)
    assert to_numpy(limits).tolist() == [1, CONTEXT - 1]
    given = {**inputs, "max_new_tokens": np.array([7, 3], "int32")}
    limits, longest = model.length_limits(given)
    assert (to_numpy(limits).tolist(), int(longest)) == ([1, 3], 3)
    found = to_numpy(model.generate(given))["token_ids"]
    assert found.shape == (2, 3)
    full = to_numpy(model.generate(inputs))["token_ids"]
    np.testing.assert_array_equal(found[1], full[1, :3])


def test_prompt_tokens():
    token_ids, mask = make("GPT").prompt_tokens(prompts(ROWS[:3]))
    np.testing.assert_array_equal(to_numpy(mask).sum(axis=1), [5, 1, 2])
    assert to_numpy(token_ids)[2].tolist() == [2, 2, 0, 0, 0]


@decoded_models
def test_files(name, tmp_path):
    model = made(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
    assert again.special_ids == SPECIAL
    ids = np.random.default_rng(0).integers(0, V, (2, 6))
    np.testing.assert_allclose(
        to_numpy(again({"token_ids": ids})), to_numpy(model({"token_ids": ids})), atol=1e-6
    )


@some_models
def test_half_precision(name):
    model = make(name, dtype="mixed_bfloat16")
    ids = np.random.default_rng(0).integers(0, V, (2, 9))
    found, expected = (to_numpy(m({"token_ids": ids})) for m in (model, made(name)))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=0.06)
    inputs = prompts(ROWS)
    state, constants = model.start(inputs, 2)
    assert {keras.backend.standardize_dtype(c["key"].dtype) for c in state["cache"]} == {"bfloat16"}
    step, _ = model.step(model.first_tokens(inputs), 0, state, constants)
    last = [logits(model, row)[-1] for row in ROWS]
    np.testing.assert_allclose(to_numpy(step) / scale, np.stack(last) / scale, atol=0.06)


@decoded_models
def test_every_weight_has_a_gradient(name):
    model = make(name)
    ids = np.random.default_rng(0).integers(0, V, (3, CONTEXT))
    target = np.random.default_rng(1).normal(size=(3, CONTEXT, V)).astype("float32")
    found = gradients(lambda: ops.sum(model({"token_ids": ids}) * target), model.trainable_weights)
    for weight, gradient in zip(model.trainable_weights, found, strict=True):
        assert gradient is not None, weight.path
        assert np.abs(np.asarray(gradient)).max() > 0, weight.path


@some_models
def test_fit_learns_a_sequence(name):
    keras.utils.set_random_seed(1)
    cls, arguments = MODELS[name]
    model = cls(vocabulary_size=V, num_layers=2, hidden_dim=12, intermediate_dim=24,
                max_sequence_length=CONTEXT, dropout=0.1, **arguments)  # fmt: skip
    stream = np.tile([1, 5, 2, 7, 7, 3], 30)
    rows = np.stack([stream[start : start + 11] for start in range(24)])
    x, y = {"token_ids": rows[:, :-1]}, rows[:, 1:]
    model.compile(keras.optimizers.Adam(0.02), LabelSmoothedCrossEntropy(label_smoothing=0.0))
    history = model.fit(x, y, batch_size=8, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    x["segment_ids"] = np.zeros_like(rows[:, :-1])
    assert model.evaluate(x, y, verbose=0) < history[0]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the exact step is TensorFlow's")
@every_model
def test_the_logits_are_those_of_their_projection(name):
    model = made(name)
    inputs = {"token_ids": np.random.default_rng(0).integers(0, V, (2, 6))}
    hidden, projection = model.projected_logits(inputs)
    kernel = to_numpy(projection.kernel)
    found = to_numpy(hidden) @ (kernel.T if projection.transposed else kernel)
    np.testing.assert_allclose(found, to_numpy(model(inputs)), atol=1e-5)


@every_model
def test_attention_scores(name):
    model = made(name)
    scores = [to_numpy(each) for each in model.attention_scores({"token_ids": np.array([ROWS[3]])})]
    assert [each.shape for each in scores] == [(1, model.num_heads, 8, 8)] * 3
    distances = np.subtract.outer(np.arange(8), np.arange(8))
    for layer, each in enumerate(scores):
        np.testing.assert_allclose(each.sum(axis=-1), 1, atol=1e-5)
        window = model.blocks[layer].self_attention.sliding_window or 8
        assert (each[0, :, (distances < 0) | (distances >= window)] < 1e-6).all()
        assert (each[0, :, (distances >= 0) & (distances < window)] > 0).all()


def test_special_ids():
    for special_ids, said in (
        ({"padding": None, "unknown": None, "start": None, "end": V}, "ids of the vocabulary"),
        ({"padding": V, "unknown": None, "start": None, "end": 1}, "ids of the vocabulary"),
    ):
        with pytest.raises(ValueError, match=said):
            make("GPT", special_ids=special_ids)
    with pytest.raises(ValueError, match="leave an end"):
        make("GPT", forbidden_ids=[END])
    model = make("GPT", forbidden_ids=[1, 2, 3])
    found = to_numpy(model.generate(prompts(ROWS), max_length=9))["token_ids"]
    assert not np.isin(found, [1, 2, 3]).any()


def test_what_is_no_language_model():
    require_language_model("here", made("GPT"))
    with pytest.raises(ValueError, match="here: expected a language model"):
        require_language_model("here", Model(*[keras.Input((2,))] * 2))

    class Half(LanguageModel):
        special_ids, forbidden_ids, vocabulary_size, max_sequence_length = SPECIAL, (), V, 4

    inputs = keras.Input((2,))
    with pytest.raises(ValueError, match="it must implement `start`"):
        require_language_model("here", Half(inputs, inputs))
