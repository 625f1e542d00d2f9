"""`export/web` with sentence vectors, driven in headless Chromium: similarities and the nearest."""

import numpy as np
import pytest

from keras_attention import load
from tests.export.web_page import bars, fill_texts, opened, settle
from tests.tasks.small_models import LENGTH, TEXTS, exported, saved

LONG = "three hundred " * 30
LINES = [*TEXTS, "Straße, naïve 👍", *(f"monday the {i}" for i in range(9))]
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def test_similarities(browser, address, beside, once):
    embedder = load(saved(once, "embedding"))
    expected = embedder.embed(LINES) @ embedder.embed(LINES).T
    with opened(browser, address, beside(exported(once, "embedding"))) as page:
        assert page.title() == page.inner_text("h1") == "Sentence similarity"
        assert page.is_visible("#second") and bars(page) == ["", []]
        for i, j in ((0, 1), (2, 3), (4, 0), (1, 1)):  # two sentences
            fill_texts(page, (LINES[i], LINES[j]))
            verdict, ((name, share, text),) = bars(page)
            assert name == LINES[j] and verdict == text
            assert float(text) == pytest.approx(expected[i, j], abs=1e-3)
            assert share == pytest.approx(max(0, expected[i, j]), abs=1e-3)
        fill_texts(page, (LINES[0], "\n".join(["", *LINES[1:], LINES[1]])))  # nearest of a list
        verdict, rows = bars(page)
        order = 1 + np.argsort(-expected[0, 1:])[:10]
        found = [float(text) for *_, text in rows]
        np.testing.assert_allclose(found, expected[0, order], atol=1e-3)
        assert verdict == rows[0][0] == page.inner_text("#bars .best span:first-child")
        assert verdict == LINES[order[0]]
        page.fill("#second", " \n ")
        settle(page, "labels")
        assert bars(page) == ["", []]
        assert page.inner_text("#note") == ""


def test_a_text_that_is_too_long(browser, address, beside, once):
    expected = load(saved(once, "embedding")).embed(["three", LONG])
    with opened(browser, address, beside(exported(once, "embedding"))) as page:
        fill_texts(page, ("three", LONG))
        assert float(bars(page)[0]) == pytest.approx(expected[0] @ expected[1], abs=1e-3)
        note = page.inner_text("#note")
        assert f"more than the model’s maximum of {LENGTH}; only the first are read." in note
