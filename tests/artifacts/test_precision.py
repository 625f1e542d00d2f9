"""Lower precision in whole artifacts: what is measured, what is refused, what is shipped."""

import math
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention import load
from keras_attention.artifacts import onnx_precision
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.artifacts.parity import ParityError
from keras_attention.artifacts.precision_loss import (
    PrecisionError,
    PrecisionWarning,
    check_losses,
    loss_report,
    require_precision,
)
from keras_attention.artifacts.quantization import PRECISIONS, is_weight
from keras_attention.models import RNNTranslator
from keras_attention.tasks.export import export
from keras_attention.tasks.translation.parity import Remembered, measure_precision
from keras_attention.tasks.translation.task import TASK
from keras_attention.tasks.translation.text_translator import TextTranslator
from keras_attention.tasks.translation.translation_comparison import TranslationComparison
from keras_attention.text import phrase_corpus
from tests.conftest import BEAM
from tests.tasks.small_translator import TEXTS, tokenizer

LOWER = ("tflite", "onnx")
BLEU = TranslationComparison.measure
SENTENCES, REFERENCES = [f"sentence {i}" for i in range(300)], [f"satz {i}" for i in range(300)]


class Answers:
    """A translator whose answer is `answer(text, batch_size)`: a pair (translation, score)."""

    seed = None  # it does not sample
    has_scores = True

    def __init__(self, answer, others=()):
        self.answer, self.others = answer, others
        self.batch_size = 32
        self.asked = []

    def translate_n_best(self, texts):
        self.asked.extend(texts)
        return [[self.answer(text, self.batch_size), *self.others] for text in texts]


def right(text, batch_size):
    return text.replace("sentence", "satz"), -4.0


def number(text):
    return int(text.split()[1])


def test_what_is_measured():
    """Sentences of all numbers below 30 are other ones, by the best hypothesis alone."""

    def other(text, batch_size):
        return ("satz", -4.5) if number(text) < 30 else right(text, batch_size)

    lower = Answers(other, others=[("something else", -9.0)])
    reports = measure_precision(Answers(right), lower, SENTENCES, "onnx")
    assert [(r["batch_size"], r["sentences"]) for r in reports] == [(1, 200), (32, 300)]
    assert [r["agreement"] for r in reports] == [1 - 30 / 200, 1 - 30 / 300]
    assert all(r["milliseconds_per_sentence"] > 0 and "differences" not in r for r in reports)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number(score):
    def other(text, batch_size):
        return right(text, batch_size)[0], score if number(text) == 250 else -4.0

    with pytest.raises(ParityError, match="onnx gives scores that are not finite numbers"):
        measure_precision(Answers(right), Answers(other), SENTENCES, "onnx")


def test_no_hypothesis_at_all():
    class Nothing(Answers):
        def translate_n_best(self, texts):
            return [[] for _ in texts]

    with pytest.raises(ParityError, match="not finite"):
        measure_precision(Answers(right), Nothing(right), SENTENCES, "onnx")


def test_a_batch_that_changes_translations():
    def other(limit, score):
        def answer(text, batch_size):
            changed = batch_size == 32 and number(text) < limit
            return ("satz", score) if changed else right(text, batch_size)

        return Answers(answer)

    message = "tflite gives other translations of 3 of 200 sentences alone than in a batch"
    with pytest.raises(ParityError, match=message):
        measure_precision(Answers(right), other(3, -4.1), SENTENCES, "tflite")
    assert measure_precision(Answers(right), other(2, -4.1), SENTENCES, "tflite")
    assert measure_precision(Answers(right), other(3, -4.0001), SENTENCES, "tflite")  # ties


def test_something_else_altogether():
    def other(text, batch_size):
        return "noise", -6.0

    with pytest.raises(ParityError, match="tflite does not compute what Keras does"):
        measure_precision(Answers(right), Answers(other), SENTENCES, "tflite")


def test_a_text_is_translated_once():
    translator = Answers(right)
    remembered = Remembered(translator)
    first = remembered.translate_n_best(["sentence 1", "sentence 2", "sentence 1"])
    assert [row[0][0] for row in first] == ["satz 1", "satz 2", "satz 1"]
    assert remembered.translate_n_best(["sentence 2", "sentence 3"])[0] == first[1]
    assert translator.asked == ["sentence 1", "sentence 2", "sentence 3"]


def test_the_loss():
    assert loss_report("int8", BLEU, 12.5, 100.0) == {
        "measure": "BLEU",
        "loss_bound": 0.3,
        "score": 12.5,
        "float32_score": 100.0,
        "loss": 87.5,
    }
    without = loss_report("float16", BLEU)
    assert without == {"measure": "BLEU", "loss_bound": 0.05, "loss": None}


def losses(**values):
    return {
        name: {"measure": "BLEU", "loss": loss, "score": 40 - loss, "float32_score": 40.0}
        for name, loss in values.items()
    }


@pytest.mark.parametrize("precision", BLEU.bounds)
def test_the_bound(precision):
    bound = BLEU.bounds[precision]
    check_losses(BLEU, precision, losses(tflite=bound, onnx=-3.0), 1014)
    with pytest.raises(PrecisionError, match="loses more than its bound"):
        check_losses(BLEU, precision, losses(tflite=-3.0, onnx=bound + 0.001), 1014)


def test_a_missed_bound_says_what_to_do():
    with pytest.raises(PrecisionError) as error:
        check_losses(BLEU, "int8", losses(tflite=0.421, onnx=0.1), 1014)
    assert str(error.value) == (
        "int8 loses more than its bound of 0.3 BLEU on 1,014 texts: tflite 0.42 (39.58 instead "
        "of 40.00). Nothing was written; choose another precision, or accept it with `allow_loss` "
        "0.43."
    )
    with pytest.raises(PrecisionError, match="onnx 0.50"):
        check_losses(BLEU, "int8", losses(tflite=0.421, onnx=0.5), 1014, allow_loss=0.43)
    with pytest.warns(PrecisionWarning, match="tflite 0.42 .* allowed by `allow_loss` 0.43"):
        check_losses(BLEU, "int8", losses(tflite=0.421, onnx=0.1), 1014, allow_loss=0.43)


def test_an_allowance_below_the_bound_is_the_bound():
    check_losses(BLEU, "int8", losses(tflite=0.2), 1014, allow_loss=0.25)
    with pytest.raises(PrecisionError, match="more than the 0.1 BLEU allowed on 1,014"):
        check_losses(BLEU, "int8", losses(tflite=0.2), 1014, allow_loss=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("int4", None, LOWER), "Unknown precision 'int4'; expected one of float32, float16, int8"),
        (("int8", None, ("tf_saved_model",)), "int8 concerns tflite and onnx, of which none"),
        (("float32", 0.5, LOWER), "`allow_loss` needs `precision` float16 or int8"),
        (("int8", -1, LOWER), "`allow_loss` must be a number of at least 0"),
        (("int8", math.nan, LOWER), "`allow_loss` must be a number of at least 0"),
        (("int8", math.inf, LOWER), "`allow_loss` must be a number of at least 0"),
    ],
)
def test_what_cannot_be_asked_for(options, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        require_precision(*options)
    precision, allow_loss, formats = options
    with pytest.raises(ValueError, match=said):
        export(
            None,
            tmp_path / "artifact",
            None,
            examples=TEXTS,
            precision=precision,
            allow_loss=allow_loss,
            formats=formats,
        )
    assert not list(tmp_path.iterdir())


# Half precision is exported in test_export_precision.py of the command line too.
@pytest.fixture(params=[pytest.param("float16", marks=pytest.mark.slow), "int8"])
def lower_artifact(request):
    """The precision and the artifact."""
    return request.param, request.getfixturevalue(f"{request.param}_artifact_directory")


def test_the_manifest(lower_artifact, artifact_directory, run_directory, corpus_files):
    precision, artifact = lower_artifact
    arrays = [variable.numpy() for variable in load(run_directory).model.weights]
    elements = sum(array.size for array in arrays if is_weight(array))
    manifest = read_manifest(artifact)
    texts = Path(corpus_files["valid_source"]).read_text(encoding="utf-8").splitlines()
    expected = load(run_directory).translate(texts)
    assert manifest["precision"] == precision
    assert set(manifest["lower_precision"]) == set(LOWER)  # the SavedModel is float32
    sizes = read_manifest(artifact_directory)["files"]
    for format_name, report in manifest["lower_precision"].items():
        file = f"model.{format_name}"
        assert report["precision"] == precision
        assert report["bytes"] == manifest["files"][file]["bytes"]
        assert report["float32_bytes"] == pytest.approx(sizes[file]["bytes"], rel=0.01)
        assert report["size_ratio"] == report["bytes"] / report["float32_bytes"]
        assert report["size_ratio"] < {"float16": 0.62, "int8": 0.45}[precision]  # a small model
        assert report["elements"] == elements
        assert "norms, biases" in report["kept_float32"] and "float32" in report["arithmetic"]
        assert report["loss"] == report["float32_score"] - report["score"]
        assert report["score"] == manifest["scores"][format_name]["bleu"]
        assert report["float32_score"] == manifest["scores"]["tf_saved_model"]["bleu"]
        for parity in manifest["parity"][format_name]:
            translator = load(artifact, format_name)
            translator.batch_size = parity["batch_size"]
            pairs = zip(translator.translate(texts), expected, strict=True)
            assert parity["agreement"] == sum(a == b for a, b in pairs) / len(texts)
    assert [r["agreement"] for r in manifest["parity"]["tf_saved_model"]] == [1.0, 1.0]


@pytest.mark.parametrize("format_name", LOWER)
def test_it_translates(lower_artifact, run_directory, format_name):
    precision, artifact = lower_artifact
    texts = [*phrase_corpus(60, split="test")[0], "", "  "]
    translator = load(artifact, format_name)
    found, scores = translator.translate_with_scores(texts)
    expected = load(run_directory).translate(texts)
    same = sum(a == b for a, b in zip(found, expected, strict=True)) / len(texts)
    assert same >= {"float16": 0.95, "int8": 0.7}[precision]
    assert found[-2:] == ["", ""]
    translator.batch_size = 1
    alone, alone_scores = translator.translate_with_scores(texts)
    assert sum(a == b for a, b in zip(found, alone, strict=True)) >= len(texts) - 1
    np.testing.assert_allclose(np.median(np.abs(np.subtract(scores, alone_scores))), 0, atol=1e-3)


@pytest.mark.slow  # products of integers in a loop are compared in test_onnx_precision.py
def test_products_of_integers_in_a_whole_translator(run_directory, tmp_path, monkeypatch):
    """With a beam and alignments; a translator of this size would otherwise have none."""
    monkeypatch.setattr(onnx_precision, "MIN_INTEGER_ELEMENTS", 0)
    with warnings.catch_warnings():
        # Whether a translator this small keeps the bound depends on its training, to the last bit.
        warnings.simplefilter("ignore", PrecisionWarning)
        export(
            run_directory,
            tmp_path / "artifact",
            formats=("onnx",),
            search=BEAM,
            with_alignments=True,
            precision="int8",
            allow_loss=100,
        )
    manifest = read_manifest(tmp_path / "artifact")
    assert "ai.onnx:MatMulInteger" in manifest["ops"]["onnx"]
    [_, together] = manifest["parity"]["onnx"]
    assert together["agreement"] >= 10 / 16


@pytest.mark.parametrize(
    ("precision", "formats"),
    [
        ("int8", ("onnx",)),
        pytest.param("int8", ("tflite",), marks=pytest.mark.slow),
        pytest.param("float16", LOWER, marks=pytest.mark.slow),
    ],
)
def test_recurrent_translators(tmp_path, precision, formats):
    keras.utils.set_random_seed(1)
    model = RNNTranslator.from_preset(
        "small",
        vocabulary_size=tokenizer().source.vocabulary_size,
        max_sequence_length=48,
        units=48,
        embedding_dim=32,
    )
    with pytest.warns(PrecisionWarning, match="was not compared with its bound"):
        export(
            model,
            tmp_path / "artifact",
            tokenizer(),
            examples=TEXTS,
            formats=formats,
            precision=precision,
        )
    manifest = read_manifest(tmp_path / "artifact")
    assert tuple(manifest["lower_precision"]) == formats
    for format_name, report in manifest["lower_precision"].items():
        assert report["tensors"] > 5
        assert report["loss"] is None and "score" not in report
        assert len(load(tmp_path / "artifact", format_name).translate(TEXTS)) == len(TEXTS)


@pytest.fixture
def forgetful(monkeypatch):
    """In TFLite a translator that forgets all it is asked."""
    translate = TextTranslator.translate_n_best

    def forgetful(self, texts):
        found = translate(self, texts)
        return [[("nothing", row[0][1])] for row in found] if hasattr(self, "forgets") else found

    monkeypatch.setattr(TextTranslator, "translate_n_best", forgetful)
    make = TASK.open

    def open(directory, name, manifest):
        translator = make(directory, name, manifest)
        if name == "tflite":
            translator.forgets = True
        return translator

    monkeypatch.setattr(TASK, "open", open)


def test_a_missed_bound_leaves_nothing(run_directory, tmp_path, forgetful):
    options = dict(formats=("tflite",), precision="int8")
    with pytest.raises(PrecisionError, match="int8 loses more than its bound .* tflite"):
        export(run_directory, tmp_path / "artifact", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # other artifacts of int8 are exported with `allow_loss` too
def test_a_missed_bound_that_is_allowed(run_directory, tmp_path, forgetful):
    options = dict(formats=("tflite",), precision="int8")
    with pytest.warns(PrecisionWarning, match="allowed by `allow_loss` 100"):
        export(run_directory, tmp_path / "artifact", **options, allow_loss=100)
    assert read_manifest(tmp_path / "artifact")["lower_precision"]["tflite"]["loss"] > 0.3


def test_the_precisions_of_the_command_line():
    """It names them itself, so that its help needs no TensorFlow."""
    from keras_attention.cli.main import make_parser

    base = ["export", "--model", "run", "--output", "artifact"]
    for precision in PRECISIONS:
        options = make_parser(base).parse_args([*base, "--precision", precision])
        assert options.precision == precision
