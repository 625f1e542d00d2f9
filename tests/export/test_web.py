"""`export/web`, driven in headless Chromium."""

import io
import json
import shutil

import numpy as np
import onnxruntime
import pytest
import sentencepiece
from PIL import Image

from keras_attention import load
from tests.conftest import BEAM
from tests.export.test_python_consumers import TEXTS
from tests.export.web_page import (
    WEB,
    cells,
    chromium,
    install,
    opened,
    serve,
    settle,
    translations,
)
from tests.text import tokenizer_texts

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")
LONG = " ".join(["Straße, two hundred and thirty-one thousand"] * 6)
PHONE = dict(width=390, height=844)
DESKTOP = dict(width=1280, height=800)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory, artifact_directory):
    """The page's folder as a deployer has it: an artifact beside the page."""
    directory = install(tmp_path_factory.mktemp("web") / "site")
    (directory / "artifact").symlink_to(artifact_directory)
    return directory


@pytest.fixture(scope="module")
def address(site):
    with serve(site) as address:
        yield address


@pytest.fixture
def beside(site):
    """A function that puts another artifact beside the page and gives its name there."""
    made = []

    def link(artifact):
        made.append(site / f"other-{len(made)}")
        made[-1].symlink_to(artifact)
        return made[-1].name

    yield link
    for path in made:
        path.unlink()


def test_it_gives_keras_translations(browser, address, run_directory):
    texts = [*TEXTS, "\u3000", "\x1f\x85", "\ufeff"]  # Python strips all but the last
    expected = load(run_directory).translate(texts)
    with opened(browser, address) as page:
        assert translations(page, texts) == expected
        assert translations(page, [""]) == [""]
        # The worker's files are among those whose addresses were looked at.
        names = {"model.onnx", "shared.model", "ort-wasm-simd-threaded.wasm"}
        assert names < {url.split("/")[-1] for url in page.addresses}
    assert len(set(expected)) > 5


WATCH = """() => {
  window.seen = [];
  window.asked = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    asked.push(message.input);
    post.call(this, message);
  };
  const [source, target] = ["source", "target"].map((id) => document.getElementById(id));
  new MutationObserver(() => {
    const row = target.firstChild;
    if (!row.matches(".awaited")) seen.push([source.value, row.textContent]);
  }).observe(target, { attributes: true, childList: true, subtree: true, characterData: true });
}"""


def test_only_the_last_text_counts(browser, address, run_directory):
    """Whatever was shown was the translation of what stood there, however fast that changed."""
    texts = TEXTS[:6]
    with opened(browser, address, wait="#source") as page:
        page.locator("#source").press_sequentially(texts[0], delay=20)  # while the model loads
        settle(page)
        page.evaluate(WATCH)
        for text in texts:
            page.fill("#source", text + "!")
            page.wait_for_function("text => asked.includes(text)", arg=text + "!")
            page.fill("#source", text)  # before that was translated
        settle(page)
        seen, asked = dict(page.evaluate("seen")), page.evaluate("asked")
        assert page.locator("#target").text_content() == seen[texts[-1]]
    assert texts[-1] + "!" not in seen
    assert len(asked) == len(set(asked))
    assert list(seen.values()) == load(run_directory).translate(list(seen))


def test_it_gives_the_best_of_a_beam(
    browser, address, beside, run_directory, beam_artifact_directory
):
    with opened(browser, address, beside(beam_artifact_directory)) as page:
        assert translations(page, TEXTS) == load(run_directory, **BEAM).translate(TEXTS)
        assert "beam of 4" in page.inner_text("#facts")


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_it_runs_lower_precision_without_alignments(browser, address, beside, request, precision):
    artifact = request.getfixturevalue(f"{precision}_artifact_directory")
    translator = load(artifact, "onnx")
    translator.batch_size = 1
    with opened(browser, address, beside(artifact)) as page:
        assert translations(page, TEXTS) == translator.translate(TEXTS)
        assert page.is_hidden("#heatmap")
        assert "--with-alignments" in page.inner_text("#hint")
        assert precision in page.inner_text("#facts")


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
        assert cells(page)[1] == expected_alignment(artifact, TEXTS[5])[1]
        translations(page, [" "])
        assert page.is_hidden("#heatmap")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_window(browser, address, size, scheme, tmp_path):
    with opened(browser, address, viewport=size, color_scheme=scheme) as page:
        translations(page, [LONG])
        width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner == size["width"]
        box, content = page.evaluate("[heatmap.clientWidth, heatmap.scrollWidth]")
        assert content > box or size is DESKTOP  # the phone scrolls the heatmap in its own box
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        weights = np.array(cells(page)[2])
        colours = []
        for flat in (weights.argmin(), weights.argmax()):
            row, column = np.unravel_index(flat, weights.shape)
            cell = page.locator(
                f"#heatmap tbody tr:nth-child({row + 1}) td:nth-child({column + 2})"
            )
            picture = Image.open(io.BytesIO(cell.screenshot())).convert("L")
            colours.append(picture.getpixel((picture.width // 2, picture.height // 4)))
    least, most = colours
    assert most < least if scheme == "light" else most > least
    picture = Image.open(tmp_path / "page.png").convert("RGB")
    assert picture.width == size["width"]
    assert len(picture.getcolors(1 << 24)) > 100
    corner = sum(picture.getpixel((1, 1)))
    assert corner > 700 if scheme == "light" else corner < 100


def test_a_pointer_reads_a_cell(browser, address):
    with opened(browser, address) as page:
        translations(page, [TEXTS[0]])
        target, source, weights = cells(page)
        page.hover("#heatmap tbody tr:nth-child(2) td:nth-child(3)")
        assert page.inner_text("#hint") == f"{target[1]} ← {source[1]}: {weights[1][1]:.2f}"


def break_artifact(fault, artifact):
    """Makes a small copy wrong; what the page must say."""
    manifest = json.loads((artifact / "manifest.json").read_text())
    match fault:
        case "no manifest":
            (artifact / "manifest.json").unlink()
            return "manifest.json cannot be read (status 404)"
        case "not JSON":
            (artifact / "manifest.json").write_text("<!doctype html>")
            return "manifest.json is not JSON"
        case "another manifest":
            (artifact / "manifest.json").write_text("{}")
            return "is not the manifest of an artifact"
        case "classifier":
            manifest["kind"] = "classifier"
            said = "The artifact is a classifier"
        case "no onnx":
            manifest["formats"] = ["tflite"]
            said = "holds no model.onnx, only tflite"
        case "cut short":
            path = artifact / "model.onnx"
            path.write_bytes(path.read_bytes()[:-1])
            said = "was not copied completely"
        case "no tokenizer":
            (artifact / "tokenizer" / "shared.model").unlink()
            said = "tokenizer/shared.model cannot be read (status 404)"
        case "not a model":
            manifest["files"]["model.onnx"]["bytes"] = 5
            (artifact / "model.onnx").write_bytes(b"hello")
            said = "The model failed"
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    return said


FAULTS = [
    "no manifest",
    "not JSON",
    "another manifest",
    "classifier",
    "no onnx",
    "cut short",
    "no tokenizer",
    "not a model",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_sentences(browser, address, beside, artifact_directory, tmp_path, fault):
    ignored = shutil.ignore_patterns("saved_model", "model.tflite")
    artifact = shutil.copytree(artifact_directory, tmp_path / "copy", ignore=ignored)
    said = break_artifact(fault, artifact)
    with opened(browser, address, beside(artifact), wait="#error") as page:
        assert said in page.inner_text("#reason")
        assert page.is_disabled("#source")


def test_missing_libraries_are_named(browser, artifact_directory, tmp_path):
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "web" / "artifact").symlink_to(artifact_directory)
    with serve(tmp_path / "web") as address, opened(browser, address, wait="#error") as page:
        assert 'Run "npm ci"' in page.inner_text("#reason")


TOKENIZERS = [
    ("bpe", "nmt_nfkc", False),
    ("bpe", "identity", True),
    ("unigram", "nfkc_cf", False),
    ("unigram", "nmt_nfkc_cf", True),
]


@pytest.mark.parametrize("options", TOKENIZERS, ids=str)
def test_the_tokenizer_is_sentencepiece(browser, address, site, options):
    model = tokenizer_texts.model(*options, size=700)
    (site / "tokenizer.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    texts = tokenizer_texts.DIFFICULT_TEXTS
    with opened(browser, address) as page:
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
