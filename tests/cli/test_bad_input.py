"""Each bad input gives one clear sentence and exit status 2, writes nothing and loses nothing."""

import gzip
import json
import shutil
import sys

import pytest

from keras_attention.runs.run_directory import write_digests
from keras_attention.text import TranslationTokenizer
from tests.cli.command import run_here, run_process

pytestmark = pytest.mark.usefixtures("loads_once")


@pytest.fixture
def fails(capfd):
    """`fails(*arguments)` runs a command that must fail; returns its one sentence."""

    def check(*arguments):
        status, out, err = run_here(capfd, *arguments)
        assert status == 2, err
        assert out == ""
        lines = err.strip().splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("keras-attention: ")
        assert "Traceback" not in err
        return lines[0].removeprefix("keras-attention: ")

    return check


def files(folder, **contents):
    """Writes files; the options that name them."""
    options = []
    for name, data in contents.items():
        path = folder / f"{name}.txt"
        path.write_bytes(data)
        options += [f"--{name.replace('_', '-')}", path]
    return options


def train(*options):
    return ("train", "translator", "--epochs", 1, "--quiet", *options)


def test_files_of_different_length(fails, tmp_path):
    options = files(tmp_path, train_source=b"a b\nc d\ne f\n", train_target=b"A B\n")
    said = fails(*train(*options, "--output", tmp_path / "run"))
    assert "has 3 lines" in said
    assert "has 1;" in said
    assert not (tmp_path / "run").exists()


def test_an_error_of_keras_is_one_line_without_colours(fails, tmp_path, monkeypatch):
    def explain(*arguments):
        raise ValueError("Exception in Mine.call().\n\n\x1b[1mno\x1b[0m such shape\n\n  \u2022 x=1")

    monkeypatch.setattr("keras_attention.tasks.describe.describe", explain)
    said = fails("inspect", tmp_path)
    assert said == "Exception in Mine.call(). no such shape \u2022 x=1"


def test_a_column_of_a_file_without_columns(fails, tmp_path):
    text = tmp_path / "texts.txt"
    text.write_text("three\n")
    options = ("--data", text, "--text-column", "review")
    said = fails("evaluate", "masked-lm", "--model", tmp_path / "run", *options)
    assert said == f"{text} has a text a line; --text-column concerns tables."


@pytest.mark.parametrize("side", ["train_source", "train_target"])
def test_an_empty_file(fails, tmp_path, side):
    contents = {"train_source": b"a b\n", "train_target": b"A B\n"} | {side: b""}
    said = fails(*train(*files(tmp_path, **contents), "--output", tmp_path / "run"))
    assert said == f"{tmp_path / side}.txt: the file is empty; expected one sentence a line."
    assert not (tmp_path / "run").exists()


def test_undecodable_bytes(fails, tmp_path):
    options = files(tmp_path, train_source=b"a\nb\n", train_target=b"A\n\xffB\n")
    said = fails(*train(*options, "--output", tmp_path / "run"))
    assert said == f"{tmp_path}/train_target.txt, line 2: not UTF-8 text (byte 1 is 0xff)."
    assert not (tmp_path / "run").exists()


def test_a_truncated_gzip_file(fails, tmp_path, run_directory):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"three hundred\n" * 50)[:-5])
    said = fails("translate", "--model", run_directory, "--input", path)
    assert said.startswith(f"{path}: not a complete gzip file")


def test_only_one_side_of_the_files(fails, tmp_path):
    options = files(tmp_path, train_source=b"a\nb\n")
    said = fails(*train(*options, "--output", tmp_path / "run"))
    assert said == "--train-source and --train-target must be given together."


def test_an_unknown_tokenizer_of_bleu(fails, tmp_path):
    said = fails(*train("--bleu-tokenize", "foo", "--output", tmp_path / "run"))
    assert said.startswith("--bleu-tokenize must be one of ('13a', 'none',")
    assert not (tmp_path / "run").exists()
    files(tmp_path, source=b"a\n")
    texts = ("--source", tmp_path / "source.txt", "--reference", tmp_path / "source.txt")
    said = fails("evaluate", "translator", "--model", "no", *texts, "--tokenize", "foo")
    assert said.startswith("--tokenize must be one of ('13a', 'none',")


def test_a_missing_file(fails, tmp_path):
    options = ("--train-source", tmp_path / "no", "--train-target", tmp_path / "no")
    said = fails(*train(*options, "--output", tmp_path / "run"))
    assert said == f"{tmp_path / 'no'}: cannot be read (No such file or directory)."


def test_an_unknown_preset_architecture_format_runtime(fails, tmp_path, run_directory):
    output = ("--output", tmp_path / "out")
    said = fails(*train("--preset", "huge", *output))
    assert said.startswith("Unknown --preset 'huge'")
    assert "tiny, fast, base, big" in said
    assert fails(*train("--architecture", "rbf", *output)).startswith(
        "Unknown --architecture 'rbf'"
    )
    said = fails("export", "--model", run_directory, *output, "--formats", "onnx,coreml", "--quiet")
    assert (
        said
        == "Unknown --formats 'coreml'; expected some of tf_saved_model, tflite, onnx, litertlm."
    )
    said = fails("translate", "--model", run_directory, "--runtime", "torch", "--input", "x")
    assert said.startswith(("x: cannot be read", "Unknown --runtime 'torch'"))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_kept_without_force(fails, tmp_path, run_directory):
    existing = tmp_path / "kept"
    existing.mkdir()
    (existing / "mine.txt").write_text("mine")
    text = tmp_path / "in.txt"
    text.write_text("three\n")
    kept = "{} already exists and is {}; it is not overwritten. Give another path."
    plot = ("plot", "attention", "--model", run_directory, "--text", "three")
    translate = ("translate", "--model", run_directory, "--input", text)
    export = ("export", "--model", run_directory, "--quiet")
    advice = "{} already exists. Give another path, or --force to overwrite it."
    for command, output, expected in (
        (train(), existing, kept.format(existing, "a directory that is no run")),
        (export, existing, kept.format(existing, "a directory that is no artifact")),
        (plot, existing, f"{existing} is a directory; the output needs the name of a file."),
        # Advised only where it works.
        (translate, existing / "mine.txt", advice.format(existing / "mine.txt")),
        (plot, existing / "mine.txt", advice.format(existing / "mine.txt")),
    ):
        assert fails(*command, "--output", output) == expected
    assert (existing / "mine.txt").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.txt", "kept"]


def test_a_run_directory_of_another_kind(fails, tmp_path, run_directory):
    run = tmp_path / "run"
    shutil.copytree(run_directory, run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"kind": "parser"}))
    write_digests(run, run / "model.keras")
    text = tmp_path / "in.txt"
    text.write_text("three\n")
    said = fails("translate", "--model", run, "--input", text)
    assert said == f"{run} is a run of another kind: 'parser', not a translator."
    said = fails("export", "--model", run, "--output", tmp_path / "out", "--quiet")
    assert "another kind: 'parser'" in said
    assert "another kind: 'parser'" in fails(*train("--output", run, "--resume"))
    said = fails("translate", "--model", tmp_path, "--input", text)
    assert said.startswith(f"{tmp_path}: neither a run directory (no config.json) nor an artifact")


def test_an_unfinished_run(fails, tmp_path, run_directory):
    run = tmp_path / "run"
    shutil.copytree(run_directory, run)
    (run / "model.keras").unlink()
    said = fails("export", "--model", run, "--output", tmp_path / "out", "--quiet")
    assert said == f"{run} is not finished: there is no model.keras. Train on with --resume."


def test_an_artifact_where_a_run_is_needed_and_the_reverse(
    fails, run_directory, artifact_directory
):
    text = run_directory / "config.json"
    said = fails("translate", "--model", artifact_directory, "--runtime", "keras", "--input", text)
    assert "the runtime 'keras' needs a run directory" in said
    said = fails("translate", "--model", run_directory, "--runtime", "onnx", "--input", text)
    assert "the runtime 'onnx' needs one: export it first" in said


def test_undecodable_standard_input_and_a_quiet_standard_error(run_directory):
    process = run_process("translate", "--model", run_directory, input=b"three\nf\xfcnf\n")
    assert process.returncode == 2
    assert process.stdout == b""
    assert process.stderr.decode() == (
        "keras-attention: standard input, line 2: not UTF-8 text (byte 2 is 0xfc).\n"
    )


def test_a_traceback_only_with_debug(tmp_path):
    options = ("translate", "--model", tmp_path / "none", "--input", tmp_path / "none")
    assert b"Traceback" not in run_process(*options).stderr
    process = run_process(*options, "--debug")
    assert process.returncode == 2
    assert b"Traceback" in process.stderr


def test_a_missing_optional_package_names_the_extra(
    fails, tmp_path, monkeypatch, run_directory, artifact_directory
):
    text = tmp_path / "in.txt"
    text.write_text("three\n")
    for package, command in (
        ("onnxruntime", ("translate", "--model", artifact_directory, "--runtime", "onnx")),
        (
            "ai_edge_litert.interpreter",
            ("translate", "--model", artifact_directory, "--runtime", "tflite"),
        ),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            said = fails(*command, "--input", text)
        extra = "onnx" if "onnx" in package else "litert"
        assert f"pip install 'keras_attention[{extra}]'" in said
    # SentencePiece's native code has a note on standard error once a process, which the console
    # hides and `fails` would see; it comes with the first text.
    source, _ = TranslationTokenizer.load(run_directory / "tokenizer").in_graph()
    source.tokenize(["three"])
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tf2onnx", None)
        options = ("--output", tmp_path / "out", "--formats", "onnx", "--quiet")
        said = fails("export", "--model", run_directory, *options)
    assert "`tf2onnx` is needed" in said
    assert "keras_attention[onnx]" in said
    assert not (tmp_path / "out").exists()


def test_a_corpus_too_small_for_the_vocabulary_gets_the_largest_possible_one(capfd, tmp_path):
    lines = b"".join(b"the number %d is red\n" % i for i in range(60))
    options = files(tmp_path, train_source=lines, train_target=lines.replace(b"red", b"rot"))
    run = tmp_path / "run"
    command = [
        o for o in train(*options, "--output", run, "--vocabulary-size", 9000) if o != "--quiet"
    ]
    command += ["--architecture", "rnn", "--preset", "small-fixed"]  # whose graphs are small
    status, out, err = run_here(capfd, *command)
    assert status == 0, err
    assert out.count("The corpus is too small for a vocabulary of 9,000; it gets the largest") == 1
    assert (run / "model.keras").exists()


def test_no_layer_or_head_of_that_number(fails, tmp_path, run_directory):
    plot = ("plot", "attention", "--model", run_directory, "--text", "three", "--output")
    said = fails(*plot, tmp_path / "a.png", "--layer", 2)
    assert said == "There is no layer 2; the model has layers 0 to 1."
    assert "There is no head 9" in fails(*plot, tmp_path / "a.png", "--head", 9)
    assert fails(*plot[:-2], " ", "--output", tmp_path / "a.png") == "The text to plot is empty."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [("translator", ()), ("classifier", ("--train", "a.csv")), ("masked-lm", ("--train", "a"))],
)
@pytest.mark.parametrize("seed", [-3, 2**32])
def test_a_seed_out_of_range(fails, tmp_path, kind, options, seed):
    said = fails("train", kind, *options, "--seed", seed, "--output", tmp_path / "run")
    assert said == f"--seed must be an integer from 0 to 4294967295. Received: seed={seed}"


def test_a_seed_of_masks_below_0(fails, tmp_path):
    (tmp_path / "texts").write_text("three\n")
    options = ("--data", tmp_path / "texts", "--seed", -3)
    said = fails("evaluate", "masked-lm", "--model", tmp_path / "run", *options)
    assert said == "--seed must be an integer of at least 0. Received: seed=-3"
