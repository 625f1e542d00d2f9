"""`inspect` of a published directory, and what every other command says of one."""

import json
import re

import pytest

from keras_attention.checkpoints import save_hugging_face
from keras_attention.runs.run_directory import is_published
from keras_attention.tasks.import_checkpoint import import_checkpoint
from tests.cli.command import run_here
from tests.runs.small_runs import word_piece
from tests.tasks.small_heads import HEADS, write_checkpoint
from tests.tasks.small_models import small_model
from tests.text.tokenizers.wordpiece_references import PUBLISHED


def inspected(capfd, path):
    status, out, error = run_here(capfd, "inspect", path)
    assert (status, error) == (0, "")
    return out.splitlines()


@pytest.mark.parametrize(
    "head", ["classifier", "masked-lm", "token-classifier", "encoder", "embedding"]
)
def test_what_it_holds(capfd, tmp_path, head):
    directory, model = tmp_path / "published", small_model(head)
    save_hugging_face(model, word_piece(), directory)
    lines = inspected(capfd, directory)
    (name,) = json.loads((directory / "config.json").read_text())["architectures"]
    assert lines[0] == f"published directory of a BERT: {head} ({name})"
    assert lines[1].startswith(f"model: {model.count_params():,} parameters, 1 layer of width 8,")
    assert (head in ("classifier", "token-classifier")) == lines[2].startswith("labels: ")
    size = word_piece().vocabulary_size
    assert f"tokenizer: WordPiece, uncased, {size} tokens" in lines
    assert re.fullmatch(r"texts of at most \d+ tokens", lines[-3])
    assert re.fullmatch(r"weights: \d\.\d MB", lines[-2])
    assert head in named_tasks(directory, lines)


def named_tasks(directory, lines):
    """As what a directory can be imported, by the last of the lines that `inspect` prints."""
    last = f"`keras-attention import {directory}` makes a run of it, as one of "
    assert lines[-1].startswith(last)
    return lines[-1].removeprefix(last).split(", ")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("classifier", marks=pytest.mark.slow),
        pytest.param("masked-lm", marks=pytest.mark.slow),
        pytest.param("token-classifier", marks=pytest.mark.slow),
        pytest.param("encoder", marks=pytest.mark.slow),
        "embedding",
    ],
)
def test_it_can_be_imported_as_what_is_named(capfd, tmp_path, head):
    directory = tmp_path / "published"
    save_hugging_face(small_model(head), word_piece(), directory)
    for task in named_tasks(directory, inspected(capfd, directory)):
        import_checkpoint(directory, tmp_path / task, task)
        assert (tmp_path / task / "model.keras").exists()


@pytest.mark.parametrize("head", HEADS)
def test_what_its_scores_are(capfd, tmp_path, head):
    lines = inspected(capfd, write_checkpoint(tmp_path / "published", head))
    count, _, kind = HEADS[head]
    assert lines[2] == f"labels: {', '.join(f'LABEL_{i}' for i in range(count))}"
    said = {"multi_label": "any number of labels may hold", "regression": "regression: a number"}
    if kind in said:
        assert lines[3].startswith(said[kind])
    else:
        assert lines[3].startswith("tokenizer: ")


def test_what_its_tokenizer_says(capfd, tmp_path):
    directory = write_checkpoint(tmp_path / "published", "one label")
    tokens = word_piece().vocabulary_size
    (directory / "added_tokens.json").write_text(json.dumps({"<url>": tokens}))
    (directory / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 5}))
    lines = inspected(capfd, directory)
    assert f"tokenizer: WordPiece, uncased, {tokens + 1} tokens, 1 added" in lines
    assert "texts of at most 5 tokens" in lines


def test_sentence_transformers(capfd):
    lines = inspected(capfd, PUBLISHED)
    assert lines[:2] == [
        "published directory of a BERT: embedding (BertModel)",
        "model: 22,565,376 parameters, 6 layers of width 384, 12 heads",
    ]
    assert "texts of at most 256 tokens" in lines and "weights: 90.9 MB" in lines
    assert lines[-1].endswith(" makes a run of it, as one of encoder, embedding")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "xlnet"}, r"is not of a BERT that can be read: model_type is \"xlnet\""),
        ({"architectures": ["BertForMultipleChoice"]}, "of which only .* can be read"),
        ({"problem_type": "ranking"}, 'problem_type is "ranking", of which only'),
    ],
)
def test_what_import_refuses(capfd, tmp_path, change, message):
    directory = write_checkpoint(tmp_path / "published", "one label", **change)
    status, out, error = run_here(capfd, "inspect", directory)
    assert (status, out) == (2, "") and error.count("\n") == 1
    assert re.search(message, error)


def test_without_weights_or_tokenizer(capfd, tmp_path):
    directory = write_checkpoint(tmp_path / "published", "one label")
    (directory / "vocab.txt").unlink()
    (directory / "tokenizer.json").unlink()
    assert "not a WordPiece tokenizer" in run_here(capfd, "inspect", directory)[2]
    (directory / "model.safetensors").unlink()
    assert "model.safetensors does not exist" in run_here(capfd, "inspect", directory)[2]


def test_commands_that_want_a_run(capfd, tmp_path):
    directory = write_checkpoint(tmp_path / "published", "one label")
    text, table = tmp_path / "texts", tmp_path / "table.csv"
    text.write_text("three\n")
    table.write_text("text,label\nthree,LABEL_0\n")
    assert is_published(directory)
    for command in (
        ("classify", "--model", directory, "--input", text),
        ("translate", "--model", directory, "--input", text),
        ("evaluate", "classifier", "--model", directory, "--data", table),
        ("export", "--model", directory, "--output", tmp_path / "out"),
    ):
        status, out, error = run_here(capfd, *command)
        assert (status, out) == (2, "")
        assert error.startswith(
            f"keras-attention: {directory} is a published (HuggingFace) directory, not a run: "
            f"`keras-attention import {directory}` makes a run of it"
        )
    (directory / "config.json").write_text('{"some": "thing"}')
    status, out, error = run_here(capfd, "inspect", directory)
    assert error == (
        f"keras-attention: {directory} is not a run: its config.json has no `kind`, such as "
        "'classifier'.\n"
    )


def test_an_import_without_a_known_head_names_the_flag(capfd, tmp_path):
    directory = write_checkpoint(
        tmp_path / "published", "one label", architectures=["BertForQuestionAnswering"]
    )
    status, _, error = run_here(capfd, "import", directory, "--output", tmp_path / "run")
    assert status == 2
    assert error.endswith("with its head; --task encoder reads the encoder alone.\n")
    assert not (tmp_path / "run").exists()
