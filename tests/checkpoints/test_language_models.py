"""HuggingFace directories of GPT-2, GPT-Neo and Llama: read, written, and as PyTorch computes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import GPT, Llama
from tests.backend import to_numpy
from tests.checkpoints.golden_models import loaded
from tests.models.language_models import make, prompts

GOLDEN = Path(__file__).parent / "golden" / "language_models"
VALUES = dict(np.load(GOLDEN / "tiny.npz"))
IDS = VALUES["token_ids"]
NAMES = (
    "gpt2",
    "gpt2_untied",
    "gpt_neo",
    "gpt_neo_local_first",
    "llama",
    "llama_linear",
    "llama3",
)


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_pytorch(name):
    model = loaded(GOLDEN / name)
    assert type(model) is (Llama if name.startswith("llama") else GPT)
    found = to_numpy(model({"token_ids": IDS}))
    np.testing.assert_allclose(found, VALUES[f"{name}_logits"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_continuations_are_those_of_pytorch(name):
    model = loaded(GOLDEN / name)
    rows = [IDS[0, :1].tolist(), IDS[0, :6].tolist()]
    found = to_numpy(model.generate(prompts(rows), max_length=12))["token_ids"]
    for row, length in zip(found, (1, 6), strict=True):
        expected = VALUES[f"{name}_continues_{length}"]
        np.testing.assert_array_equal(row[: len(expected)], expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_what_was_read(name, tmp_path):
    save_hugging_face(loaded(GOLDEN / name), None, tmp_path / "again")
    one, other = (
        load_file(GOLDEN / name / "model.safetensors"),
        load_file(tmp_path / "again" / "model.safetensors"),
    )
    assert sorted(one) == sorted(other)
    for tensor, array in one.items():
        np.testing.assert_array_equal(other[tensor], array)
    read, written = (
        json.loads((folder / "config.json").read_text())
        for folder in (GOLDEN / name, tmp_path / "again")
    )
    same = ("model_type", "architectures", "vocab_size", "eos_token_id", "tie_word_embeddings")
    for field in same:
        if field in read:
            assert written[field] == read[field]
    again = load_hugging_face(tmp_path / "again")
    np.testing.assert_array_equal(
        to_numpy(again({"token_ids": IDS})),
        to_numpy(loaded(GOLDEN / name)({"token_ids": IDS})),
    )


def changed(tmp_path, name, config=None, tensors=None, without=()):
    """A copy of a directory with other values in its config, or other tensors."""
    folder = tmp_path / f"{name}_changed"
    shutil.copytree(GOLDEN / name, folder)
    values = json.loads((folder / "config.json").read_text())
    values.update(config or {})
    values = {field: value for field, value in values.items() if field not in without}
    (folder / "config.json").write_text(json.dumps(values))
    if tensors is not None:
        arrays = tensors(load_file(folder / "model.safetensors"))
        save_file(arrays, folder / "model.safetensors")
    return folder


def test_prefixes_may_be_missing_and_buffers_and_copies_are_ignored(tmp_path):
    def gpt2(arrays):
        arrays = {name.removeprefix("transformer."): array for name, array in arrays.items()}
        buffers = {
            f"h.{index}.attn.{name}": np.ones((1, 1, 4, 4), "float32")
            for index in range(3)
            for name in ("bias", "masked_bias")
        }
        return {**arrays, **buffers, "lm_head.weight": arrays["wte.weight"] + 1}

    def llama(arrays):
        arrays = {name.removeprefix("model."): array for name, array in arrays.items()}
        return {**arrays, "layers.0.self_attn.rotary_emb.inv_freq": np.ones(2, "float32")}

    for name, tensors in (("gpt2", gpt2), ("llama", llama)):
        model = load_hugging_face(changed(tmp_path, name, tensors=tensors))
        found = to_numpy(model({"token_ids": IDS}))
        np.testing.assert_allclose(found, VALUES[f"{name}_logits"], atol=1e-4, rtol=1e-4)


def test_both_ways_to_write_rotary_settings(tmp_path):
    new = json.loads((GOLDEN / "llama3" / "config.json").read_text())["rope_parameters"]
    older = {
        "rope_theta": new["rope_theta"],
        "rope_scaling": {name: value for name, value in new.items() if name != "rope_theta"},
    }
    oldest = {**older, "rope_scaling": {**older["rope_scaling"]}}
    oldest["rope_scaling"]["type"] = oldest["rope_scaling"].pop("rope_type")
    for index, settings in enumerate((older, oldest)):
        (tmp_path / str(index)).mkdir()
        folder = changed(tmp_path / str(index), "llama3", settings, without=("rope_parameters",))
        model = load_hugging_face(folder)
        found = to_numpy(model({"token_ids": IDS}))
        np.testing.assert_allclose(found, VALUES["llama3_logits"], atol=1e-4, rtol=1e-4)


def test_ends_of_the_generation_config_count(tmp_path):
    model = loaded(GOLDEN / "llama_linear")
    assert model.special_ids.ends == (7, 3)
    folder = changed(tmp_path, "gpt2")
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 4, 7]}')
    model = load_hugging_face(folder)
    assert (model.special_ids.ends, model.special_ids.start) == ((2, 4, 7), 7)
    save_hugging_face(model, None, tmp_path / "again")
    assert load_hugging_face(tmp_path / "again").special_ids == model.special_ids
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 31]}')
    with pytest.raises(InputError, match=r"generation_config.json: eos_token_id is \[2, 31\]"):
        load_hugging_face(folder)


ROPE = {"rope_type": "linear", "rope_theta": 10.0, "factor": 2.0}


@pytest.mark.parametrize(
    "name, config, said",
    [
        ("gpt2", {"activation_function": "swiglu"}, 'activation_function is "swiglu", of which'),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention is true"),
        ("gpt2", {"n_inner": 0}, "n_inner is 0, not a positive integer"),
        ("gpt2", {"n_head": 5}, "n_head does not divide n_embd"),
        ("gpt2", {"eos_token_id": 31}, "eos_token_id is 31, not the id of one of vocab_size"),
        ("gpt2", {"eos_token_id": []}, r"eos_token_id is \[\], not the id"),
        ("gpt2", {"tie_word_embeddings": 1}, "tie_word_embeddings is 1, not true or false"),
        ("gpt2", {"architectures": ["GPT2ForSequenceClassification"]}, "can be read"),
        ("gpt_neo", {"attention_types": [[["global"], 3]]}, "attention_types is .* for 4 layers"),
        ("gpt_neo", {"attention_types": [[["sparse"], 4]]}, "attention_types is "),
        ("gpt_neo", {"attention_types": [[["local"] * 9, 1 << 60]]}, "attention_types is "),
        ("gpt_neo", {"attention_types": None, "num_layers": 1 << 60}, "num_layers is 1,15"),
        ("gpt_neo", {"architectures": ["GPTNeoModel", 5]}, "architectures is .* not a list of"),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, 'the rope type is "yarn", of which'),
        (
            "llama",
            {"rope_parameters": {**ROPE, "factor": 0}},
            "factor of the rope type linear is 0",
        ),
        (
            "llama",
            {"rope_parameters": {**ROPE, "rope_theta": -1}},
            "rope_theta is -1, not a number",
        ),
        (
            "llama",
            {"rope_parameters": {**ROPE, "partial_rotary_factor": 0.5}},
            "partial_rotary_factor is not 1",
        ),
        ("llama", {"hidden_act": "mish"}, 'hidden_act is "mish", of which only'),
        ("llama", {"num_key_value_heads": 4}, "num_key_value_heads does not divide"),
        ("llama", {"head_dim": 3}, "a head's width is odd"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config is "),
    ],
)
def test_one_sentence_says_what_cannot_be_read(name, config, said, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        load_hugging_face(changed(tmp_path, name, config))
    assert "\n" not in str(error.value)


def test_tensors_that_do_not_fit(tmp_path):
    def without(arrays):
        return {name: array for name, array in arrays.items() if "h.1.mlp.c_fc" not in name}

    with pytest.raises(InputError, match="missing: transformer.h.1.mlp.c_fc.bias"):
        load_hugging_face(changed(tmp_path, "gpt2", tensors=without))
    with pytest.raises(InputError, match="missing: lm_head.weight"):
        load_hugging_face(changed(tmp_path / "untied", "gpt2", {"tie_word_embeddings": False}))
    with pytest.raises(InputError, match="more than twice the size"):
        load_hugging_face(changed(tmp_path, "llama", {"intermediate_size": 10**7}))


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(attention_types=("global", "local")), "to be written as GPT-Neo"),
        (dict(attention_scale=0.5), "to be written as GPT-2"),
        (dict(activation="tanh"), "a GPT-2 whose activation is one of"),
    ],
)
def test_what_no_published_family_is(options, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        save_hugging_face(make("GPT", **options), None, tmp_path / "written")
    assert not (tmp_path / "written").exists()


def test_biases_that_a_model_lacks_are_written_as_zeros(tmp_path):
    """The presets nano and tiny have none."""
    model = make("GPT", use_bias=False, activation="gelu")
    save_hugging_face(model, None, tmp_path / "written")
    again = load_hugging_face(tmp_path / "written")
    assert again.use_bias and again.count_params() > model.count_params()
    ids = IDS % model.vocabulary_size
    np.testing.assert_allclose(
        to_numpy(again({"token_ids": ids})), to_numpy(model({"token_ids": ids})), atol=1e-5
    )


def test_a_llama_with_a_window_is_no_published_one(tmp_path):
    with pytest.raises(ValueError, match="a Llama without `sliding_window`"):
        save_hugging_face(make("Llama, window"), None, tmp_path / "written")


def test_subclasses_are_refused(tmp_path):
    class Other(GPT):
        pass

    with pytest.raises(ValueError, match="a subclass may compute something else"):
        save_hugging_face(Other(11, num_layers=1, num_heads=1, hidden_dim=4), None, tmp_path / "x")
