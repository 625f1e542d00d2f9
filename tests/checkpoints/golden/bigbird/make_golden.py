"""What transformers on PyTorch makes of BigBird checkpoints. Run once, not by the tests.

    python -m venv torch && torch/bin/pip install torch transformers safetensors
    torch/bin/python tests/checkpoints/golden/bigbird/make_golden.py

Writes beside itself, for each of `TINY`, a HuggingFace directory of random weights; its outputs
for rows of `LENGTHS`, one at a time, in tiny.npz; in plans.npz the random blocks that the model
draws in training; versions.json.
"""

import importlib.metadata
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention

HERE = Path(__file__).parent
LENGTHS = (29, 40, 63)  # over (5 + 2 r) b = 28: below, attention is over all tokens

SIZES = dict(
    vocab_size=37,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=64,
    type_vocab_size=3,
    block_size=4,
    num_random_blocks=1,
    sep_token_id=3,
)
# directory -> (class, config)
TINY = {
    "pretraining": ("BigBirdForPreTraining", dict(rescale_embeddings=True)),
    "masked_lm": ("BigBirdForMaskedLM", dict(layer_norm_eps=1e-3, hidden_act="gelu")),
    "sequence_classification": (
        "BigBirdForSequenceClassification",
        dict(num_labels=3, id2label={0: "bad", 1: "so-so", 2: "good"}, classifier_dropout=0.25),
    ),
    "token_classification": (
        "BigBirdForTokenClassification",
        dict(num_labels=5, hidden_act="relu", attention_type="original_full"),
    ),
}
# name -> (tokens of the longest input, block size, random blocks, heads, seed)
PLANS = {
    "papers": (4096, 64, 3, 3, 0),
    "papers_other_seed": (4096, 64, 3, 2, 11),
    "papers_other_size": (4096, 32, 2, 2, 1),
    "long": (640, 32, 3, 2, 4),
    "two_parts": (336, 16, 8, 2, 5),
    "short": (128, 16, 3, 2, 6),
}


def arrays(outputs):
    """The tensors of a HuggingFace output by name."""
    return {k: v.numpy() for k, v in outputs.items() if isinstance(v, torch.Tensor)}


@torch.no_grad()
def tiny():
    """Random models of every head."""
    generator = torch.Generator().manual_seed(3)
    rows = []
    for length in LENGTHS:
        shape = (1, length)
        rows.append(
            {
                "input_ids": torch.randint(5, SIZES["vocab_size"], shape, generator=generator),
                "token_type_ids": torch.randint(
                    0, SIZES["type_vocab_size"], shape, generator=generator
                ),
            }
        )
    found = {
        f"{length}_{name}": value.numpy().astype("int32")
        for length, row in zip(LENGTHS, rows, strict=True)
        for name, value in row.items()
    }
    for name, (cls, options) in TINY.items():
        config = transformers.BigBirdConfig(**SIZES, **options)
        model = getattr(transformers, cls)(config).eval()
        for parameter in model.parameters():  # biases and norms too, or a swap would not be seen
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.tie_weights()
        model.save_pretrained(HERE / name)
        for length, row in zip(LENGTHS, rows, strict=True):
            mask = torch.ones_like(row["input_ids"])
            outputs = model(**row, attention_mask=mask)
            encoded = model.bert(**row, attention_mask=mask)
            assert model.bert.attention_type == config.attention_type
            for key, value in {**arrays(encoded), **arrays(outputs)}.items():
                found[f"{name}_{length}_{key}"] = value
    np.savez_compressed(HERE / "tiny.npz", **found)


def plans():
    """The random blocks that are drawn in training, (H, N - 2, R): rows 1 to N - 2."""
    found = {}
    for name, (length, size, count, heads, seed) in PLANS.items():
        config = transformers.BigBirdConfig(block_size=size, num_random_blocks=count)
        layer = BigBirdBlockSparseAttention(config, seed).train()
        np.random.seed(seed)
        if name.startswith("papers"):
            drawn = [
                layer._bigbird_block_rand_mask(length, length, size, size, count, last_idx=1024)
                for _ in range(heads)
            ]
        else:
            lengths, counts = layer._get_rand_attn_plan(length, size, count)
            drawn = layer._bigbird_block_rand_mask_with_head(
                length, length, size, size, heads, lengths, counts
            )
        found[name] = np.stack(drawn).astype("int32")
        found[f"{name}_arguments"] = np.array([length, size, count, heads, seed])
    np.savez_compressed(HERE / "plans.npz", **found)


def main():
    """Writes everything."""
    tiny()
    plans()
    packages = ("torch", "transformers", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in packages}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
