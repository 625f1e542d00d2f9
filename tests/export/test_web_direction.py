"""`export/web` with words that run from right to left, and heatmaps larger than their box.

The views are given answers; no model runs.
"""

from contextlib import contextmanager

import pytest

from tests.export.web_page import TIMEOUT, WEB, chromium, serve

HEBREW, ENGLISH = "שלום עולם", "hello world"
# The view of an answer to every line, in the page of index.html, whose own script is left out.
SHOW = """async ([module, name, manifest, answer, wanted]) => {
  const view = new (await import(`./${module}.js`))[name](manifest, async () => answer, (error) => {
    throw error;
  });
  view.begin({ hasAlignment: true });
  window.view = view;
  for (const [id, text] of Object.entries(wanted)) document.getElementById(id).value = text;
  view.ask();
  await new Promise((done) => setTimeout(done, 50));
}"""
TRANSLATOR = {"decoding": {"beam_size": 1, "method": "greedy", "max_source_length": 99}}


def alignment(target, source):
    weights = [[0.25 for _ in source] for _ in target]
    return {"target": target, "source": source, "weights": weights}


def translation(text, target, source):
    return {"output": text, "alignment": alignment(target, source), "milliseconds": 1, "tokens": 2}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@contextmanager
def shown(browser, *view, **options):
    """A Playwright page that shows a view; nothing of it may fail."""
    with serve(WEB) as address:
        context = browser.new_context(**options)
        context.set_default_timeout(TIMEOUT)
        context.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.evaluate(SHOW, list(view))
        yield page
        context.close()
        assert not errors


def directions(page, css):
    """In which direction each element that holds a text runs."""
    return page.eval_on_selector_all(
        css, "each => each.map((one) => [one.textContent, getComputedStyle(one).direction])"
    )


def runs(*texts):
    return [[text, "rtl" if text[0] >= "\u0590" else "ltr"] for text in texts]


@pytest.mark.parametrize(("source", "target"), [(HEBREW, ENGLISH), (ENGLISH, HEBREW)])
def test_a_translation_runs_as_its_letters_do(browser, source, target):
    answer = translation(target, target.split(), source.split())
    view = ("translator_view", "TranslatorView", TRANSLATOR, answer, {"source": source})
    with shown(browser, *view) as page:
        assert directions(page, "#target p") == runs(target)
        assert directions(page, "#heatmap tbody th span") == runs(*target.split())
        assert directions(page, "#heatmap thead th span") == runs(*source.split())
        assert directions(page, "#source")[0][1] == runs(source)[0][1]


def test_every_text_of_others_says_its_own_direction(browser):
    """Also the second of two texts, a label, the nearest text and a continuation."""
    manifest = {"dimension": 2, "max_length": 9}
    answer = {"vector": [0.6, 0.8], "milliseconds": 1}
    texts = {"source": ENGLISH, "second": f"{HEBREW}\n{ENGLISH} 2"}
    with shown(browser, "embedding_view", "EmbeddingView", manifest, answer, texts) as page:
        assert directions(page, "#bars li span:first-child") == runs(HEBREW, f"{ENGLISH} 2")
        assert directions(page, "#verdict") == runs(HEBREW)
        assert directions(page, "#second")[0][1] == "rtl"
    manifest = {"decoding": {"method": "greedy", "context": 99}}
    answer = {"output": HEBREW, "milliseconds": 1, "count": 2, "tokens": 2, "finish": "length"}
    view = ("generator_view", "GeneratorView", manifest, answer, {"source": ENGLISH})
    with shown(browser, *view) as page:
        assert directions(page, "#target p") == runs(HEBREW)


@pytest.mark.parametrize("words", [HEBREW.split(), ENGLISH.split()])
def test_an_arrow_points_from_the_source_word(browser, words):
    """Between two words that run from right to left, too."""
    answer = translation(" ".join(words), words, words)
    view = ("translator_view", "TranslatorView", TRANSLATOR, answer, {"source": " ".join(words)})
    with shown(browser, *view) as page:
        page.hover("#heatmap tbody tr:nth-child(1) td:nth-child(3)")
        assert page.inner_text("#hint") == f"{words[0]} ← {words[1]}: 0.25"
        first, second = page.eval_on_selector_all(
            "#hint bdi", "each => each.map((one) => one.getBoundingClientRect().left)"
        )
        assert first < second


@pytest.mark.parametrize(("count", "scrolls"), [(2, False), (60, True)])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_hint_says_that_the_heatmap_scrolls(browser, count, scrolls, side):
    words = {"source": ["word"] * 2, "target": ["word"] * 2, side: ["word"] * count}
    answer = translation("word", words["target"], words["source"])
    view = ("translator_view", "TranslatorView", TRANSLATOR, answer, {"source": "word"})
    with shown(browser, *view, viewport=dict(width=390, height=600)) as page:
        hint = page.inner_text("#hint")
        assert hint.startswith("Point at a cell for its weight.")
        assert hint.endswith("scroll in it to see the rest.") == scrolls
        box = page.evaluate(
            """() => {
                const { scrollWidth, clientWidth, scrollHeight, clientHeight } = heatmap;
                return [scrollWidth > clientWidth, scrollHeight > clientHeight];
            }"""
        )
        assert any(box) == scrolls
        width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner
