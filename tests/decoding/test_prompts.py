"""Generation without a source: prompts of different lengths in one batch."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import SamplingOptions, SearchOptions, search
from keras_attention.token_ids import SpecialIds
from tests.backend import BACKEND, compiled, to_numpy
from tests.decoding.language_model import CONTEXT, SPECIAL, V, language_model, prompts

ROWS = [[1, 0, 2, 7, 4], [0], [2, 2], [10, 1, 0, 2, 8, 6, 5, 3], [5, 0, 1]]
SEEDS = np.arange(3, 3 + len(ROWS), dtype="int32")
FEW = ROWS if BACKEND == "tensorflow" else ROWS[2:4]  # where JAX compiles each length anew
NOTHING = SpecialIds(None, None, None, None)
OPTIONS = {
    "greedy": SearchOptions(max_length=9),
    "no end before": SearchOptions(max_length=9, min_length=6),
    "beam": SearchOptions(beam_size=3, max_length=9, n_best=2, length_penalty=0.6),
    "sample": SamplingOptions(max_length=9, temperature=1.5, top_p=0.95),
}


def run(model, rows, options, seeds=SEEDS, **inputs):
    seeds = {"seed": seeds} if options.is_sampling else {}
    return to_numpy(search(model, prompts(rows, **inputs), options, **seeds))


def same_results(found, expected):
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_prompt_gives_what_it_gives_alone(options):
    model = language_model()
    together = run(model, ROWS, options)
    assert len({tuple(row.ravel().tolist()) for row in together["token_ids"]}) > 2
    for index in (1, 3):  # the shortest and the longest
        alone = run(model, ROWS[index : index + 1], options, SEEDS[index : index + 1])
        same_results(
            {name: value[index] for name, value in together.items()},
            {name: value[0] for name, value in alone.items()},
        )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_what_fills_a_prompt_changes_nothing(options):
    model = language_model()
    expected = run(model, ROWS, options)
    same_results(run(model, ROWS, options, width=13, fill=SPECIAL.end), expected)
    same_results(run(model, ROWS, options, fill=4), expected)


def test_step_by_step_is_the_model_at_once():
    model, inputs = language_model(), prompts(FEW)
    following = np.random.default_rng(0).integers(0, V, (len(FEW), 6)).astype("int32")
    state, constants = model.start(inputs, 6)
    token, found = model.first_tokens(inputs), []
    for n in range(6):
        logits, state = model.step(token, n, state, constants)
        found.append(to_numpy(logits))
        token = ops.convert_to_tensor(following[:, n])
    for index, row in enumerate(FEW):
        whole = np.array([[*row, *following[index, :5]]], "int32")
        expected = to_numpy(model(whole))[0, len(row) - 1 :]
        np.testing.assert_allclose(np.stack(found)[:, index], expected, atol=1e-5)


def test_greedy_generation_is_the_models_own_without_a_cache():
    model = language_model()
    found = to_numpy(model.generate(prompts(FEW), 5))
    for index, row in enumerate(FEW):
        words, score = list(row), 0.0
        for _ in range(5):
            logits = to_numpy(model(np.array([words], "int32")))[0, -1].astype("float64")
            words.append(int(logits.argmax()))
            score += logits.max() - np.log(np.exp(logits).sum())
            if words[-1] == SPECIAL.end:
                break
        emitted = words[len(row) :]
        expected = emitted + [SPECIAL.fill] * (5 - len(emitted))
        assert found["token_ids"][index].tolist() == expected
        assert found["score"][index] == pytest.approx(score, abs=1e-4)


def test_a_prompt_leaves_its_row_the_rest_of_the_context():
    long = [1] * (CONTEXT - 2)
    model = language_model(special_ids=NOTHING)
    limits, longest = model.length_limits(prompts([[1], long, [1] * CONTEXT]))
    assert to_numpy(limits).tolist() == [CONTEXT, 3, 1] and longest == CONTEXT
    found = to_numpy(model.generate(prompts([[1], long])))["token_ids"]
    assert found.shape == (2, CONTEXT) and found[0].any()
    assert not found[1, 3:].any()  # filled with 0, for there is neither padding nor an end


def test_several_ids_end_a_row():
    model = language_model(special_ids=NOTHING)
    plain = to_numpy(model.generate(prompts(ROWS), 9))["token_ids"]
    ends = tuple(sorted({int(plain[0, 3]), int(plain[3, 1])}))
    model.special_ids = SpecialIds(None, None, None, ends)
    found = to_numpy(model.generate(prompts(ROWS), 9))["token_ids"]
    for row, expected in zip(found, plain, strict=True):
        at = np.flatnonzero(np.isin(expected, ends))
        stop = at[0] + 1 if len(at) else 9
        np.testing.assert_array_equal(row[:stop], expected[:stop])
        assert (row[stop:] == ends[0]).all()
    late = to_numpy(model.generate(prompts(ROWS), 9, min_length=4))["token_ids"]
    assert not np.isin(late[:, :4], ends).any()


def test_what_is_forbidden_is_never_emitted():
    free = run(language_model(), ROWS, OPTIONS["sample"])["token_ids"]
    forbidden = sorted(set(free.ravel().tolist()) - {SPECIAL.end})[:3]
    for options in OPTIONS.values():
        found = run(language_model(forbidden_ids=forbidden), ROWS, options)["token_ids"]
        assert not np.isin(found, forbidden).any()


@pytest.mark.parametrize(
    ("name", "jit"),
    [
        ("greedy", True),
        pytest.param("greedy", False, marks=pytest.mark.slow),
        pytest.param("beam", True, marks=pytest.mark.slow),
        ("beam", False),
    ],
)
def test_compiled_as_eager(name, jit):
    model, options = language_model(), OPTIONS[name]
    expected = run(model, ROWS, options)
    function = compiled(lambda inputs: search(model, inputs, options), jit)
    inputs = {name: ops.convert_to_tensor(value) for name, value in prompts(ROWS).items()}
    same_results(to_numpy(function(inputs)), expected)
