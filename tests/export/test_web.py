"""`export/web`, driven in headless Chromium: translations and alignments."""

import keras
import numpy as np
import onnxruntime
import pytest
import sentencepiece

from keras_attention.models import RNNTranslator
from keras_attention.tasks.export import export
from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece
from tests.conftest import SAMPLING
from tests.export.test_python_consumers import TEXTS
from tests.export.web_page import WEB, cells, opened, settle, translations
from tests.loaded_once import loaded
from tests.text.tokenizers import tokenizer_texts

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
LONG = " ".join(["Straße, two hundred and thirty-one thousand"] * 6)


def test_it_gives_keras_translations(browser, address, run_directory):
    texts = [*TEXTS, "\u3000", "\x1f\x85", "\ufeff"]  # Python strips all but the last
    expected = loaded(run_directory).translate(texts)
    with opened(browser, address) as page:
        assert translations(page, texts) == expected
        assert translations(page, [""]) == [""]
        # The worker's files are among those whose addresses were looked at.
        names = {"model.onnx", "shared.model", "ort-wasm-simd-threaded.wasm"}
        assert names < {url.split("/")[-1] for url in page.addresses}
    assert len(set(expected)) > 5


# As soon as the model has been asked for `replacements`' key, its value takes that text's place.
REPLACE_WHAT_IS_ASKED = """(replacements) => {
  const [source, target] = ["source", "target"].map((id) => document.getElementById(id));
  const post = Worker.prototype.postMessage;
  window.asked = [];
  Worker.prototype.postMessage = function (message) {
    post.call(this, message);
    asked.push(message.input);
    if (!(message.input in replacements)) return;
    source.value = replacements[message.input];
    source.dispatchEvent(new Event("input"));
  };
  window.seen = [];
  new MutationObserver(() => {
    const row = target.firstChild;
    if (!row.matches(".awaited")) seen.push([source.value, row.textContent]);
  }).observe(target, { attributes: true, childList: true, subtree: true, characterData: true });
}"""


def test_only_the_last_text_counts(browser, address, run_directory):
    """Whatever was shown was the translation of what stood there when it was shown."""
    first, *texts = TEXTS[:11]
    replacements = dict(zip(texts[::2], texts[1::2], strict=True))
    with opened(browser, address, wait="#source") as page:
        page.locator("#source").press_sequentially(first, delay=20)  # while the model loads
        settle(page)
        page.evaluate(REPLACE_WHAT_IS_ASKED, replacements)
        for text in replacements:
            page.fill("#source", text)
            settle(page)
        seen, asked = page.evaluate("[seen, asked]")
    typed, shown = zip(*seen, strict=True)
    assert list(shown) == loaded(run_directory).translate(list(typed))
    assert set(replacements.values()) == {*typed} - {first}
    assert asked == texts


def test_it_gives_the_best_of_a_beam(browser, address, beside, beam_artifact_directory):
    """That of ONNX Runtime, which `test_python_consumers` compares with Keras."""
    with opened(browser, address, beside(beam_artifact_directory)) as page:
        expected = loaded(beam_artifact_directory, "onnx").translate(TEXTS)
        assert translations(page, TEXTS) == expected
        assert "beam of 4" in page.inner_text("#facts")


def test_it_samples_each_line_with_the_seed_0(
    browser, address, beside, run_directory, sampling_artifact_directory
):
    translator = loaded(run_directory, sample=True, **SAMPLING)
    with opened(browser, address, beside(sampling_artifact_directory)) as page:
        expected = [translator.translate([text])[0] for text in TEXTS]
        assert translations(page, TEXTS) == expected
        assert "sampling" in page.inner_text("#facts")


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_it_runs_lower_precision_without_alignments(browser, address, beside, request, precision):
    artifact = request.getfixturevalue(f"{precision}_artifact_directory")
    translator = loaded(artifact, "onnx")
    translator.batch_size = 1
    with opened(browser, address, beside(artifact)) as page:
        assert translations(page, TEXTS) == translator.translate(TEXTS)
        assert page.is_hidden("#heatmap")
        assert "--with-alignments" in page.inner_text("#hint")
        assert precision in page.inner_text("#facts")


def test_it_runs_a_recurrent_model_of_two_vocabularies(browser, address, beside, tmp_path):
    models = [train_sentencepiece(texts, 120) for texts in phrase_corpus(300)]
    tokenizer = TranslationTokenizer(*models)
    keras.utils.set_random_seed(2)
    model = RNNTranslator.from_preset(
        "small", vocabulary_size=120, units=16, embedding_dim=12, max_sequence_length=24
    )
    artifact = tmp_path / "artifact"
    options = dict(formats=("onnx",), with_alignments=True)
    export(model, artifact, tokenizer, examples=TEXTS, **options)
    expected = loaded(artifact, "onnx").translate(TEXTS)
    with opened(browser, address, beside(artifact)) as page:
        assert translations(page, TEXTS) == expected
        translations(page, TEXTS[:1])
        assert "".join(cells(page)[0]).removesuffix("<end>") == expected[0].replace(" ", "")


def test_what_is_cut_is_said(browser, address):
    with opened(browser, address) as page:
        translations(page, [TEXTS[0], "x" * 300])
        said = page.inner_text("#note")
    assert said.startswith("Line 2: ")
    assert "tokens are more than the model’s maximum of 64; only the first are translated" in said


def expected_alignment(artifact, text):
    """Words and weights by ONNX Runtime and matrix products: no code of the page's or of ours."""
    model = str(artifact / "tokenizer" / "shared.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    ids = [*processor.encode(text)[:63], 3]
    session = onnxruntime.InferenceSession(str(artifact / "model.onnx"))
    inputs = {"source_ids": np.array([ids], "int32")}
    tokens, weights = session.run(["token_ids", "alignment"], inputs)
    tokens, weights = (
        tokens.reshape(-1, tokens.shape[-1])[0],
        weights.reshape(-1, *weights.shape[-2:])[0],
    )
    tokens = [int(token) for token in tokens if token]
    words, members = [], []
    for row in (tokens, ids):
        pieces = [processor.id_to_piece(i) if i != 3 else "<end>" for i in row]
        special = np.array([piece[0] == "<" for piece in pieces])
        begins = special | np.array([piece[0] == "▁" for piece in pieces])
        begins[1:] |= special[:-1]
        word = np.cumsum(begins) - begins[0]
        members.append(
            (word[:, None] == np.arange(word[-1] + 1)).astype("float64")
        )  # (pieces, words)
        words.append(
            ["".join(np.array(pieces)[word == i]).replace("▁", "") for i in range(word[-1] + 1)]
        )
    target, source = members
    merged = (target / target.sum(axis=0)).T @ weights[: len(tokens)] @ source
    return *words, merged


@pytest.mark.parametrize("name", ["artifact_directory", "beam_artifact_directory"])
def test_the_heatmap_is_the_alignment(browser, address, beside, request, name):
    artifact = request.getfixturevalue(name)
    with opened(browser, address, beside(artifact)) as page:
        for text in [*TEXTS[:3], "Straße, naïve 👍", LONG]:
            translations(page, [TEXTS[5], text, ""])  # the caret is in the last line
            target, source, weights = cells(page)
            expected_target, expected_source, expected = expected_alignment(artifact, text)
            assert (target, source) == (expected_target, expected_source)
            np.testing.assert_allclose(weights, expected, atol=1e-4)
        page.press("#source", "Control+Home")
        expected = expected_alignment(artifact, TEXTS[5])[1]
        for _ in range(100):  # the browser tells of a moved caret when it has time
            if cells(page)[1] == expected:
                break
            page.wait_for_timeout(100)
        assert cells(page)[1] == expected
        translations(page, [" "])
        assert page.is_hidden("#heatmap")


TOKENIZERS = [
    ("bpe", "nmt_nfkc", False),
    ("bpe", "identity", True),
    ("unigram", "nfkc_cf", False),
    ("unigram", "nmt_nfkc_cf", True),
]


def test_the_tokenizer_is_sentencepiece(browser, address, site):
    with opened(browser, address, wait="#source") as page:
        for options in TOKENIZERS:
            model = tokenizer_texts.model(*options, size=700)
            (site / "tokenizer.model").write_bytes(model)
            require_sentencepiece(page, sentencepiece.SentencePieceProcessor(model_proto=model))


def require_sentencepiece(page, processor):
    """The page's tokenizer of tokenizer.model must do what SentencePiece does."""
    texts = tokenizer_texts.DIFFICULT_TEXTS
    ids, decoded, pieces = page.evaluate(
        """async (texts) => {
                await import("./node_modules/@mlc-ai/web-tokenizers/lib/index.js");
                const response = await fetch("tokenizer.model", { cache: "no-store" });
                const model = await response.arrayBuffer();
                const tokenizer = await tokenizers.Tokenizer.fromSentencePiece(model);
                const ids = texts.map((text) => [...tokenizer.encode(text)]);
                const size = tokenizer.getVocabSize();
                const pieces = Array.from({ length: size }, (_, id) => tokenizer.idToToken(id));
                return [ids, ids.map((each) => tokenizer.decode(each)), pieces];
            }""",
        texts,
    )
    assert ids == processor.encode(texts)
    assert decoded == processor.decode(ids)
    assert pieces == processor.id_to_piece(list(range(processor.vocab_size())))


def test_the_lock_file_names_no_registry():
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()
