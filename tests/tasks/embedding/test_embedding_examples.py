"""Which texts a training and an export of sentence vectors read."""

import pytest

from keras_attention.tasks.embedding.embedding_config import EmbeddingConfig
from keras_attention.tasks.embedding.embedding_examples import load_pairs, texts_to_compare_on


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
