"""Pairs of texts from files, to train and evaluate sentence vectors on."""

from keras_attention._validation import InputError
from keras_attention.text.corpora.kept_input import keeping_pipes, name_of
from keras_attention.text.corpora.label_values import parse_scores
from keras_attention.text.corpora.labelled_texts import LabelledTexts
from keras_attention.text.corpora.tabular_files import listed, read_columns, read_header

SCORE = "score"  # the column of scores, where there is one


def read_pairs(path, text_column=None, pair_column=None, score_column=None, with_scores=True):
    """Two texts a row, and perhaps a score, from a `.csv`, `.tsv` or `.jsonl` file, or such a .gz.

    Args:
        path: of the file.
        text_column, pair_column: names of the columns of the first and of the second texts. By
            default the first column that has no other meaning, whatever its name, and the next such
            column after that of the first texts, or the first one where none comes after.
        score_column: name of the column of numbers that say how alike the texts of a pair are; by
            default "score", where there is such a column.
        with_scores: whether scores are read. Without, their column may hold anything.

    Returns:
        `LabelledTexts`, whose labels are the scores, a list of numbers; None where there are none.

    Raises:
        InputError: if the file cannot be read, has no second column, or holds something else than
            texts and numbers there. The message names the line.

    >>> read_pairs("pairs.tsv").pairs[:1]
    ['Ein Hund rennt.']
    """
    with keeping_pipes():
        return _read_pairs(path, text_column, pair_column, score_column, with_scores)


def _read_pairs(path, text_column, pair_column, score_column, with_scores):
    header, name = read_header(path), name_of(path)
    if score_column is None and SCORE in header and SCORE not in (text_column, pair_column):
        score_column = SCORE
    named = [name for name in (text_column, pair_column, score_column) if name is not None]
    if len(set(named)) < len(named):
        raise InputError(
            f"{name}: expected different columns of first texts, of second texts and of scores. "
            f"Received: {listed(named)}"
        )
    free = [name for name in header if name not in named]
    if text_column is None:
        text_column = free.pop(0) if free else None
    if pair_column is None and text_column in header:
        at = header.index(text_column)
        pair_column = next((name for name in header[at:] + header[:at] if name in free), None)
    elif pair_column is None:
        pair_column = next(iter(free), None)
    if text_column is None or pair_column is None:
        raise InputError(
            f"{name}: expected two columns of texts; its columns are {listed(header)}."
        )
    columns = [text_column, pair_column]
    if score_column is not None and with_scores:
        columns.append(score_column)
    (texts, pairs, *scores), lines = read_columns(path, columns)
    data = LabelledTexts(texts, pairs, scores[0] if scores else None, lines, str(name))
    data = data.sound([text_column, pair_column], score_column, parse_scores if scores else None)
    if scores:
        data.labels = parse_scores(data.labels, data.place, score_column)
    return data
