"""Exporting a language model: precision, what is refused, and what a disagreement does."""

from unittest import mock

import keras
import pytest

from keras_attention import export, load
from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.artifacts.parity import ParityError
from keras_attention.search_options import SearchOptions
from keras_attention.tasks.describe import describe
from keras_attention.tasks.language_model import step_functions
from keras_attention.tasks.language_model.keras_generator import keras_generator
from tests.tasks.language_model.exported import (
    PROMPTS,
    TEXTS,
    exported,
    short_gpt,
    small_gpt,
    small_llama,
    tokenizer,
)


def lower(once, precision):
    options = dict(precision=precision, allow_loss=100, formats=("tflite", "onnx"))
    return exported(once, precision, short_gpt, **options)


@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "int8"])
def test_lower_precision_says_what_it_loses(precision, once):
    artifact = lower(once, precision)
    manifest = read_manifest(artifact)
    bound = {"float16": 0.01, "int8": 0.1}[precision]
    for name in ("tflite", "onnx"):
        report = manifest["lower_precision"][name]
        assert report["measure"] == "nats a token" and report["loss_bound"] == bound
        assert report["loss"] == pytest.approx(report["float32_score"] - report["score"])
        assert abs(report["loss"]) < bound
        assert report["elements"] >= 257 * 16  # the table of tokens
        rows = manifest["parity"][name]
        assert all(0.5 < row["equal_tokens"] <= 1 for row in rows)
        generator = load(artifact, name)
        [text] = generator.generate(PROMPTS[:1], 12)
        assert "".join(generator.stream(PROMPTS[0], 12)) == text
    assert f"nats a token: {manifest['lower_precision']['onnx']['score']:.4f}" in describe(artifact)


def test_steps_that_count_wrongly_are_found(tmp_path):
    """Every format is compared before the directory has its name."""
    made = step_functions._step

    def shifted(model, length, capacity, with_logits):
        function = made(model, length, capacity, with_logits)
        import tensorflow as tf

        @tf.function(input_signature=function.input_signature, autograph=False)
        def step(tokens, input_pos, *caches):
            return function(tokens, input_pos + 1, *caches)

        return step

    with (
        mock.patch.object(step_functions, "_step", shifted),
        pytest.raises(ParityError, match="`prefill` and `decode` give a token"),
    ):
        model = small_llama(context=28)  # a single `prefill_N`
        export(model, tmp_path / "out", tokenizer(), examples=TEXTS[:3], formats=["onnx"])
    assert not (tmp_path / "out").exists()


def test_a_model_over_two_gigabytes_is_refused_before_any_work(tmp_path):
    model = small_gpt()
    with (
        mock.patch.object(type(model), "count_params", lambda self: 600_000_000),
        pytest.raises(InputError, match=r"weights are 2\.4 GB in float32, and a file of tflite"),
    ):
        export(model, tmp_path / "out", tokenizer(), examples=TEXTS)
    assert not (tmp_path / "out").exists()


# Of SavedModels `test_texts_in_the_graph.py` has the signature of strings with a beam.
@pytest.mark.parametrize("name", ["onnx", pytest.param("tf_saved_model", marks=pytest.mark.slow)])
def test_a_beam_gives_its_best(name, tmp_path):
    search = dict(beam_size=3, n_best=2, length_penalty=0.6)
    options = dict(examples=TEXTS[:3], formats=[name], search=search)
    export(short_gpt(), tmp_path / "out", tokenizer(), **options)
    own = keras_generator(short_gpt(), tokenizer(), SearchOptions(**search))
    prompts = PROMPTS[:4]  # those that the context has room for
    users = own, load(tmp_path / "out", name)
    found = [user.continuations(prompts, 8) for user in users]
    texts = [[[each.text for each in row] for row in rows] for rows in found]
    assert texts[0] == texts[1] and {len(row) for row in texts[0]} == {2}


def test_half_precision_is_exported_as_savedmodel(tmp_path):
    config = {**small_gpt().get_config(), "dtype": "bfloat16"}
    model = small_gpt().from_config(config)
    model.set_weights(small_gpt().get_weights())
    with pytest.raises(InputError, match="does not compute in bfloat16"):
        export(model, tmp_path / "out", tokenizer(), examples=TEXTS, formats=["tflite"])
    keras.backend.clear_session()
