"""Which texts a training and an export of sentence vectors read."""

import json

import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import SentenceEncoder
from keras_attention.tasks.embedding.embedding_config import EmbeddingConfig
from keras_attention.tasks.embedding.embedding_examples import (
    MOST,
    load_pairs,
    texts_of_examples,
    texts_to_compare_on,
)
from keras_attention.text import LabelledTexts, read_pairs
from tests.cli.command import run_here
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import save_small_run, small_encoder, small_model


@pytest.fixture
def table(tmp_path):
    """Forty rows, whose eighth has no text; scores that are no numbers."""
    rows = [f"{i}\ten {i}\tde {i}\tgood" for i in range(40)]
    rows[7] = "7\t\tde 7\t"
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{row}\n" for row in ["id\ten\tde\tscore", *rows]))
    return path


def config_of(table, **options):
    return EmbeddingConfig.for_preset(
        train=str(table), text_column="en", pair_column="de", **options
    )


def test_an_export_compares_on_the_pairs_that_training_set_aside(table):
    config = config_of(table, seed=3)
    train, valid = load_pairs(config, say=lambda line: None)
    texts, _ = texts_to_compare_on(config.to_dict())
    assert len(train) + len(valid) == 39
    assert set(texts) == {*valid.texts, *valid.pairs}
    assert not {*texts} & {*train.texts, *train.pairs}


def test_a_pair_with_a_text_of_nothing_is_left_out_and_said(table):
    said = []
    train, valid = load_pairs(config_of(table, valid=str(table)), said.append)
    assert len(train) == len(valid) == 39 and "" not in train.texts
    assert [line for line in said if "1 pairs of" in line and "left out" in line]


def test_a_file_to_compare_on_has_the_columns_of_the_run(table):
    texts, _ = texts_to_compare_on(config_of(table).to_dict(), valid=str(table))
    assert texts[:4] == ["en 0", "de 0", "en 1", "de 1"]


def test_examples_are_different_texts_and_not_without_bound():
    texts = [str(i) for i in range(MOST)]
    assert texts_of_examples(["a", "b", "a"]) == ["a", "b"]
    assert texts_of_examples(LabelledTexts(["a", "b"], ["c", "a"], None)) == ["a", "c", "b"]
    assert texts_of_examples(LabelledTexts(["a"], None, None)) == ["a"]
    assert texts_of_examples([*texts, "more"]) == texts


def test_an_export_compares_on_labelled_texts(tmp_path):
    pairs = LabelledTexts(["three", "a"], ["monday", "b"], [1.0, 0.5])
    options = dict(formats=["onnx"], examples=pairs)
    model = small_model("embedding")
    keras_attention.export(model, tmp_path / "artifact", word_piece(), **options)
    manifest = json.loads((tmp_path / "artifact" / "manifest.json").read_text())
    assert manifest["parity"]["onnx"][0]["sentences"] == 4


@pytest.mark.parametrize("name", ["masked-lm", "translator"])
def test_labelled_texts_of_another_task_are_refused(name, tmp_path):
    from tests.tasks.small_models import tokenizer_of

    examples = LabelledTexts(["three"], None, ["good"])
    with pytest.raises(InputError, match="must be a list of strings.*Received: LabelledTexts"):
        keras_attention.export(
            small_model(name), tmp_path / "artifact", tokenizer_of(name), examples=examples
        )


def published(folder, longest):
    model = SentenceEncoder(small_encoder(), max_sequence_length=longest)
    save_hugging_face(model, word_piece(), folder)
    return str(folder)


def test_the_longest_text_is_that_of_the_initial_weights(tmp_path):
    """Of sentence vectors, published or a run; other weights have the default."""
    weights = published(tmp_path / "published", 13)
    save_small_run("embedding", tmp_path / "run", max_sequence_length=11)
    save_small_run("masked-lm", tmp_path / "other")

    def length(path, **options):
        config = EmbeddingConfig.for_preset(train="a", initial_weights=str(path), **options)
        return config.max_sequence_length

    assert length(weights) == 13 and length(weights, max_sequence_length=5) == 5
    assert length(tmp_path / "run") == 11
    assert length(tmp_path / "other") == length(tmp_path / "none") == 128
    assert EmbeddingConfig.for_preset(train="a").max_sequence_length == 128


def test_a_module_that_is_not_ours_is_refused_without_a_word_of_import(table, tmp_path, capfd):
    weights = published(tmp_path / "published", 13)
    path = tmp_path / "published" / "modules.json"
    modules = json.loads(path.read_text())
    modules[2]["type"] = "sentence_transformers.models.LSTM"
    path.write_text(json.dumps(modules))
    status, out, error = run_here(
        capfd, "train", "embedding", "--train", table, "--text-column", "en", "--pair-column",
        "de", "--initial-weights", weights, "--output", tmp_path / "run", "--quiet",
    )  # fmt: skip
    assert (status, out) == (2, "") and error.count("\n") == 1
    assert "of which only Transformer, Pooling, Dense, Normalize can be read." in error
    assert "task" not in error


def test_a_score_is_no_label(table):
    with pytest.raises(
        InputError, match=r"line 2: the score \('score'\) is 'good'; expected a number"
    ):
        read_pairs(table, "en", "de")
