"""`keras_attention.export`: of runs and of models in memory, whatever the task."""

import json
import warnings

import pytest

import keras_attention
from keras_attention._validation import InputError, with_article
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.artifacts.precision_loss import PrecisionWarning
from keras_attention.models import Classifier
from tests.cli.command import run_here
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import (
    KINDS,
    LENGTH,
    TEXTS,
    answers,
    assert_same_answers,
    save_small_run,
    small_encoder,
    small_model,
    texts_of,
    tokenizer_of,
)

ONNX = dict(formats=("onnx",))


@pytest.fixture(scope="session")
def run_of(once):
    """`run_of(name)`: the run of a small model. Not to be changed."""

    def find(name):
        make = lambda folder: save_small_run(name, folder / "run")  # noqa: E731
        return once(f"run to export {name}", make) / "run"

    return find


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("translator", marks=pytest.mark.slow),
        "classifier",
        pytest.param("masked-lm", marks=pytest.mark.slow),
    ],
)
def test_a_model_and_its_run_export_alike(name, run_of, tmp_path):
    options = dict(ONNX, examples=texts_of(name))
    model = small_model(name)
    keras_attention.export(model, tmp_path / "model", tokenizer_of(name), **options)
    keras_attention.export(run_of(name), tmp_path / "run", **options)
    manifests = [read_manifest(tmp_path / source) for source in ("model", "run")]
    for manifest in manifests:
        for reports in manifest["parity"].values():
            for report in reports:
                report.pop("milliseconds_per_sentence")
        del manifest["files"], manifest["manifest_sha256"]  # of what took another time
        assert manifest["kind"] == KINDS[name]
        assert manifest["formats"] == ["onnx"]
        assert not (tmp_path / "model" / "model.tflite").exists()
        assert not (tmp_path / "model" / "saved_model").exists()
    assert manifests[0] == manifests[1]
    found = [keras_attention.load(tmp_path / source) for source in ("model", "run")]
    assert_same_answers(answers(found[0], name), answers(found[1], name), tolerance=1e-6)


def test_labels_of_a_model(tmp_path):
    model = Classifier(small_encoder(), 3)
    with pytest.raises(InputError, match="`labels` must be given"):
        keras_attention.export(model, tmp_path / "a", word_piece(), **ONNX)
    with pytest.raises(InputError, match="tells 3 labels apart, of which the config names 2"):
        keras_attention.export(model, tmp_path / "a", word_piece(), labels=["x", "y"], **ONNX)
    labels = ["x", "y", "z"]
    options = dict(labels=labels, examples=TEXTS, **ONNX)
    keras_attention.export(model, tmp_path / "a", word_piece(), **options)
    assert keras_attention.load(tmp_path / "a").labels == labels
    assert (tmp_path / "a" / "labels.txt").read_text().split() == labels


def test_a_stock_model(tmp_path):
    model = small_model("functional classifier")
    config = dict(max_sequence_length=LENGTH)
    options = dict(labels=LABELS, examples=TEXTS, **ONNX)
    with pytest.raises(ValueError, match="`kind` must be given"):
        keras_attention.export(model, tmp_path / "a", word_piece(), config=config, **options)
    with pytest.raises(InputError, match="`max_sequence_length`"):
        keras_attention.export(model, tmp_path / "a", word_piece(), kind="classifier", **options)
    assert list(tmp_path.iterdir()) == []
    keras_attention.export(
        model, tmp_path / "a", word_piece(), kind="classifier", config=config, **options
    )
    assert keras_attention.load(tmp_path / "a").classify(TEXTS)


def test_a_lower_precision(run_of, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        keras_attention.export(
            run_of("classifier"),
            tmp_path / "a",
            precision="float16",
            formats=("tflite", "onnx"),
            examples=TEXTS,
        )
    manifest = read_manifest(tmp_path / "a")
    assert manifest["precision"] == "float16"
    assert set(manifest["lower_precision"]) == {"tflite", "onnx"}
    assert "| float16 |" in (tmp_path / "a" / "README.md").read_text()


def test_a_lower_precision_of_what_has_no_measure(run_of, tmp_path):
    options = dict(precision="int8", examples=TEXTS, **ONNX)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        keras_attention.export(run_of("encoder"), tmp_path / "a", **options)
    lower = read_manifest(tmp_path / "a")["lower_precision"]["onnx"]
    assert lower["measure"] is None and lower["loss"] is None
    expected = answers(keras_attention.load(run_of("encoder")), "encoder")
    assert_same_answers(answers(keras_attention.load(tmp_path / "a"), "encoder"), expected, 0.3)


def test_an_artifact_that_exists(run_of, tmp_path):
    options = dict(examples=TEXTS, **ONNX)
    artifact = keras_attention.export(run_of("classifier"), tmp_path / "a", **options)
    assert artifact == tmp_path / "a"
    before = (artifact / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="or `force` to overwrite it"):
        keras_attention.export(run_of("encoder"), artifact, **options)
    assert (artifact / "manifest.json").read_bytes() == before
    keras_attention.export(run_of("encoder"), artifact, force=True, **options)
    assert read_manifest(artifact)["kind"] == "encoder"
    assert not (artifact / "labels.txt").exists()


# Options that do not concern the task


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("classifier", dict(search={"beam_size": 4}), "`beam_size`"),
        ("classifier", dict(with_alignments=True), "`with_alignments`"),
        ("masked-lm", dict(valid="valid.tsv"), "`valid`"),
        ("encoder", dict(valid_source="a", valid_target="b"), "`valid_source`, `valid_target`"),
        ("translator", dict(valid="valid.tsv"), "`valid`"),
        ("translator", dict(poem=True), "`poem`"),
        # Whatever their values: a misspelled option is never taken for one that was left out.
        ("translator", dict(with_aligments=False), "`with_aligments`"),
        ("translator", dict(valid_sourse=None), "`valid_sourse`"),
        ("translator", dict(search={"beam_sise": None}), "`beam_sise`"),
        ("classifier", dict(valid_source=None, single_loop=0), "`valid_source`, `single_loop`"),
        ("encoder", dict(valid=""), "`valid`"),
    ],
)
def test_options_of_other_tasks(name, options, named, run_of, tmp_path):
    run = run_of(name)
    with pytest.raises(InputError) as caught:
        keras_attention.export(run, tmp_path / "a", **options)
    verb = "do" if "," in named else "does"
    said = f"is {with_article(name)}, which {named} {verb} not concern."
    assert str(caught.value) == f"{run} {said}"
    model = small_model(name)
    with pytest.raises(InputError) as caught:
        keras_attention.export(model, tmp_path / "a", tokenizer_of(name), **options)
    assert str(caught.value) == f"{type(model).__name__} {said}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [dict(beam_size=4), dict(sample=False), dict(n_best=None)])
def test_how_to_decode_is_said_in_search(options, run_of, tmp_path):
    (name,) = options
    model = small_model("translator"), tmp_path / "a", tokenizer_of("translator")
    for source in ((run_of("translator"), tmp_path / "a"), model):
        with pytest.raises(InputError, match=f"`{name}` says how to decode: give it in `search`"):
            keras_attention.export(*source, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [dict(labels=["a", "b", "c"]), dict(config={"pair_column": None}), dict(labels=[])]
)
def test_what_a_run_has_of_its_own(options, run_of, tmp_path):
    (name,) = options
    with pytest.raises(InputError, match=f"has its own .*: `{name}` can be given with a model on"):
        keras_attention.export(run_of("classifier"), tmp_path / "a", **options)
    with pytest.raises(InputError, match="`tokenizer` can be given with a model only"):
        keras_attention.export(run_of("classifier"), tmp_path / "a", tokenizer_of("classifier"))
    assert list(tmp_path.iterdir()) == []


def test_unknown_entries_of_a_config(tmp_path):
    with pytest.raises(InputError, match="Unknown field 'decodng' of the config of a translator"):
        keras_attention.export(
            *(small_model("translator"), tmp_path / "a", tokenizer_of("translator")),
            config={"decodng": {"beam_size": 4}},
        )
    assert list(tmp_path.iterdir()) == []


def test_options_of_other_tasks_on_the_command_line(run_of, tmp_path, capfd):
    command = ["export", "--model", run_of("encoder"), "--output", tmp_path / "a", "--quiet"]
    status, output, error = run_here(capfd, *command, "--beam-size", 4, "--valid-source", "x")
    assert (status, output) == (2, "")
    assert error.startswith(f"keras-attention: {run_of('encoder')} is an encoder, which --")
    assert error.endswith(" do not concern.\n") and "--beam-size" in error
    assert "--valid-source" in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(formats=()), "Unknown format (none)"),
        (
            dict(formats="onnx"),
            "must be a list of some of tf_saved_model, tflite, onnx, litertlm. Received: 'onnx'",
        ),
        (dict(formats=("onnx", "tflite", "onnx")), "`formats` must be different. Received: onnx"),
        (dict(formats=("onnx", "gguf")), "Unknown format 'gguf'; expected some of tf_saved_model"),
        (dict(precision="float8"), "Unknown precision 'float8'"),
        (dict(precision="int8", formats=("tf_saved_model",)), "tf_saved_model stays float32"),
        (dict(allow_loss=1.0), "`allow_loss` needs `precision`"),
    ],
)
def test_options_that_are_wrong(options, sentence, run_of, tmp_path):
    for source in (run_of("classifier"), small_model("classifier")):
        with pytest.raises(InputError) as caught:
            keras_attention.export(source, tmp_path / "a", **options)
        assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["translator", "classifier", "masked-lm"])
def test_a_model_needs_its_tokenizer(name, tmp_path):
    with pytest.raises(InputError) as caught:
        keras_attention.export(small_model(name), tmp_path / "a", **ONNX)
    assert str(caught.value) == "`tokenizer` must be given with a model; a run has its own."
    other = tokenizer_of("encoder" if name == "translator" else "translator")
    with pytest.raises(ValueError, match="`tokenizer` must be a "):
        keras_attention.export(small_model(name), tmp_path / "a", other, **ONNX)
    assert list(tmp_path.iterdir()) == []


# What formats are compared on by default


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("translator", marks=pytest.mark.slow),
        "classifier",
        pytest.param("encoder", marks=pytest.mark.slow),
    ],
)
def test_phrases_of_the_built_in_corpus_serve_where_there_is_nothing_else(name, run_of, tmp_path):
    said = []
    keras_attention.export(run_of(name), tmp_path / "a", say=said.append, **ONNX)
    assert any(line.startswith("comparing onnx with Keras on ") for line in said)
    for report in read_manifest(tmp_path / "a")["parity"]["onnx"]:
        assert report["sentences"] >= 50 and report["agreement"] == 1
    assert "scores" not in read_manifest(tmp_path / "a")


def test_labelled_texts_of_ones_own_give_scores(run_of, tmp_path):
    valid = tmp_path / "valid.jsonl"
    rows = [{"text": text, "label": LABELS[i % 3]} for i, text in enumerate(TEXTS)]
    valid.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    keras_attention.export(run_of("classifier"), tmp_path / "a", valid=str(valid), **ONNX)
    manifest = read_manifest(tmp_path / "a")
    texts, expected = [row["text"] for row in rows], [row["label"] for row in rows]
    found = keras_attention.load(run_of("classifier")).classify(texts)
    accuracy = sum(a == b for a, b in zip(found, expected, strict=True)) / len(rows)
    assert manifest["scores"]["onnx"]["accuracy"] == pytest.approx(accuracy)
    valid.write_text('{"text": "three", "label": "unheard of"}\n')
    with pytest.raises(InputError, match="unheard of"):
        keras_attention.export(run_of("classifier"), tmp_path / "b", valid=str(valid), **ONNX)
    assert not (tmp_path / "b").exists()


def test_how_a_translator_decodes_is_fixed_by_its_export(run_of, tmp_path):
    options = dict(examples=texts_of("translator"), **ONNX)
    keras_attention.export(run_of("translator"), tmp_path / "a", search={"beam_size": 2}, **options)
    assert read_manifest(tmp_path / "a")["decoding"]["beam_size"] == 2
    found = keras_attention.load(tmp_path / "a").translate(texts_of("translator"))
    run = keras_attention.load(run_of("translator"), beam_size=2)
    assert found == run.translate(texts_of("translator"))
    with pytest.raises(InputError, match="was exported with beam_size 2, not 3"):
        keras_attention.load(tmp_path / "a", beam_size=3)
