"""Sampling in all three formats: the same random words, and so Keras' samples."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_attention import load
from keras_attention._validation import InputError, TruncationWarning
from keras_attention.artifacts import onnx, saved_model, tflite
from keras_attention.artifacts.formats import FORMATS, RUNTIMES
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.artifacts.parity import ParityError
from keras_attention.decoding.noise import random_words, unit_interval
from keras_attention.tasks.export import export
from keras_attention.tasks.translation.parity import Remembered, check_samples
from keras_attention.tasks.translation.sampling_ties import ROUNDING, RoundedOtherwise, SamplingTies
from keras_attention.tasks.translation.text_translator import keras_translator
from keras_attention.text import phrase_corpus
from tests.artifacts.converted import graph_of
from tests.conftest import SAMPLING
from tests.tasks.generate import generate_by
from tests.tasks.small_translator import TEXTS, small_translator, tokenizer
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS

SEEDS = np.array([0, 1, -1, 2**31 - 1, -(2**31), 12345], "int32")


@pytest.fixture(scope="module")
def translators(run_directory, sampling_artifact_directory):
    artifacts = {name: load(sampling_artifact_directory, name, seed=5) for name in RUNTIMES[1:]}
    return {"keras": load(run_directory, seed=5, sample=True, **SAMPLING), **artifacts}


@pytest.fixture(scope="module")
def generates(sampling_artifact_directory):
    return {
        name: generate_by(fmt.signature(sampling_artifact_directory, "ids"))
        for name, fmt in FORMATS.items()
    }


@pytest.mark.parametrize("texts", [phrase_corpus(24, split="test")[0], DIFFICULT_TEXTS])
def test_all_runtimes_give_the_same_samples(translators, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        expected = translators["keras"].translate_n_best(texts)
        for name, translator in translators.items():
            found = translator.translate_n_best(texts)
            for row, other in zip(found, expected, strict=True):
                assert [text for text, _ in row] == [text for text, _ in other], name
                np.testing.assert_allclose([s for _, s in row], [s for _, s in other], atol=1e-3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_batch_and_the_other_lines_change_nothing(translators, runtime):
    translator = translators[runtime]
    texts = [phrase_corpus(1, split="test")[0][0]] * 6 + phrase_corpus(5, split="test")[0]
    expected = translator.translate(texts)
    assert len(set(expected[:6])) > 3  # equal lines, other samples
    translator.batch_size, kept = 1, translator.batch_size
    try:
        assert translator.translate(texts) == expected
        translator.batch_size = kept
        translator.seed += 3  # the line at index 3 is now the first
        assert translator.translate(texts[3:]) == expected[3:]
    finally:
        translator.batch_size, translator.seed = kept, 5


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_ids_depend_on_the_row_and_its_seed_alone(generates, runtime):
    generate = generates[runtime]
    rows = np.array([[9, 20, 31, 3, 0, 0, 0]] * 6, "int32")
    expected, scores = generate(rows, seed=SEEDS)
    assert len({tuple(row) for row in expected.tolist()}) == len(SEEDS)
    order = [3, 0, 5, 1, 4, 2]
    found, found_scores = generate(rows[order][:, :4], seed=SEEDS[order])
    width = min(expected.shape[1], found.shape[1])
    np.testing.assert_array_equal(found[:, :width], expected[order][:, :width])
    assert not expected[:, width:].any() and not found[:, width:].any()
    np.testing.assert_allclose(found_scores, scores[order], atol=1e-3)


def test_the_coldest_is_greedy_in_a_form_too(tmp_path):
    """Where a runtime's float32 has neither so small a number nor its inverse."""
    model = small_translator(max_sequence_length=64)
    coldest = dict(sample=True, temperature=5e-324)
    artifact = tmp_path / "artifact"
    export(model, artifact, tokenizer(), examples=TEXTS, search=coldest, formats=["onnx"])
    expected = keras_translator(model, tokenizer()).translate(TEXTS)
    assert load(artifact).translate(TEXTS) == expected


def test_ids_are_drawn_with_the_probability_that_keras_gives(run_directory, generates):
    """The first token of 1,000 samples of one sentence, by format, against its distribution."""
    model = load(run_directory).model
    source = np.array([[9, 20, 31, 3]], "int32")
    state, constants = model.start(source, 2)
    logits = np.asarray(model.step(np.array([2], "int32"), 0, state, constants)[0])[0]
    logits = logits.astype("float64")
    logits[[0, 2]] = -np.inf
    weights = np.exp((logits - logits.max()) / SAMPLING["temperature"])
    order = np.argsort(-weights)
    weights[order[SAMPLING["top_k"] :]] = 0
    share = np.cumsum(weights[order]) / weights.sum()
    weights[order[int(np.searchsorted(share, SAMPLING["top_p"])) + 1 :]] = 0
    expected = weights / weights.sum()
    assert np.count_nonzero(expected) > 5
    count = 1000
    seeds, source = np.arange(count, dtype="int32"), np.repeat(source, count, axis=0)
    for name, generate in generates.items():
        first = generate(source, seed=seeds)[0][:, 0]
        found = np.bincount(first, minlength=len(expected))
        assert not found[expected == 0].any(), name
        often = expected * count >= 5
        deviation = (found - expected * count)[often] ** 2 / (expected * count)[often]
        degrees = often.sum()
        assert deviation.sum() < degrees + 5 * math.sqrt(2 * degrees), name


def test_the_random_words_are_the_same_in_every_form(tmp_path):
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None), tf.int32, name="source_ids"),
            tf.TensorSpec((None,), tf.int32, name="seed"),
        ],
        autograph=False,
    )
    def ids(source_ids, seed):
        words = random_words(seed, source_ids[0, 0], source_ids)
        # As the runtimes' outputs are called; the share in 32 bits as the noise takes it.
        return {"token_ids": tf.cast(words, tf.int32), "score": unit_interval(words)}

    holder = tf.Module()
    holder.ids = ids
    tokens = np.arange(3, 603, dtype="int32").reshape(6, 100)
    expected = [value.numpy() for value in map(ids(tokens, SEEDS).get, ("token_ids", "score"))]
    tf.saved_model.save(holder, str(tmp_path / "saved_model"), signatures={"ids": ids})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / "saved_model"), signature_keys=["ids"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    (tmp_path / "words.tflite").write_bytes(converter.convert())
    onnx.write(tmp_path / "words.onnx", None, graph_of(ids))
    artifacts = {
        "tf_saved_model": saved_model.signature(tmp_path / "saved_model", "ids"),
        "tflite": tflite.signature(tmp_path / "words.tflite"),
        "onnx": onnx.signature(tmp_path / "words.onnx"),
    }
    for name, artifact in artifacts.items():
        for found, value in zip(generate_by(artifact)(tokens, seed=SEEDS), expected, strict=True):
            np.testing.assert_array_equal(found, value, err_msg=name)


def test_signatures(sampling_artifact_directory):
    manifest = read_manifest(sampling_artifact_directory)
    decoding = manifest["decoding"]
    assert decoding["method"] == "sampling" and "beam_size" not in decoding
    assert {name: decoding[name] for name in SAMPLING} == SAMPLING
    signatures = manifest["signatures"]
    assert signatures["serving_default"]["inputs"] == {
        "text": ["string", ["N"]],
        "seed": ["int32", ["N"]],
    }
    assert signatures["ids"]["inputs"] == {
        "source_ids": ["int32", ["N", "S"]],
        "seed": ["int32", ["N"]],
    }
    assert signatures["ids"]["outputs"]["alignment"] == ["float32", ["N", "T", "S"]]
    for reports in manifest["parity"].values():
        assert all(report["agreement"] == 1 for report in reports)
    assert not any(op.startswith("custom:") for op in manifest["ops"]["tflite"])
    assert (
        tflite.operators(sampling_artifact_directory / "model.tflite") == manifest["ops"]["tflite"]
    )
    run = FORMATS["tf_saved_model"].signature(sampling_artifact_directory, "serving_default")
    outputs = run(text=["three", " ", "three"], seed=np.array([1, 1, 1], "int32"))
    assert outputs["text"][1] == b"" and outputs["text"][0] == outputs["text"][2] != b""


def test_an_artifact_refuses_what_it_was_not_exported_with(
    artifact_directory, beam_artifact_directory, sampling_artifact_directory
):
    for options in (dict(beam_size=4), dict(beam_size=1), dict(n_best=2), dict(length_penalty=0.5)):
        [(name, value)] = options.items()
        with pytest.raises(
            InputError, match=f"exported with the method sampling, not {name} {value}: .* `{name}`"
        ):
            load(sampling_artifact_directory, **options)
    with pytest.raises(
        InputError, match="with top_k 40, not 41: .* again with `sample` and `top_k`"
    ):
        load(sampling_artifact_directory, sample=True, top_k=41)
    with pytest.raises(InputError, match="sampling, not searching: .* again without `sample`"):
        load(sampling_artifact_directory, sample=False)
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        load(sampling_artifact_directory, temperature=-1.0)
    for directory, method in ((artifact_directory, "greedy"), (beam_artifact_directory, "beam")):
        for options in (dict(sample=True), dict(seed=3)):
            with pytest.raises(
                InputError, match=f"the method {method}, not sampling: .* again with `sample`"
            ):
                load(directory, **options)
        with pytest.raises(InputError, match=f"{method}, not top_p 0.5: .* `sample` and `top_p`"):
            load(directory, top_p=0.5)
    assert load(sampling_artifact_directory, sample=True, seed=-7, **SAMPLING)


def test_a_run_refuses_a_mixture(run_directory):
    with pytest.raises(InputError, match="beam_size is an option of searching and cannot be given"):
        load(run_directory, sample=True, beam_size=4)
    for options in (dict(temperature=0.5), dict(seed=1)):
        [name] = options
        with pytest.raises(InputError, match=f"{name} is an option of sampling and needs `sample`"):
            load(run_directory, **options)
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        load(run_directory, sample=True, seed=0.5)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_lower_precision_is_refused_before_any_work(tmp_path, precision):
    told = []
    with pytest.raises(
        InputError, match=f"Sampling is exported in float32 only, not in {precision}"
    ):
        export(
            small_translator(),
            tmp_path / "artifact",
            tokenizer(),
            examples=TEXTS,
            search=dict(sample=True),
            precision=precision,
            say=told.append,
        )
    assert not told and not list(tmp_path.iterdir())


class Fixed:
    """A translator that gives what it was told to."""

    has_scores = True

    def __init__(self, rows, seed=0):
        self.rows, self.seed, self.asked = rows, seed, 0

    def translate_n_best(self, texts):
        self.asked += 1
        return [[row] for row in self.rows[: len(texts)]]


def test_samples_may_differ_only_in_what_keras_nearly_draws():
    texts = [f"text {i}" for i in range(100)]
    rows = [(f"sample {i}", -float(i)) for i in range(100)]

    def sampling_ties(text, seed):
        assert text == texts[seed]
        return {f"sample {seed}", f"near {seed}"}

    def check(**others):
        found = [others.get(f"_{i}", row) for i, row in enumerate(rows)]
        return check_samples(Fixed(rows), Fixed(found), texts, "onnx", sampling_ties)

    assert [(r["agreement"], r["ties"]) for r in check()] == [(1, 0)] * 2
    near = check(_5=("near 5", -9.0), _7=("near 7", -7.0))
    assert [(r["agreement"], r["ties"]) for r in near] == [(0.98, 2)] * 2
    assert not any("differences" in report for report in near)
    for others in (
        dict(_5=("another", -9.0)),
        dict(_5=("another", -5.0)),  # as good, but not drawn
        dict(_5=("near 6", -9.0)),
        dict(_5=("sample 5", -9.0)),  # the same of another score
        dict(_5=("near 5", math.nan)),
        dict(_2=("near 2", -9.0), _5=("another", -9.0)),
    ):
        with pytest.raises(
            ParityError, match="onnx does not agree with Keras on .*'text 5' should"
        ):
            check(**others)


class AnotherRuntime(RoundedOtherwise):
    """Its rounding has nothing in common with that of `SamplingTies`."""

    def step(self, token, position, state, constants):
        logits, state = self.model.step(token, position, state, constants["model"])
        wave = ops.cos(1.7 * ops.arange(logits.shape[-1], dtype="float32"))
        return logits + self.rounding * wave, state


def test_sampling_ties_are_what_another_rounding_gives(run_directory):
    hot = load(run_directory, sample=True, temperature=3.0, top_k=50, max_length=12)
    hot.batch_size = 400
    texts = phrase_corpus(10, split="test")[0] * 80
    expected = hot.translate(texts)
    model = AnotherRuntime(hot.model, ROUNDING)
    other = keras_translator(model, hot.tokenizer, hot.search)
    other.batch_size = 400
    found = other.translate(texts)
    changed = [i for i in range(len(texts)) if found[i] != expected[i]]
    assert 0 < len(changed) < 80
    sampling_ties = SamplingTies(hot)
    for i in changed:
        assert found[i] in sampling_ties(texts[i], i)
    for i in range(8):  # what is drawn with the next seed is no rounding
        near = sampling_ties(texts[i], i)
        assert expected[i] in near and expected[i + 10] not in near


def test_samples_are_remembered_by_line():
    reference = Fixed([("one", 0.0), ("two", 0.0)])
    remembered = Remembered(reference)
    assert remembered.translate_n_best(["same", "same"]) == [[("one", 0.0)], [("two", 0.0)]]
    assert remembered.translate_n_best(["same"]) == [[("one", 0.0)]]
    assert reference.asked == 1
