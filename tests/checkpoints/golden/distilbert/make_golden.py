"""What HuggingFace transformers on PyTorch makes of DistilBERTs. Run once, not by the tests.

    python -m venv torch && torch/bin/pip install torch transformers safetensors
    torch/bin/python tests/checkpoints/golden/distilbert/make_golden.py

Writes beside itself for each of `TINY` a HuggingFace directory of random weights, and its outputs
in tiny.npz; versions.json.
"""

import importlib.metadata
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
SIZES = dict(
    vocab_size=37,
    dim=16,
    n_layers=3,
    n_heads=2,
    hidden_dim=24,
    max_position_embeddings=20,
)
# directory -> (class, config)
TINY = {
    "encoder": ("DistilBertModel", dict(attention_dropout=0.3)),
    "masked_lm": ("DistilBertForMaskedLM", dict(activation="relu", dropout=0.2)),
    "sequence_classification": (
        "DistilBertForSequenceClassification",
        dict(num_labels=3, id2label={0: "bad", 1: "so-so", 2: "good"}, seq_classif_dropout=0.25),
    ),
    "token_classification": (
        "DistilBertForTokenClassification",
        dict(num_labels=5, activation="gelu_new", sinusoidal_pos_embds=True),
    ),
}


@torch.no_grad()
def tiny():
    """Random models of every head."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, SIZES["vocab_size"], (3, 7), generator=generator)
    lengths = torch.tensor([[7], [4], [6]])
    mask = (torch.arange(7) < lengths).long()
    ids = ids * mask
    found = {"input_ids": ids, "attention_mask": mask}
    found = {k: v.numpy().astype("int32") for k, v in found.items()}
    for name, (cls, options) in TINY.items():
        config = transformers.DistilBertConfig(**SIZES, **options)
        model = getattr(transformers, cls)(config).eval()
        for path, parameter in model.named_parameters():
            if config.sinusoidal_pos_embds and path.endswith("position_embeddings.weight"):
                continue  # as the formula has it
            # Biases and norms too, or a swap would not be seen.
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.tie_weights()
        model.save_pretrained(HERE / name)
        encoder = model if cls == "DistilBertModel" else model.distilbert
        outputs = encoder(input_ids=ids, attention_mask=mask)
        found[f"{name}_last_hidden_state"] = outputs.last_hidden_state.numpy()
        if encoder is not model:
            outputs = model(input_ids=ids, attention_mask=mask)
            found[f"{name}_logits"] = outputs.logits.numpy()
    np.savez_compressed(HERE / "tiny.npz", **found)


def main():
    """Writes everything."""
    tiny()
    packages = ("torch", "transformers", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in packages}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
