"""`export/web` with a language model, driven in headless Chromium: it writes while one looks."""

import pytest

from tests.export.web_page import opened, settle
from tests.loaded_once import loaded
from tests.tasks.language_model.exported import (
    CONTEXT,
    PROMPTS,
    greedy_artifact,
    sampling_artifact,
)

COUNT = 64  # tokens that the page asks for
LONG = "0123456789" * 30
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def continuation(page, text):
    page.fill("#source", text)
    settle(page)
    return page.text_content("#target p")


def test_it_writes_what_keras_writes(browser, address, beside, once):
    artifact = greedy_artifact(once)
    expected = loaded(artifact, "onnx").generate(PROMPTS, COUNT)
    with opened(browser, address, beside(artifact)) as page:
        assert page.title() == page.inner_text("h1") == "Language model"
        for prompt, text in zip(PROMPTS, expected, strict=True):
            # A character that is not yet whole is left out to the end.
            assert continuation(page, prompt) == text.rstrip("\ufffd")
        assert "tokens" in page.inner_text("#time")
        assert continuation(page, "") == ""


def test_it_shows_parts_and_turns_to_what_is_typed_next(browser, address, beside, once):
    artifact = greedy_artifact(once)
    with opened(browser, address, beside(artifact)) as page:
        page.evaluate(
            """() => {
                window.seen = [];
                const output = document.querySelector("#target p");
                new MutationObserver(() => window.seen.push(output.textContent)).observe(output, {
                  childList: true, characterData: true, subtree: true,
                });
            }"""
        )
        page.fill("#source", PROMPTS[0])
        page.wait_for_function("window.seen.length > 2")
        page.fill("#source", PROMPTS[1])  # before the end of the first
        settle(page)
        expected = loaded(artifact, "onnx").generate(PROMPTS[:2], COUNT)
        assert page.text_content("#target p") == expected[1].rstrip("\ufffd")
        first = page.evaluate("window.seen.slice(0, 3)")
        assert all(expected[0].startswith(part) for part in first)


def test_a_prompt_over_the_context_loses_its_beginning(browser, address, beside, once):
    artifact = greedy_artifact(once)
    [expected] = loaded(artifact, "onnx").generate([LONG], COUNT)
    with opened(browser, address, beside(artifact)) as page:
        assert continuation(page, LONG) == expected.rstrip("\ufffd")
        assert page.inner_text("#note") == (
            f"300 tokens are more than the model’s context of {CONTEXT}; the first "
            f"{300 - (CONTEXT + 1 - COUNT)} are cut."
        )


def test_samples_are_refused(browser, address, beside, once):
    artifact = beside(sampling_artifact(once))
    with opened(browser, address, artifact, wait="#error:not([hidden])") as page:
        assert "exported for sampling; this page writes greedily" in page.inner_text("#reason")
