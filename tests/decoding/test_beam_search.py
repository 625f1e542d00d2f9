"""Beam search against listing every sequence, and against plain Python from the paper."""

import functools
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import SearchOptions, beam_search, gnmt_score, greedy_search, search
from keras_attention.token_ids import SpecialIds
from tests.backend import compiled, to_numpy
from tests.decoding.table import Table
from tests.models.test_rnn_translator import make as make_recurrent
from tests.models.test_transformer_translator import SOURCE
from tests.models.test_transformer_translator import make as make_transformer
from tests.runs.mutations import examples

SPECIAL = SpecialIds()

# JAX compiles every loop anew.
EXAMPLES = examples(10, 30) if keras.backend.backend() == "tensorflow" else 3
PENALTIES = st.tuples(st.sampled_from([0.0, 0.3, 0.6, 1.5]), st.sampled_from([0.0, 0.2, 1.0]))
SOURCES = np.array([[1, 4, 4, 4], [2, 4, 0, 0], [3, 4, 4, 0]], "int32")
LENGTHS = (SOURCES != SPECIAL.padding).sum(axis=1)


@functools.cache
def make(**options):
    """A transformer. Not to be changed."""
    return make_transformer(**options)


@functools.cache
def make_rnn(preset="small"):
    """A recurrent translator. Not to be changed."""
    return make_recurrent(preset)


def make_one_layer():
    """What compiles sooner."""
    return make(num_layers=1)


def score(log_probability, length, coverage, alpha, beta):
    """Wu et al. 2016, equation 14, in plain Python."""
    divisor = (5 + length) ** alpha / (5 + 1) ** alpha
    return log_probability / divisor + beta * sum(math.log(min(c, 1.0)) for c in coverage)


def tokens(row):
    """A row of ids without its padding."""
    row = list(row)
    while row and row[-1] == SPECIAL.padding:
        row.pop()
    assert SPECIAL.padding not in row
    return tuple(int(t) for t in row)


def exhaustive(table, index, longest, alpha=0.0, beta=0.0, min_length=0):
    """Every sequence of source `index` with its score, the best first."""
    source, length = int(SOURCES[index, 0]), LENGTHS[index]
    found = []
    for sequence in table.all_sequences(longest, min_length):
        total, coverage = 0.0, np.zeros(length)
        for i, token in enumerate(sequence):
            options = table.log_probabilities(source, sequence[:i])
            if i < min_length:  # END cannot be, so the others share its probability
                rest = math.log(sum(math.exp(p) for t, p in options.items() if t != SPECIAL.end))
                options = {t: p - rest for t, p in options.items()}
            total += options[token]
            coverage += table.alignment(source, sequence[:i], length)
        found.append((score(total, len(sequence), coverage, alpha, beta), sequence))
    return sorted(found, reverse=True)


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 10**6), penalties=PENALTIES, longest=st.integers(1, 3))
def test_a_beam_as_wide_as_the_space_lists_it_in_order(seed, penalties, longest):
    table = Table(seed, longest)
    space = [exhaustive(table, i, longest, *penalties) for i in range(len(SOURCES))]
    n_best = min(10, len(space[0]))
    found = to_numpy(
        beam_search(
            table,
            SOURCES,
            beam_size=len(space[0]),
            max_length=longest,
            length_penalty=penalties[0],
            coverage_penalty=penalties[1],
            n_best=n_best,
        )
    )
    if n_best == 1:
        found = {name: value[:, None] for name, value in found.items()}
    for index, expected in enumerate(space):
        best = [s for s, _ in expected[:n_best]]
        np.testing.assert_allclose(found["score"][index], best, atol=1e-4)
        named = dict((sequence, s) for s, sequence in expected)
        for row, value in zip(found["token_ids"][index], found["score"][index], strict=True):
            assert named[tokens(row)] == pytest.approx(value, abs=1e-4)


def search_in_python(step, length, longest, beam_size, alpha, beta):
    """Beam search with frozen finished hypotheses, on lists: no early stop, every slot to its end.

    `step(words)` gives the log-probabilities {token: value} after `words`, and the attention over
    the source. Returns (score, sequence), the best first.
    """
    running, finished = [((), 0.0, np.zeros(length))], []
    for position in range(longest):
        continued = []
        for words, total, coverage in running:
            following, attention = step(words)
            continued += [
                ((*words, token), total + value, coverage + attention)
                for token, value in following.items()
            ]
        continued.sort(key=lambda one: -one[1])
        running = []
        for words, total, coverage in continued[: beam_size - len(finished)]:
            if words[-1] == SPECIAL.end or position == longest - 1:
                finished.append((score(total, len(words), coverage, alpha, beta), words))
            else:
                running.append((words, total, coverage))
    return sorted(finished, reverse=True)


@settings(max_examples=EXAMPLES)
@given(
    seed=st.integers(0, 10**6),
    penalties=PENALTIES,
    beam_size=st.integers(1, 7),
    n_best=st.integers(1, 7),
)
def test_as_in_plain_python_whatever_the_beam(seed, penalties, beam_size, n_best):
    longest, n_best = 5, min(n_best, beam_size)
    table = Table(seed, longest)
    options = SearchOptions(beam_size, *penalties, n_best, max_length=longest)
    found = to_numpy(search(table, SOURCES, options, return_alignment=True))
    if n_best == 1:
        found = {name: value[:, None] for name, value in found.items()}
    for index, (source, length) in enumerate(zip(SOURCES[:, 0], LENGTHS, strict=True)):

        def step(words, source=int(source), length=length):
            return table.log_probabilities(source, words), table.alignment(source, words, length)

        expected = search_in_python(step, length, longest, beam_size, *penalties)[:n_best]
        sequences = [tokens(row) for row in found["token_ids"][index]]
        assert sequences == [sequence for _, sequence in expected]
        np.testing.assert_allclose(
            found["score"][index], [value for value, _ in expected], atol=1e-4
        )
        for rank, sequence in enumerate(sequences):
            rows = [step(sequence[:i])[1] for i in range(len(sequence))]
            alignment = found["alignment"][index, rank]
            np.testing.assert_allclose(alignment[: len(rows), :length], rows, atol=1e-5)
            assert not alignment[len(rows) :].any() and not alignment[:, length:].any()


# Each model with the penalties and a beam. The others are slow: tables have other widths too, and
# test_greedy_search.py has what is neither.
FAST = {("transformer", 2, 0.6), ("rnn", 2, 0.6)}


@pytest.mark.parametrize(
    "beam_size, alpha, beta, build",
    [
        pytest.param(
            beam_size,
            alpha,
            beta,
            build,
            marks=() if fast else pytest.mark.slow,
            id=f"{name}-{alpha}-{beta}-{beam_size}",
        )
        for name, build in (("transformer", make), ("rnn", make_rnn))
        for alpha, beta in ((0.0, 0.0), (0.6, 0.2))
        for beam_size in (1, 2, 4)
        for fast in [(name, beam_size, alpha) in FAST]
    ],
)
def test_as_in_plain_python_on_the_models_own_logits(build, beam_size, alpha, beta):
    """Whole prefixes through the training path: neither cache nor step contract is used."""
    if build is make_rnn and keras.backend.backend() == "jax":
        pytest.skip("JAX compiles the recurrence anew for each of a hundred prefixes")
    model, longest = build(), 4
    found = to_numpy(
        model.generate(
            SOURCE,
            longest,
            beam_size=beam_size,
            length_penalty=alpha,
            coverage_penalty=beta,
            return_alignment=True,
        )
    )
    for index, source in enumerate(SOURCE):
        length = int((source != SPECIAL.padding).sum())

        def step(words, source=source, length=length):
            ids = np.array([[SPECIAL.start, *words]], "int32")
            inputs = {"encoder_token_ids": source[None, :length], "decoder_token_ids": ids}
            logits = to_numpy(model(inputs))[0, -1].astype("float64")
            allowed = [t for t in range(len(logits)) if t not in (SPECIAL.padding, SPECIAL.start)]
            total = np.log(np.exp(logits[allowed]).sum())
            cross = to_numpy(model.attention_scores(*inputs.values())["cross"])
            attention = cross[max(0, len(cross) - 2)][0].mean(axis=0)[-1]
            return {t: logits[t] - total for t in allowed}, attention

        expected = search_in_python(step, length, longest, beam_size, alpha, beta)[0]
        assert tokens(found["token_ids"][index]) == expected[1]
        assert found["score"][index] == pytest.approx(expected[0], abs=1e-3)


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 10**6), penalties=PENALTIES)
def test_a_beam_of_one_is_greedy_under_every_penalty(seed, penalties):
    table = Table(seed, 6)
    expected = to_numpy(greedy_search(table, SOURCES, 6, return_alignment=True))
    found = to_numpy(beam_search(table, SOURCES, 1, 6, 0, *penalties, return_alignment=True))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["alignment"], expected["alignment"], atol=1e-6)
    lengths = (expected["token_ids"] != SPECIAL.padding).sum(axis=1)
    for index, length in enumerate(LENGTHS):
        coverage = expected["alignment"][index].sum(axis=0)[:length]
        value = score(expected["score"][index], lengths[index], coverage, *penalties)
        assert found["score"][index] == pytest.approx(value, abs=1e-4)


def test_n_best_is_sorted_and_without_duplicates():
    found = to_numpy(make().generate(SOURCE, 7, beam_size=6, n_best=6, length_penalty=0.6))
    assert found["token_ids"].shape == (len(SOURCE), 6, 7)
    for ids, scores in zip(found["token_ids"], found["score"], strict=True):
        assert len({tokens(row) for row in ids}) == 6
        assert (np.diff(scores) <= 0).all()


def test_where_there_are_fewer_sequences_than_slots_the_rest_is_padding():
    found = to_numpy(beam_search(Table(0, 1), SOURCES, 9, n_best=9))
    assert (found["token_ids"] != SPECIAL.padding).sum(axis=(1, 2)).tolist() == [4, 4, 4]
    assert (found["score"][:, 4:] == -1e9).all() and (found["score"][:, :4] > -100).all()


def test_a_finished_hypothesis_keeps_its_score_and_wins():
    """The case in which KerasHub's beam goes on with a finished hypothesis until it loses."""
    table = Table(0, 6, sources=1)
    table.logits[:] = 0.0
    # END at once: 0.6; else at best 0.1 and less
    table.logits[0, 0, SPECIAL.end] = math.log(0.6 / 0.1)
    found = to_numpy(beam_search(table, SOURCES[:1], 3, 6))
    assert tokens(found["token_ids"][0]) == (SPECIAL.end,)
    probability = 6 / 9
    assert found["score"][0] == pytest.approx(math.log(probability), abs=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX traces loops once")
def test_the_search_stops_as_soon_as_nothing_can_change():
    table = Table(0, 6, sources=1)
    table.logits[:] = 0.0
    table.logits[:, 0, SPECIAL.end] = 8.0  # END at once is as good as certain
    beam_search(table, SOURCES[:1], 3, 6)
    assert table.calls == 1
    table.calls = 0
    beam_search(table, SOURCES[:1], 3, 6, n_best=2)  # the second best is not yet known
    assert table.calls > 1
    # A penalty that makes long ones attractive: what may still win is waited for. END at once has
    # log(e / (3 + e)) = -0.744; after t steps the best other has -1.744 - 1.386 (t - 1), which
    # could become 1 / (11 / 6)^3 = 1 / 6.16 of that: -0.733 after three, -0.958 after four.
    table.calls = 0
    table.logits[:, 0, SPECIAL.end] = 1.0
    beam_search(table, SOURCES[:1], 3, 6, length_penalty=3.0)
    assert table.calls == 4
    table.calls = 0
    beam_search(table, SOURCES[:1], 3, 6)
    assert table.calls == 1


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 10**6), min_length=st.integers(0, 4), beam_size=st.integers(1, 4))
def test_no_end_before_the_minimum_length(seed, min_length, beam_size):
    table = Table(seed, 4)
    table.logits[:, :, SPECIAL.end] += 3.0
    found = to_numpy(beam_search(table, SOURCES, beam_size, 4, min_length))["token_ids"]
    for row in found:
        row = tokens(row)
        assert len(row) >= min(4, min_length + 1)
        assert SPECIAL.end not in row[:min_length]
    space = to_numpy(beam_search(table, SOURCES, 121, 4, min_length, n_best=5))
    for index in range(len(SOURCES)):
        expected = exhaustive(table, index, 4, min_length=min_length)[:5]
        np.testing.assert_allclose(space["score"][index], [s for s, _ in expected], atol=1e-4)


@pytest.mark.parametrize("build", [make, make_rnn], ids=["transformer", "rnn"])
def test_padding_and_the_rest_of_the_batch_change_nothing(build):
    model = build()
    options = dict(beam_size=4, n_best=2, length_penalty=0.6, coverage_penalty=0.2, max_length=9)
    expected = to_numpy(model.generate(SOURCE, **options))
    length = expected["token_ids"].shape[2]
    wider = to_numpy(model.generate(np.pad(SOURCE, ((0, 0), (0, 4))), **options))
    np.testing.assert_array_equal(wider["token_ids"][:, :, :length], expected["token_ids"])
    for row, source in enumerate(SOURCE):
        alone = to_numpy(model.generate(source[None, source != SPECIAL.padding], **options))
        n = alone["token_ids"].shape[2]
        np.testing.assert_array_equal(alone["token_ids"][0], expected["token_ids"][row, :, :n])
        np.testing.assert_allclose(alone["score"][0], expected["score"][row], atol=1e-4)


@pytest.mark.parametrize(
    ("build", "jit"),
    [
        pytest.param(make_one_layer, True, id="transformer-True"),
        pytest.param(make_one_layer, False, id="transformer-False", marks=pytest.mark.slow),
        pytest.param(make_rnn, True, id="rnn-True", marks=pytest.mark.slow),
        pytest.param(make_rnn, False, id="rnn-False"),
    ],
)
def test_compiled_as_eager(build, jit):
    model, source = build(), ops.convert_to_tensor(SOURCE)

    def search(ids):
        return model.generate(
            ids, 7, True, beam_size=3, n_best=2, length_penalty=0.6, coverage_penalty=0.2
        )

    expected, found = to_numpy(search(source)), to_numpy(compiled(search, jit)(source))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)
    np.testing.assert_allclose(found["alignment"], expected["alignment"], atol=1e-5)


def test_the_score_of_the_paper():
    coverage = np.array([[[0.5, 2.0, 1.0]]], "float32")
    found = gnmt_score(np.array([[-6.0]], "float32"), np.array([[7]]), 0.6, coverage, 0.2)
    expected = -6 / (12 / 6) ** 0.6 + 0.2 * math.log(0.5)
    assert to_numpy(found)[0, 0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(beam_size=0), "`beam_size` must be a positive integer. Received: beam_size=0"),
        (dict(beam_size=2, n_best=3), "`n_best` must be at most `beam_size`"),
        (dict(beam_size=2, length_penalty=-0.1), "`length_penalty` must be a number of at least 0"),
        (dict(coverage_penalty=-1), "`coverage_penalty` must be a number of at least 0"),
        (dict(max_length=0), "`max_length` must be a positive integer"),
        (
            dict(min_length=1.5),
            "`min_length` must be an integer of at least 0",
        ),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make().generate(SOURCE, **options)


def test_a_model_without_attention_has_no_coverage():
    with pytest.raises(ValueError, match="`coverage_penalty` must be 0 for a model without atten"):
        make_rnn("small-fixed").generate(SOURCE, beam_size=2, coverage_penalty=0.2)
