"""`model.litertlm` in LiteRT-LM's own runtime."""

import pytest

from keras_attention import export, load
from keras_attention._validation import InputError
from keras_attention.artifacts import litertlm
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.models import GPT
from keras_attention.tasks.language_model.keras_generator import keras_generator
from tests.cli.command import run_here
from tests.tasks.language_model.exported import (
    PROMPTS,
    SIZES,
    TEXTS,
    bundle_artifact,
    exported,
    local_gpt,
    short_gpt,
    small_gpt,
    tokenizer,
)

pytest.importorskip("litert_lm", reason="LiteRT-LM runs on few machines")


@pytest.fixture(scope="session")
def artifact(once):
    return bundle_artifact(once)


def test_it_writes_keras_tokens(artifact):
    model = keras_generator(local_gpt(), tokenizer())
    expected = model.generate(PROMPTS, 16)  # as many as the caches have room for
    bundle = load(artifact, "litertlm")
    assert bundle.generate(PROMPTS, 16) == expected
    assert bundle.generate(PROMPTS, 16) == expected  # whatever a session left in the caches
    for prompt in PROMPTS:
        [row] = tokenizer().encode([prompt]).token_ids
        assert bundle.runtime.tokenize(prompt) == row


def test_its_export_was_compared_in_the_runtime(artifact):
    manifest = read_manifest(artifact)
    [report] = manifest["parity"]["litertlm"]
    assert report["agreement"] == 1.0 and report["sentences"] == len(TEXTS)
    assert "litertlm" in manifest["signatures"]["decode"]["formats"]


def test_it_holds_the_tflite_and_what_ends_a_text(artifact):
    path = artifact / "model.litertlm"
    assert litertlm.model_of(path) == (artifact / "model.tflite").read_bytes()
    metadata = litertlm.bundle_metadata([5, 7], 48, stop=["##"], start=3, chat_template="{{ x }}")
    stops = [list(token.token_ids.ids) or token.token_str for token in metadata.stop_tokens]
    assert stops == [[5], [7], "##"]
    assert list(metadata.start_token.token_ids.ids) == [3]
    assert (metadata.max_num_tokens, metadata.jinja_prompt_template) == (48, "{{ x }}")


def test_it_writes_greedily_alone(artifact):
    bundle = load(artifact, "litertlm")
    with pytest.raises(InputError, match="greedily here, without `stop`"):
        bundle.generate(["a"], 3, stop=["b"])
    with pytest.raises(InputError, match="line 2: the prompt is empty"):
        bundle.generate(["a", ""], 3)


def test_what_it_cannot_do_is_said_in_one_sentence(artifact, capfd, tmp_path):
    with pytest.raises(InputError, match="stops where it was exported to: `stop` cannot be given"):
        load(artifact, "litertlm", stop=["b"])
    (tmp_path / "a.txt").write_text("three hundred and two of them")
    given = ("--model", artifact, "--runtime", "litertlm")
    for command in (
        ("generate", *given, "--prompt", "a"),
        ("evaluate", "language-model", *given, "--data", tmp_path / "a.txt"),
    ):
        status, out, err = run_here(capfd, *command)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "LiteRT-LM gives text alone, without tokens and scores" in err


@pytest.fixture(scope="session")
def short_artifact(once):
    """Of a context that is no multiple of 16 and shorter than prompts, with a stop that comes."""
    return exported(
        once,
        "short",
        short_gpt,
        formats=("tflite", "litertlm"),
        search={"stop": [coming_stop()]},
    )


def coming_stop():
    [text] = keras_generator(short_gpt(), tokenizer()).generate(PROMPTS[:1], 4)
    return text[2]


@pytest.mark.slow
def test_a_context_that_is_shorter_than_prompts(short_artifact):
    manifest = read_manifest(short_artifact)
    assert manifest["steps"]["prefill_lengths"] == [16]
    assert manifest["steps"]["cache_length"]["litertlm"] == 32  # 28, and a multiple of 16
    [report] = manifest["parity"]["litertlm"]
    assert report["agreement"] == 1.0 and report["sentences"] == len(TEXTS)
    model = keras_generator(short_gpt(), tokenizer(), stops=[coming_stop()])
    prompts = [PROMPTS[0], "a"]
    expected = model.generate(prompts, 12)
    assert load(short_artifact, "litertlm").generate(prompts, 12) == expected
    assert any(
        coming_stop() in text
        for text in keras_generator(short_gpt(), tokenizer()).generate(prompts, 12)
    )
    bundle = load(short_artifact, "litertlm")
    # To LiteRT-LM the context ends with the last token that it writes.
    assert bundle.generate(["a"], 3_000_000_000) == model.generate(["a"], 27)
    streamed = load(short_artifact, "tflite")
    assert "".join(streamed.stream("a", 50)) == model.generate(["a"], 50)[0]


@pytest.mark.parametrize(
    ("search", "option"),
    [
        (dict(sample=True), "`sample`"),
        (dict(beam_size=3), "a beam"),
        (dict(repetition_penalty=1.2, min_length=2), "`repetition_penalty` and `min_length`"),
    ],
)
def test_what_it_would_ignore_is_refused(tmp_path, search, option):
    formats = ["tflite", "litertlm"]
    with pytest.raises(InputError, match=f"in its own way, without {option}: leave that out"):
        export(
            small_gpt(),
            tmp_path / "out",
            tokenizer(),
            examples=TEXTS,
            formats=formats,
            search=search,
        )
    assert not (tmp_path / "out").exists()


def test_forbidden_tokens_are_refused(tmp_path):
    special_ids = tokenizer().special_ids
    model = GPT(tokenizer().vocabulary_size, **SIZES, special_ids=special_ids, forbidden_ids=[5])
    with pytest.raises(InputError, match="without forbidden ids"):
        export(model, tmp_path / "out", tokenizer(), formats=["tflite", "litertlm"])


def test_a_model_without_an_end_is_refused(tmp_path):
    model = GPT(tokenizer().vocabulary_size, **SIZES)
    with pytest.raises(InputError, match="needs a model with a token that ends a text"):
        export(model, tmp_path / "out", tokenizer(), examples=TEXTS, formats=["litertlm"])
    assert not (tmp_path / "out").exists()


def test_other_tasks_are_refused(tmp_path, classifier_run_directory):
    with pytest.raises(InputError, match="A classifier cannot be exported to litertlm"):
        export(classifier_run_directory, tmp_path / "out", formats=["litertlm"])
