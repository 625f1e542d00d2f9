"""`generate`, `evaluate language-model` and `train language-model` on the command line."""

import argparse
import io
import json
import sys

import pytest

from keras_attention import save_run
from keras_attention.cli.options import add_options
from keras_attention.tasks.language_model.options import STOP, TRAIN_OPTIONS
from tests.cli.command import run_here, run_process
from tests.loaded_once import loaded

PROMPTS = ["three hund", "the ", "on the fif"]
pytestmark = pytest.mark.usefixtures("loads_once")


@pytest.fixture
def loaded_with(language_model_run):
    """`loaded_with(**options)` is the run as a command loads it."""
    return lambda **options: loaded(language_model_run, kind="language-model", **options)


@pytest.fixture
def generator(loaded_with):
    return loaded_with()


@pytest.fixture
def generate(capfd, language_model_run):
    def run(*arguments):
        return run_here(capfd, "generate", "--model", language_model_run, *arguments)

    return run


def test_the_continuation_alone(generate, generator):
    status, out, err = generate("--prompt", "the ", "--max-new-tokens", 6)
    assert (status, err) == (0, "")
    assert out == generator.generate(["the "], 6)[0] + "\n"


def test_a_prompt_a_line(generate, generator, tmp_path):
    (tmp_path / "in").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    files = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    status, out, err = generate(*files, "--max-new-tokens", 6, "--json")
    assert (status, out) == (0, ""), err
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    found = generator.continuations(PROMPTS, 6)
    assert [row["prompt"] for row in rows] == PROMPTS
    assert [row["text"] for row in rows] == [best.text for (best,) in found]
    assert [row["token_ids"] for row in rows] == [best.token_ids for (best,) in found]
    assert all(row["finish"] in ("length", "end") for row in rows)
    assert all(len(row["tokens"]) == len(row["token_ids"]) for row in rows)
    assert not any("log_probabilities" in row for row in rows)
    status, _, err = generate(*files)
    assert status == 2 and "--force" in err


def test_scores_of_every_token(generate, generator):
    (best,) = generator.continuations(["the "], 5, token_scores=True)[0]
    status, out, _ = generate("--prompt", "the ", "--max-new-tokens", 5, "--scores")
    values = [float(line.split("\t")[0]) for line in out.splitlines()]
    assert status == 0 and values == pytest.approx(best.log_probabilities, abs=1e-3)
    status, out, _ = generate("--prompt", "the ", "--max-new-tokens", 5, "--scores", "--json")
    row = json.loads(out)
    assert row["log_probabilities"] == pytest.approx(best.log_probabilities, abs=1e-4)
    assert row["score"] == pytest.approx(sum(best.log_probabilities), abs=1e-3)


def test_a_token_of_scores_is_one_line(generate, generator, monkeypatch):
    pieces = ["\n", "\x1b[2J", "\t", "é\u2028", "\\"]
    monkeypatch.setattr(
        type(generator.tokenizer), "pieces", lambda self, ids: pieces[: len(ids)] or ids
    )
    _, out, _ = generate("--prompt", "the ", "--max-new-tokens", 5, "--scores")
    found = [line.split("\t") for line in out.splitlines()]
    assert [piece for _, piece in found] == [r"\n", r"\x1b[2J", r"\t", r"é\u2028", r"\\"]


def test_more_tokens_than_an_integer_of_graphs(generate, generator):
    _, expected, _ = generate("--prompt", "the ", "--max-new-tokens", generator.context)
    status, out, err = generate("--prompt", "the ", "--max-new-tokens", 3_000_000_000)
    assert (status, out) == (0, expected), err


def test_a_stop_is_utf8_in_every_locale(monkeypatch):
    """As `--prompt`: what the locale cannot decode comes as surrogates."""
    given = "Straße".encode().decode("ascii", "surrogateescape")
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    parser = argparse.ArgumentParser()
    sample_prompt = next(o for o in TRAIN_OPTIONS if o.name == "sample_prompt")
    add_options(parser, (STOP, sample_prompt))
    found = parser.parse_args(["--stop", given, "--stop", "b", "--sample-prompt", given])
    assert (found.stop, found.sample_prompt) == (["Straße", "b"], "Straße")


def test_options_of_decoding(generate, loaded_with):
    common = ("--prompt", "the ", "--max-new-tokens", 6)
    for flags, options in (
        (("--beam-size", 3, "--length-penalty", 0.4), dict(beam_size=3, length_penalty=0.4)),
        (("--repetition-penalty", 1.8), dict(repetition_penalty=1.8)),
        (
            ("--sample", "--temperature", 1.4, "--top-k", 9, "--top-p", 0.9, "--seed", 5),
            dict(sample=True, temperature=1.4, top_k=9, top_p=0.9, seed=5),
        ),
        (("--stop", "e", "--stop", "a"), dict(stop=["e", "a"])),
    ):
        status, out, err = generate(*common, *flags)
        assert status == 0, err
        assert out == loaded_with(**options).generate(["the "], 6)[0] + "\n"
    status, out, err = generate(*common, "--beam-size", 3, "--n-best", 2, "--json")
    row = json.loads(out)
    assert status == 0 and len(row["others"]) == 1 and row["others"][0]["text"] != row["text"]


def test_a_terminal_sees_it_while_it_is_written(generate, loaded_with, monkeypatch):
    class Terminal(io.TextIOWrapper):
        def __init__(self):
            super().__init__(io.BytesIO(), "utf-8")
            self.flushes = 0

        def isatty(self):
            return True

        def flush(self):
            self.flushes += 1
            return super().flush()

    for flags, options in (((), {}), (("--sample", "--seed", 3), dict(sample=True, seed=3))):
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            status, _, _ = generate("--prompt", "the ", "--max-new-tokens", 7, *flags)
        assert status == 0
        written = terminal.buffer.getvalue().decode()
        assert written == loaded_with(**options).generate(["the "], 7)[0] + "\n"
        assert terminal.flushes > 3  # as it comes


def test_a_terminal_sees_all_that_the_model_gives(generate, generator, monkeypatch, tmp_path):
    """As many results as the run says by itself, with no flag."""
    decoding = {"beam_size": 3, "n_best": 2}
    run = save_run(generator.model, generator.tokenizer, tmp_path / "run", decoding=decoding)
    given = ("--model", run, "--prompt", "the ", "--max-new-tokens", 4)
    _, expected, _ = generate(*given)
    assert len(expected.splitlines()) == 2
    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    generate(*given)
    assert terminal.buffer.getvalue().decode() == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--prompt", ""), "line 1: the prompt is empty"),
        (("--prompt", "a", "--input", "x"), "--prompt and --input cannot be given together"),
        (("--prompt", "a", "--stop", ""), "--stop must be strings that are not empty"),
        (("--prompt", "a", "--stop", "€"), "The stop '€' can never come"),
        (("--prompt", "a", "--top-k", 3), "needs --sample beside it"),
        (("--prompt", "a", "--max-new-tokens", 0), "--max-new-tokens must be a positive integer"),
        (("--prompt", "a", "--coverage-penalty", 1), "unrecognized"),
        (("--prompt", "a", "--chat"), "chat template"),
    ],
)
def test_bad_input(generate, flags, message):
    status, out, err = generate(*flags)
    assert status == 2 and out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_prompt_over_the_context_says_what_is_cut(generate):
    status, out, err = generate("--prompt", "one " * 9, "--max-new-tokens", 3)
    assert status == 0 and out
    assert err == (
        "warning: line 1: 36 tokens are more than the model's context of 12; the first 26 are "
        "cut.\n"
    )


FAULTY = b"three hund\n\n\xff\nthe \n"  # of lines 2 and 3


@pytest.mark.parametrize("flags", [(), ("--sample", "--seed", 3)])
def test_faulty_prompts_change_no_other_line(generate, tmp_path, flags):
    (tmp_path / "in").write_bytes(FAULTY)
    given = ("--input", tmp_path / "in", "--max-new-tokens", 4)
    status, out, err = generate(*given, *flags)
    assert (status, out) == (2, "") and "in, line 3: not UTF-8 text" in err
    (tmp_path / "good").write_text("three hund\nthe\non \nthe \n")
    _, expected, _ = generate(*given, *flags, "--input", tmp_path / "good")
    first, *_, last = expected.splitlines()
    status, out, err = generate(*given, *flags, "--skip-invalid")
    assert (status, out) == (0, f"{first}\n\n\n{last}\n")
    assert [line.partition("line ")[2] for line in err.splitlines()] == [
        "2: the prompt is empty; expected text to go on with. It counts as an empty one.",
        "3: not UTF-8 text (byte 1 is 0xff). It counts as an empty one.",
        "",
    ]
    assert err.endswith("warning: 2 rows could not be read, as said above.\n")
    _, out, _ = generate(*given, *flags, "--skip-invalid", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["prompt"], row["text"]) for row in rows[1:3]] == [("", "")] * 2
    assert [row["finish"] == "invalid" for row in rows] == [False, True, True, False]
    if not flags:
        beam = ("--scores", "--beam-size", 2)  # a line for each token, of a faulty prompt none
        _, out, _ = generate(*given, "--skip-invalid", *beam)
        (tmp_path / "alone").write_text("three hund\nthe \n")
        _, expected, _ = generate(*given, *beam, "--input", tmp_path / "alone")
        assert out == expected and len(out.splitlines()) == 3 + 4  # the context leaves 3
        _, out, _ = generate(*given, "--skip-invalid", "--beam-size", 2, "--n-best", 2)
        assert out.splitlines()[2:6] == [""] * 4


def test_messages_number_the_lines_that_a_terminal_shows(generate, monkeypatch, tmp_path):
    (tmp_path / "in").write_text("the \n\n" + "one " * 9 + "\n")
    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    given = ("--input", tmp_path / "in", "--max-new-tokens", 3)
    status, _, err = generate(*given)
    assert status == 2 and "line 2: the prompt is empty" in err
    assert terminal.buffer.getvalue() == b""  # before anything is written
    status, _, err = generate(*given, "--skip-invalid")
    assert status == 0 and "warning: line 3: 36 tokens are more than the model's context" in err
    first, second, third, end = terminal.buffer.getvalue().decode().split("\n")
    assert first and third and (second, end) == ("", "")


def test_evaluate(capfd, language_model_run, tmp_path):
    (tmp_path / "a.txt").write_text("three hundred and two of them")
    given = ("--model", language_model_run, "--data", tmp_path / "a.txt")
    status, out, err = run_here(capfd, "evaluate", "language-model", *given)
    assert status == 0, err
    scores = json.loads(out)
    assert set(scores) == {
        *("loss", "perplexity", "bits_per_byte", "tokens", "bytes", "documents", "context"),
        *("unknown_tokens", "seconds"),
    }
    assert scores["context"] == 12 and scores["documents"] == 1
    status, _, err = run_here(capfd, "evaluate", "language-model", *given, "--context", 20)
    assert status == 2 and "--context must be at most 12" in err


def test_another_kind_of_model(capfd, language_model_run, tmp_path):
    (tmp_path / "in").write_text("a\n")
    given = ("--model", language_model_run, "--input", tmp_path / "in")
    status, _, err = run_here(capfd, "translate", *given)
    assert status == 2 and "a run of another kind: 'language-model', not a translator" in err


@pytest.mark.slow
def test_the_whole_road_in_processes(text_folder, tmp_path):
    run = tmp_path / "run"
    done = run_process(
        *("train", "language-model", "--train", text_folder / "text.txt", "--preset", "nano"),
        *("--steps", 20, "--context", 16, "--tokenizer", "bpe", "--vocabulary-size", 300),
        *("--output", run),
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert b"sample: " in done.stdout
    done = run_process("generate", "--model", run, input=b"three\nfour\n")
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 2
