"""A language model's artifact: every runtime writes, streams and scores as Keras does."""

import json

import numpy as np
import pytest

from keras_attention import load
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.search_options import GREEDY, SamplingOptions
from keras_attention.tasks.describe import describe
from keras_attention.tasks.language_model.keras_generator import keras_generator
from tests.tasks.language_model.exported import (
    CONTEXT,
    PROMPTS,
    SPECIAL,
    STOP,
    greedy_artifact,
    sampling_artifact,
    small_gpt,
    small_llama,
    tokenizer,
)

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")
SAMPLING = SamplingOptions(temperature=0.9, top_k=40, top_p=0.95, repetition_penalty=1.2)


@pytest.fixture(scope="session")
def artifact(once):
    return greedy_artifact(once)


@pytest.fixture(scope="module")
def keras_model():
    return keras_generator(small_gpt(), tokenizer(), GREEDY, stops=(STOP,))


@pytest.fixture(scope="module")
def expected(keras_model):
    return [row[0] for row in keras_model.continuations(PROMPTS, 20)]


@pytest.fixture(scope="module", params=FORMATS)
def generator(request, artifact):
    return load(artifact, request.param)


def test_it_writes_what_keras_writes(generator, expected):
    found = [row[0] for row in generator.continuations(PROMPTS, 20)]
    assert [row.token_ids for row in found] == [row.token_ids for row in expected]
    assert [row.text for row in found] == [row.text for row in expected]
    np.testing.assert_allclose(
        [row.score for row in found], [row.score for row in expected], atol=1e-3
    )
    assert len({row.text for row in expected}) == len(PROMPTS)
    # Padding that the model writes is a token like any other, and ends nothing.
    padding = [i for row in expected for i in row.token_ids[:-1] if i == SPECIAL.padding]
    assert len(padding) > 10 and sum("<" in row.text for row in expected) > 1


def test_one_graph_serves_every_number_of_tokens(generator, expected):
    for count in (1, 7):
        found = [row[0].token_ids for row in generator.continuations(PROMPTS, count)]
        assert found == [row.token_ids[:count] for row in expected]


def test_a_stream_is_the_same_text_in_parts(generator, expected):
    for prompt, row in zip(PROMPTS, expected, strict=True):
        parts = list(generator.stream(prompt, 20))
        assert "".join(parts) == row.text
    assert len(list(generator.stream(PROMPTS[0], 20))) > 5


def test_it_scores_tokens_as_keras_does(generator, keras_model):
    rows = tokenizer().encode(PROMPTS).token_ids
    rows.append(np.random.default_rng(0).integers(0, 256, CONTEXT + 1).tolist())
    expected = keras_model.log_probabilities(rows)
    for found, wanted in zip(generator.log_probabilities(rows), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_prompt_over_the_context_loses_its_beginning(generator, keras_model):
    long = "0123456789" * 30
    assert generator.generate([long], 20) == keras_model.generate([long], 20)


def test_strings_are_served_as_ids_are(artifact, expected):
    run = FORMATS["tf_saved_model"].signature(artifact, "serving_default")
    texts = [text.encode() for text in [*PROMPTS, "", "0123456789" * 30]]
    limits = np.full(len(texts), 20, np.int32)
    found = run(text=texts, max_new_tokens=limits)
    assert [text.decode() for text in found["text"][: len(PROMPTS)]] == [
        row.text for row in expected
    ]
    assert found["text"][-2] == b"" and found["score"][-2] == 0
    assert found["text"][-1].decode() == load(artifact, "onnx").generate(["0123456789" * 30], 20)[0]
    empty = run(text=np.array([], object), max_new_tokens=np.array([], np.int32))
    assert empty["text"].shape == (0,)


def test_a_stop_of_the_export_ends_a_text(artifact, keras_model):
    stop = keras_model.generate([PROMPTS[0]], 20)[0][3]
    generator = load(artifact, "onnx", stop=[stop])
    text = generator.generate([PROMPTS[0]], 20)[0]
    assert stop not in text and keras_model.generate([PROMPTS[0]], 20)[0].startswith(text)


def test_the_weights_stand_once(artifact):
    manifest = read_manifest(artifact)
    size = 4 * manifest["model"]["parameters"]
    onnx = {n: e["bytes"] for n, e in manifest["files"].items() if n.endswith((".onnx", ".data"))}
    names = {"model", "score", "decode", "prefill_16", "prefill_128"}
    assert set(onnx) == {f"{name}.onnx" for name in names} | {"model.onnx.data"}
    assert 0.9 * size < onnx["model.onnx.data"] < 1.5 * size
    weights = [b for b in _buffers((artifact / "model.tflite").read_bytes()) if b >= 1024]
    assert 0.9 * size < sum(weights) < 1.5 * size


def _buffers(data):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(data)
    return [model.Buffers(i).DataLength() for i in range(model.BuffersLength())]


def test_the_steps_are_those_that_the_contract_names(artifact):
    """Names and shapes as LiteRT-LM looks for them."""
    from ai_edge_litert.interpreter import Interpreter

    found = Interpreter(str(artifact / "model.tflite")).get_signature_list()
    caches = {f"kv_cache_{part}_{layer}" for part in "kv" for layer in range(2)}
    for name in ("prefill_16", "prefill_128", "decode"):
        assert set(found[name]["inputs"]) == {"tokens", "input_pos", *caches}
    assert set(found["prefill_16"]["outputs"]) == caches
    assert set(found["decode"]["outputs"]) == {"logits", *caches}


def test_a_manifest_says_all_that_a_program_needs(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["steps"] == {
        "prefill_lengths": [16, 128],
        "cache_length": {"tf_saved_model": 160, "tflite": 160, "onnx": None, "litertlm": 160},
    }
    assert manifest["decoding"]["stop"] == [STOP] and manifest["decoding"]["context"] == CONTEXT
    assert set(manifest["signatures"]) == {
        *("serving_default", "ids", "score", "prefill_16", "prefill_128", "decode")
    }
    assert {row["agreement"] for rows in manifest["parity"].values() for row in rows} == {1.0}
    assert set(manifest["scores"]["onnx"]) == {"loss", "perplexity", "tokens"}
    text = describe(artifact)
    assert "prefill_128" in text and "language-model" in text


def test_every_onnx_file_is_checked(artifact, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(artifact, copy)
    whole = (copy / "prefill_16.onnx").read_bytes()
    (copy / "prefill_16.onnx").write_bytes(whole + b"\0")
    with pytest.raises(InputError, match=r"prefill_16\.onnx"):
        load(copy, "onnx")
    load(copy, "tflite")
    (copy / "prefill_16.onnx").write_bytes(whole)
    (copy / "prefill_7.onnx").write_bytes(whole)
    with pytest.raises(InputError, match=r"prefill_7\.onnx is not part of it"):
        load(copy, "onnx")


@pytest.fixture(scope="module")
def expected_samples():
    """What Keras draws: the first prompt twice, then the others."""
    model = keras_generator(small_llama(), tokenizer(), SAMPLING, seed=5)
    return model.generate([PROMPTS[0], *PROMPTS], 20)


@pytest.mark.parametrize("runtime", FORMATS)
def test_samples_are_keras_samples(runtime, once, expected_samples):
    """Of a Llama: grouped heads, rotary positions; batches, seeds and streams."""
    generator = load(sampling_artifact(once), runtime, seed=5)
    expected = expected_samples
    assert generator.generate([PROMPTS[0], *PROMPTS], 20) == expected
    assert expected[0] != expected[1]
    assert "".join(generator.stream(PROMPTS[0], 20)) == expected[0]


def test_what_an_artifact_does_is_fixed(artifact):
    with pytest.raises(InputError, match="exported"):
        load(artifact, "onnx", beam_size=2)
    with pytest.raises(InputError):
        load(artifact, "onnx").generate(["a"], 3, beam_size=2)
