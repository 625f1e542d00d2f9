import keras
import numpy as np
import pytest

from keras_attention.training import TranslationScores, translation_scores

pytest.importorskip("sacrebleu", reason="BLEU needs sacrebleu")

REFERENCES = ["the cat sat on the mat .", "a dog barks loudly ."]


def test_perfect_and_signatures():
    scores = translation_scores(REFERENCES, REFERENCES, tokenize="none")
    assert scores["bleu"] == pytest.approx(100)
    assert scores["chrf"] == pytest.approx(100)
    assert "tok:none" in scores["bleu_signature"]
    assert "case:mixed" in scores["bleu_signature"]
    assert "nc:6" in scores["chrf_signature"]


def test_hand_computed_bleu():
    # Matches 6/6, 3/5, 2/4, 1/3 in lengths 1 to 4, no brevity penalty.
    scores = translation_scores(["a b c d f e"], ["a b c d e f"], tokenize="none")
    assert scores["bleu"] == pytest.approx(100 * (1 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25, abs=1e-6)


def test_case_and_tokenizer_count():
    hypotheses = [text.upper() for text in REFERENCES]
    assert translation_scores(hypotheses, REFERENCES)["bleu"] < 50
    lowercase = translation_scores(hypotheses, REFERENCES, lowercase=True)
    assert lowercase["bleu"] == pytest.approx(100)
    assert "case:lc" in lowercase["bleu_signature"]
    glued = [text.replace(" .", ".") for text in REFERENCES]
    assert translation_scores(glued, REFERENCES)["bleu"] == pytest.approx(100)
    assert translation_scores(glued, REFERENCES, tokenize="none")["bleu"] < 90


def test_different_lengths():
    message = "`hypotheses` must be as many as `references`. Received: hypotheses=1, references=2"
    with pytest.raises(ValueError, match=message):
        translation_scores(["a"], ["a", "b"])


def fit(callbacks, epochs):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((4, 1), "f")
    return model.fit(x, x, epochs=epochs, verbose=0, callbacks=callbacks).history


def test_other_callbacks_see_the_scores(tmp_path):
    calls = []

    def translate(texts):
        calls.append(texts)
        return texts if len(calls) == 2 else ["the cat ."] * len(texts)

    scores = TranslationScores(translate, REFERENCES, REFERENCES, tokenize="none")
    stop = keras.callbacks.EarlyStopping(monitor="val_bleu", mode="max", patience=1)
    path = tmp_path / "history.csv"
    history = fit([scores, keras.callbacks.CSVLogger(str(path)), stop], epochs=6)
    assert len(calls) == 3 and calls[0] == REFERENCES  # stopped one epoch after the best
    assert history["val_bleu"][1] == pytest.approx(100)
    assert history["val_bleu"][0] < 50
    assert history["val_chrf"][1] == pytest.approx(100)
    header, *rows = path.read_text().splitlines()
    assert {"val_bleu", "val_chrf"} <= set(header.split(","))
    assert len(rows) == 3


def test_every_second_epoch_and_the_last():
    history = fit([TranslationScores(list, REFERENCES, REFERENCES, every=2)], epochs=5)
    scored = [not np.isnan(value) for value in history["val_bleu"]]
    assert scored == [False, True, False, True, True]
