"""`export/web` with classifiers, driven in headless Chromium: labels and their bars."""

import keras
import numpy as np
import pytest

from keras_attention.models import BertEncoder, Classifier
from keras_attention.tasks.export import export
from keras_attention.text import WordPieceTokenizer, train_wordpiece
from tests.export import classified
from tests.export.classified import CLASSIFIERS, LONG, PAIRS, SENTENCES
from tests.export.heads import head_artifact, head_run
from tests.export.web_page import bars, fill_texts, opened, settle
from tests.loaded_once import loaded
from tests.tasks.small_models import TEXTS as SMALL_TEXTS
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS, published, trained

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def is_blank(text):
    return any(not each.strip() for each in ([text] if isinstance(text, str) else text))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_it_gives_keras_answers(browser, address, beside, request, kind):
    run = request.getfixturevalue(f"{kind}_run_directory")
    artifact = request.getfixturevalue(f"{kind}_artifact_directory")
    texts = [text for text in CLASSIFIERS[kind] if not is_blank(text)]
    labels, probabilities = classified.expected(run, texts)
    names = classified.labels_of(artifact)
    with opened(browser, address, beside(artifact)) as page:
        assert page.title() == page.inner_text("h1") == "Classifier"
        assert page.is_hidden("#alignment")
        assert page.is_visible("#second") == (kind == "pair_classifier")
        assert bars(page) == ["", [[name, 0, ""] for name in names]]
        found = []
        for text in texts:
            fill_texts(page, text)
            found.append(bars(page))
            assert page.inner_text("#bars .best span:first-child") == found[-1][0]
        assert [verdict for verdict, _ in found] == labels
        shares = [[share for _, share, _ in rows] for _, rows in found]
        np.testing.assert_allclose(shares, probabilities, atol=1e-4)
        for _, rows in found:
            assert [name for name, _, _ in rows] == names
            assert [text for *_, text in rows] == [f"{100 * share:.1f} %" for _, share, _ in rows]
        page.fill("#source", " ")
        settle(page, "labels")
        assert bars(page) == ["", [[name, 0, ""] for name in names]]
        # The worker's files are among those whose addresses were looked at.
        files = {"model.onnx", "tokenizer.json", "ort-wasm-simd-threaded.wasm"}
        assert files < {url.split("/")[-1] for url in page.addresses}


def test_lines_are_one_text(browser, address, beside, classifier_artifact_directory):
    with opened(browser, address, beside(classifier_artifact_directory)) as page:
        fill_texts(page, "The film was dull.")
        before = bars(page)
        fill_texts(page, "\n\nThe film\nwas dull.\n")
        assert bars(page)[0] == before[0] != ""
        found, expected = ([share for _, share, _ in each[1]] for each in (bars(page), before))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_runs_lower_precision(browser, address, beside, int8_classifier_artifact_directory):
    artifact = int8_classifier_artifact_directory
    classifier = loaded(artifact, "onnx")
    classifier.batch_size = 1
    labels, probabilities = classified.answers(classifier, SENTENCES[:6])
    with opened(browser, address, beside(artifact)) as page:
        assert "int8" in page.inner_text("#facts")
        for text, label, expected in zip(SENTENCES, labels, probabilities, strict=False):
            fill_texts(page, text)
            verdict, rows = bars(page)
            assert verdict == label
            np.testing.assert_allclose([share for _, share, _ in rows], expected, atol=1e-4)


# As soon as the model has been asked for `replacements`' key, its value takes that text's place.
REPLACE_WHAT_IS_ASKED = """(replacements) => {
  const [source, labels, verdict] =
    ["source", "labels", "verdict"].map((id) => document.getElementById(id));
  const post = Worker.prototype.postMessage;
  window.asked = [];
  Worker.prototype.postMessage = function (message) {
    post.call(this, message);
    const [text] = message.input;
    asked.push(text);
    if (!(text in replacements)) return;
    source.value = replacements[text];
    source.dispatchEvent(new Event("input"));
  };
  window.seen = [];
  new MutationObserver(() => {
    const shares = [...document.querySelectorAll("#bars div")].map((bar) =>
      Number(bar.style.getPropertyValue("--share")));
    if (!labels.matches(".awaited")) seen.push([source.value, verdict.textContent, shares]);
  }).observe(labels, { attributes: true, childList: true, subtree: true, characterData: true });
}"""


def test_only_the_last_text_counts(
    browser, address, beside, classifier_run_directory, classifier_artifact_directory
):
    """Whatever was shown was the answer to what stood there when it was shown."""
    first, *texts = SENTENCES[:11]
    replacements = dict(zip(texts[::2], texts[1::2], strict=True))
    name = beside(classifier_artifact_directory)
    with opened(browser, address, name, wait="#source") as page:
        page.locator("#source").press_sequentially(first, delay=20)  # while the model loads
        settle(page, "labels")
        page.evaluate(REPLACE_WHAT_IS_ASKED, replacements)
        for text in replacements:
            fill_texts(page, text)
        seen, asked = page.evaluate("[seen, asked]")
    typed, verdicts, shares = zip(*seen, strict=True)
    labels, probabilities = classified.answers(loaded(classifier_run_directory), list(typed))
    assert list(verdicts) == labels
    np.testing.assert_allclose(shares, probabilities, atol=1e-4)
    assert set(replacements.values()) == {*typed} - {first}
    assert asked == texts


def test_a_pair_waits_for_both(
    browser, address, beside, pair_classifier_run_directory, pair_classifier_artifact_directory
):
    classifier = loaded(pair_classifier_run_directory)
    for pair in PAIRS:
        labels, _ = classified.answers(classifier, [pair, pair[::-1]])
        if labels[0] != labels[1]:  # the segments matter
            break
    with opened(browser, address, beside(pair_classifier_artifact_directory)) as page:
        fill_texts(page, (pair[0], ""))
        assert bars(page)[0] == ""
        fill_texts(page, pair)
        assert bars(page)[0] == labels[0]
        fill_texts(page, pair[::-1])
        assert bars(page)[0] == labels[1] != labels[0]


def test_what_is_cut_is_said(browser, address, beside, request):
    said = {}
    for kind, long in (("classifier", LONG), ("pair_classifier", (LONG, "short"))):
        artifact = request.getfixturevalue(f"{kind}_artifact_directory")
        with opened(browser, address, beside(artifact)) as page:
            fill_texts(page, "Short." if kind == "classifier" else ("Short.", "short"))
            assert page.inner_text("#note") == ""
            fill_texts(page, long)
            said[kind] = page.inner_text("#note")
            tokenizer = WordPieceTokenizer.load(artifact / "tokenizer")
            columns = ([long],) if kind == "classifier" else ([long[0]], [long[1]])
            tokens = len(tokenizer.encode(*columns).token_ids[0])
            assert said[kind].startswith(f"{tokens} tokens are more than the model’s maximum of 48")
    assert said["classifier"].endswith("; only the first are read.")
    assert said["pair_classifier"].endswith("; the longer text is cut.")


@pytest.mark.parametrize("problem_type", [None, "multi_label_classification"])
def test_of_many_labels_the_most_probable_are_shown(
    browser, address, beside, tmp_path, problem_type
):
    texts = SENTENCES[:5]
    tokenizer = WordPieceTokenizer(train_wordpiece(texts * 2, 90))
    keras.utils.set_random_seed(7)
    encoder = BertEncoder(
        tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=24,
        max_sequence_length=32,
    )
    model = Classifier(encoder, 13, problem_type=problem_type)
    for weight in model.trainable_weights[-2:]:  # else all labels are almost equally probable
        weight.assign(keras.random.normal(weight.shape, seed=1))
    labels = [f"label {i}" for i in range(13)]
    artifact = export(
        model, tmp_path / "artifact", tokenizer, labels, formats=("onnx",), examples=texts
    )
    expected = loaded(artifact, "onnx").probabilities(texts)
    with opened(browser, address, beside(artifact)) as page:
        for text, row in zip(texts, expected, strict=True):
            fill_texts(page, text)
            verdict, found = bars(page)
            order = np.argsort(-row)
            assert verdict == labels[order[0]]
            names = [*(labels[i] for i in order[:9]), "4 others"]
            assert [name for name, _, _ in found] == names
            # Probabilities of labels that may all hold have no sum that means something.
            shares = [*row[order[:9]], 0 if problem_type else row[order[9:]].sum()]
            assert (found[-1][-1] == "") == bool(problem_type)
            np.testing.assert_allclose([share for _, share, _ in found], shares, atol=1e-4)


@pytest.mark.parametrize(
    "head", [pytest.param("regression", marks=pytest.mark.slow), "two numbers"]
)
def test_it_shows_what_a_head_means(browser, address, beside, once, head):
    artifact = head_artifact(once, head)
    scores = loaded(head_run(once, head)).scores(SMALL_TEXTS)
    with opened(browser, address, beside(artifact)) as page:
        for text, row in zip(SMALL_TEXTS, scores, strict=True):
            fill_texts(page, text)
            verdict, found = bars(page)
            assert found == []
            numbers = [part.split(": ") for part in verdict.split(", ")]
            names = [] if len(row) == 1 else ["LABEL_0", "LABEL_1"]
            assert [name for *names, _ in numbers for name in names] == names
            np.testing.assert_allclose([float(number) for *_, number in numbers], row, atol=1e-3)


TOKENIZERS = {"uncased": True, "cased": False, "published": None}


def test_the_tokenizer_is_berts(browser, address, site):
    with opened(browser, address, wait="#source") as page:
        for name, lowercase in TOKENIZERS.items():
            tokenizer = published()[0] if name == "published" else trained(lowercase)[0]
            tokenizer.save(site / "wordpiece")
            require_word_piece(page, tokenizer)


def require_word_piece(page, tokenizer):
    """The page's tokenizer of the folder wordpiece must do what this one does."""
    ids = page.evaluate(
        """async (texts) => {
                await import("./node_modules/@mlc-ai/web-tokenizers/lib/index.js");
                const response = await fetch("wordpiece/tokenizer.json", { cache: "no-store" });
                const tokenizer = await tokenizers.Tokenizer.fromJSON(await response.arrayBuffer());
                return texts.map((text) => [...tokenizer.encode(text)]);
            }""",
        BERT_TEXTS,
    )
    expected = tokenizer.encode(BERT_TEXTS, max_length=1_000_000).token_ids
    assert ids == [row[1:-1] for row in expected]


def test_two_texts_share_the_room(browser, address):
    """As the tokenizer's own packing does it, whatever the lengths."""
    lengths = [(a, b) for a in range(12) for b in range(12)]
    with opened(browser, address, wait="#source") as page:
        found = page.evaluate(
            """async (lengths) => {
                const { keptLengths } = await import("./classifier.js");
                return [7, 8].map((room) => lengths.map((pair) => keptLengths(...pair, room)));
            }""",
            lengths,
        )
    tokenizer = WordPieceTokenizer(train_wordpiece(["a b"], 9))
    texts, others = (["a " * each for each in column] for column in zip(*lengths, strict=True))
    for room, kept in zip((7, 8), found, strict=True):
        segments = tokenizer.encode(texts, others, room + 3).segment_ids
        assert kept == [[row.count(0) - 2, row.count(1) - 1] for row in segments]
