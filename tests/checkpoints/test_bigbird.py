"""BigBird's checkpoints: the outputs of HuggingFace's model, and the same files written back."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.layers.random_block_plan import random_block_plan
from keras_attention.models import BigBirdEncoder, Classifier, MaskedLM, TokenClassifier
from tests.backend import to_numpy
from tests.checkpoints.golden_models import loaded

GOLDEN = Path(__file__).parent / "golden" / "bigbird"
TINY = dict(np.load(GOLDEN / "tiny.npz"))
PLANS = dict(np.load(GOLDEN / "plans.npz"))
LENGTHS = (29, 40, 63)
HEADS = {
    "pretraining": MaskedLM,
    "masked_lm": MaskedLM,
    "sequence_classification": Classifier,
    "token_classification": TokenClassifier,
}


def row(length, width=None):
    """The row of that many tokens, padded to a width by what is no padding's id."""
    pad = [(0, 0), (0, (width or length) - length)]
    ids = np.pad(TINY[f"{length}_input_ids"], pad, constant_values=7)
    segments = np.pad(TINY[f"{length}_token_type_ids"], pad)
    mask = (np.arange(ids.shape[1]) < length).astype("int32")[None]
    return {"token_ids": ids, "segment_ids": segments, "padding_mask": mask}


def together():
    """All rows in one batch."""
    rows = [row(length, max(LENGTHS)) for length in LENGTHS]
    return {name: np.concatenate([r[name] for r in rows]) for name in rows[0]}


def assert_close(found, expected):
    np.testing.assert_allclose(to_numpy(found), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", HEADS)
def test_the_encoder_of_every_head(head):
    encoder = loaded(GOLDEN / head, "encoder")
    assert type(encoder) is BigBirdEncoder
    assert encoder.random_blocks == "hugging_face"
    batch = to_numpy(encoder(together()))
    for index, length in enumerate(LENGTHS):
        expected = TINY[f"{head}_{length}_last_hidden_state"][0]
        assert_close(encoder(row(length))["sequence_output"][0], expected)
        assert_close(batch["sequence_output"][index, :length], expected)
        if encoder.has_pooler:
            pooled = TINY[f"{head}_{length}_pooler_output"][0]
            assert_close(batch["pooled_output"][index], pooled)


@pytest.mark.parametrize(
    ("head", "output"), [("masked_lm", "logits"), ("pretraining", "prediction_logits")]
)
def test_masked_lm(head, output):
    model = loaded(GOLDEN / head)
    found = model(together())
    if head == "pretraining":
        for index, length in enumerate(LENGTHS):
            follows = TINY[f"{head}_{length}_seq_relationship_logits"]
            assert_close(found["next_sentence"][index : index + 1], follows)
        found = found["logits"]
    for index, length in enumerate(LENGTHS):
        assert_close(found[index, :length], TINY[f"{head}_{length}_{output}"][0])


def test_classifier_of_texts():
    model = loaded(GOLDEN / "sequence_classification")
    assert model.labels == ["bad", "so-so", "good"]
    assert (model.pooling, model.classifier_dim, model.classifier_dropout) == ("cls", 16, 0.25)
    found = model(together())
    for index, length in enumerate(LENGTHS):
        assert_close(found[index], TINY[f"sequence_classification_{length}_logits"][0])


def test_classifier_of_tokens():
    model = loaded(GOLDEN / "token_classification")
    assert model.encoder.attention_type == "original_full"
    found = model(together())
    for index, length in enumerate(LENGTHS):
        assert_close(found[index, :length], TINY[f"token_classification_{length}_logits"][0])


@pytest.mark.parametrize("head", HEADS)
def test_what_is_written_is_what_huggingface_wrote(head, tmp_path):
    """The same tensors, but for a pooler that nothing reads, and a config that says the same."""
    model = loaded(GOLDEN / head)
    assert type(model) is HEADS[head]
    save_hugging_face(model, None, tmp_path / "saved")
    theirs = load_file(GOLDEN / head / "model.safetensors")
    ours = load_file(tmp_path / "saved" / "model.safetensors")
    read = head == "pretraining"
    assert ours.keys() == {name for name in theirs if read or "pooler." not in name}
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    expected = json.loads((GOLDEN / head / "config.json").read_text())
    for name in config.keys() & expected.keys():
        if expected[name] is not None:  # ours says what null stands for
            assert config[name] == expected[name], name
    assert len(config.keys() & expected.keys()) >= 18
    again = load_hugging_face(tmp_path / "saved")
    np.testing.assert_array_equal(
        to_numpy(again(row(29)))["logits" if head == "pretraining" else ...],
        to_numpy(model(row(29)))["logits" if head == "pretraining" else ...],
    )


@pytest.mark.parametrize("name", [n for n in PLANS if not n.endswith("_arguments")])
def test_random_blocks_are_those_of_the_published_programs(name):
    length, size, count, num_heads, seed = PLANS[f"{name}_arguments"].tolist()
    plan = random_block_plan("original", num_heads, length, size, 3, 1, count, seed)
    np.testing.assert_array_equal(plan[:, 1:-1], PLANS[name])


def test_shorter_inputs_of_the_paper_have_the_beginning_of_its_plan():
    for length in (1024, 2048, 3072):
        plan = random_block_plan("original", 3, length, 64, 3, 1, 3, seed=0)
        expected = PLANS["papers"][:, : length // 64 - 2]
        np.testing.assert_array_equal(plan[:, 1:-1], expected)


def test_random_blocks_may_be_the_papers():
    encoder = load_hugging_face(GOLDEN / "masked_lm", "encoder", random_blocks="original")
    block = encoder.blocks[1].self_attention
    assert to_numpy(block.random_block_indices.value).any()
    expected = TINY["masked_lm_63_last_hidden_state"][0]
    found = to_numpy(encoder(row(63))["sequence_output"][0])
    assert np.abs(found - expected).max() > 1e-3


def test_what_huggingface_cannot_compute_is_not_written(tmp_path):
    encoder = load_hugging_face(GOLDEN / "masked_lm", "encoder", random_blocks="original")
    with pytest.raises(ValueError, match="`model` must be a BigBird with `random_blocks` 'hugging"):
        save_hugging_face(encoder, None, tmp_path / "saved")
    model = Classifier(loaded(GOLDEN / "masked_lm", "encoder"), 2, pooling="mean")
    with pytest.raises(
        ValueError, match="`model` must be a classifier with the `classifier_options"
    ):
        save_hugging_face(model, None, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("use_bias", False, "use_bias is false, of which only true"),
        ("attention_type", "sliding", 'attention_type is "sliding"'),
        ("block_size", 0, "block_size is 0, not a positive integer"),
        ("num_random_blocks", None, "num_random_blocks is null, not a positive integer"),
        ("is_decoder", True, "is_decoder is true"),
    ],
)
def test_odd_configs_are_refused_in_one_sentence(field, value, message, tmp_path):
    config = json.loads((GOLDEN / "masked_lm" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises(ValueError, match=f"not of a BigBird that can be read: {message}"):
        load_hugging_face(tmp_path)
