"""Greedy and beam search against CTranslate2, an independent implementation."""

import numpy as np
import pytest

from benchmarks.peer_ctranslate2 import write_ctranslate2
from keras_attention import load
from keras_attention.text import phrase_corpus
from keras_attention.token_ids import SpecialIds, pad

SPECIAL = SpecialIds()

MAX_LENGTH = 40
TEXTS = phrase_corpus(100, split="test")[0]
PIECES = ["<pad>", "<unk>", "<s>", "</s>"]


@pytest.fixture(scope="module")
def peer(run_directory, tmp_path_factory):
    import ctranslate2

    model = load(run_directory).model
    pieces = PIECES + [f"piece {i}" for i in range(len(PIECES), model.vocabulary_size)]
    directory = tmp_path_factory.mktemp("ctranslate2") / "model"
    write_ctranslate2(model, pieces, directory)
    translator = ctranslate2.Translator(str(directory), compute_type="float32")
    return translator, pieces


@pytest.mark.parametrize("beam_size", [1, 4])
def test_the_same_tokens_and_scores(run_directory, peer, beam_size):
    translator, pieces = peer
    ours = load(run_directory)
    rows = ours.encode(TEXTS)
    theirs = translator.translate_batch(
        [[pieces[i] for i in row] for row in rows],
        beam_size=beam_size,
        length_penalty=0,
        min_decoding_length=0,  # 1 by default, which forbids the end at the first step
        max_decoding_length=MAX_LENGTH,
        return_scores=True,
        suppress_sequences=[["<pad>"], ["<s>"]],  # which here take no part in any probability
    )
    found = ours.model.generate(pad(rows), MAX_LENGTH, beam_size=beam_size)
    token_ids, scores = np.asarray(found["token_ids"]), np.asarray(found["score"])
    index = {piece: i for i, piece in enumerate(pieces)}
    same = 0
    for ids, score, result in zip(token_ids, scores, theirs, strict=True):
        expected = [index[piece] for piece in result.hypotheses[0]]
        if [i for i in ids.tolist() if i not in (SPECIAL.padding, SPECIAL.end)] == expected:
            same += 1
            assert score == pytest.approx(result.scores[0], abs=2e-4)
    assert same >= 99
    assert len({tuple(ids) for ids in token_ids.tolist()}) > 20
