"""Where `export/`'s programs begin to read a prompt, and where they end a text: as the library."""

import importlib.util
import json
import random
import sys
from unittest import mock

import numpy as np
import pytest

from keras_attention.tasks.language_model.continuation import Ending
from keras_attention.tasks.language_model.prompts import prompt_ids
from keras_attention.tasks.language_model.stop_ids import stop_ids
from keras_attention.tasks.language_model.stop_text import StopText
from keras_attention.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from keras_attention.token_ids import SpecialIds
from tests.export.c_program import EXPORT
from tests.export.web_page import copy, serve
from tests.text.tokenizers.language_model_texts import trained

FOLDERS = ("litert", "onnxruntime")
CONTEXT = 12
# Of several tokens, in one another, a token's name, and letters that tokens hold together.
STOPS = [[], ["the qu", "e q"], ["<|endoftext|>"], ["row", "brown fox", "o"], ["\n\n", "zzz"]]
TEXTS = ["the quick brown fox\n\njumps <|endoftext|> over the lazy dog", "<|endoftext|>a", "zzzz"]
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def tokenizer(adds_start=False):
    """Byte pairs with a token that no text shows; it begins texts, and ends none."""
    base = trained("gpt2")
    [token] = [token.id for token in base.added_tokens if token.content == "<|endoftext|>"]
    special = SpecialIds(padding=None, unknown=None, start=token, end=None)
    return BytePairTokenizer(
        base.vocabulary, base.merges, base.added_tokens, special, adds_start=adds_start
    )


def manifest(own, stop=()):
    return {
        "decoding": {"method": "greedy", "context": CONTEXT, "stop": list(stop), "min_length": 0},
        "special_ids": own.special_ids.to_dict(),
        "adds_start": own.adds_start,
        "forbidden_ids": [],
    }


class Steps:
    """Gives each of some tokens the largest logit in turn."""

    def __init__(self, token_ids, size):
        self.left, self.size = list(token_ids), size

    def start(self, ids):
        self.prompt = ids
        return self.read(None)

    def read(self, token_id):
        return np.eye(self.size)[self.left.pop(0) if self.left else 0]


def generation(folder, own, tmp_path, stop, token_ids):
    """The `Generation` of a folder that is to write some tokens."""
    own.save(tmp_path)
    files = {"tokenizer/tokenizer.json": (tmp_path / "tokenizer.json").read_bytes()}
    spec = importlib.util.spec_from_file_location("generation", EXPORT / folder / "generation.py")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "path", [str(EXPORT / folder), *sys.path]):
        spec.loader.exec_module(module)
    del sys.modules["artifact"]  # the folders have one each
    steps = Steps(token_ids, own.vocabulary_size)
    return module.Generation(manifest(own, stop), files, steps, None)


def expected_text(own, stop, token_ids):
    ending, parts = Ending(own, (), stop, stop_ids(own, stop)), []
    for number, token_id in enumerate(token_ids, start=1):
        parts.append(ending.add(token_id, is_last=number == len(token_ids)))
        if ending.finish:
            break
    return "".join(parts)


def test_both_folders_have_the_same_rules():
    one, other = ((EXPORT / folder / "generation.py").read_text() for folder in FOLDERS)
    assert one == other


@pytest.mark.parametrize("stop", STOPS, ids=str)
def test_a_text_ends_where_the_library_ends_it(stop, tmp_path):
    own = tokenizer()
    for text in TEXTS:
        [row] = own.encode([text]).token_ids
        written = generation("litert", own, tmp_path, stop, row)
        with mock.patch.object(written, "context", 1000):
            found = "".join(written.stream("x", len(row)))
        assert found == expected_text(own, stop, row), text
    stopped = [len(expected_text(own, stop, own.encode([t]).token_ids[0])) for t in TEXTS]
    assert not stop or stopped != [len(t.replace("<|endoftext|>", "")) for t in TEXTS]


CUTS = [(n, limit) for n in (2, 11, 12, 13, 30) for limit in (1, 3, 6, 7, 12, 500)]


def kept(own, length, limit):
    """A prompt of so many tokens, and those of them that the library reads."""
    text = "".join(random.Random(length).choices("abcdef123", k=length)) * 3
    while len(own.encode([text]).token_ids[0]) > length:
        text = text[:-1]
    return text, prompt_ids(own, [text], CONTEXT, limit)[0]


@pytest.mark.parametrize("adds_start", [False, True])
def test_a_long_prompt_is_cut_where_the_library_cuts_it(adds_start, tmp_path, capsys):
    own = tokenizer(adds_start)
    for length, limit in CUTS:
        text, expected = kept(own, length, limit)
        written = generation("litert", own, tmp_path, (), [])
        list(written.stream(text, limit))
        assert written.steps.prompt == expected, (length, limit)
        said, whole = capsys.readouterr().err, own.encode([text]).token_ids[0]
        cut = len(whole) - len(expected)
        assert (f"; the first {cut} are cut.\n" in said) == bool(cut), said


IN_THE_PAGE = """async (given) => {
    const { Generator, placeOfStop } = await import("./generator.js");
    const { context, first, prompts, texts } = JSON.parse(given);
    const generator = Object.assign(new Generator(), { decoding: { context }, first });
    return [
        prompts.map(([ids, limit]) => generator.kept(ids, limit)),
        texts.map(([text, stop]) => placeOfStop(text, stop) ?? text.length),
    ];
}"""


def test_the_web_page_has_the_same_rules(browser, tmp_path):
    """The page's own functions, in the browser, on what the two tests above are about."""
    own = tokenizer(adds_start=True)
    pairs = [(text, stop) for text in TEXTS for stop in STOPS]
    cuts = [(own.encode([text]).token_ids[0], limit, expected)
            for length, limit in CUTS for text, expected in [kept(own, length, limit)]]  # fmt: skip
    given = json.dumps(
        {
            "context": CONTEXT,
            "first": own.special_ids.start,
            "prompts": [[ids, limit] for ids, limit, _ in cuts],
            "texts": pairs,
        }
    )
    copy(tmp_path / "site")
    page = browser.new_page()
    with serve(tmp_path / "site") as address:
        page.goto(address)
        prompts, places = page.evaluate(IN_THE_PAGE, given)
    page.close()
    assert prompts == [expected for _, _, expected in cuts]
    assert places == [len(StopText(stop).add(text, is_last=True)) for text, stop in pairs]
