"""What HuggingFace transformers on PyTorch makes of language models. Run once, not by the tests.

    python -m venv torch && torch/bin/pip install torch transformers safetensors
    torch/bin/python tests/checkpoints/golden/language_models/make_golden.py

Writes beside itself for each of `TINY` a HuggingFace directory of random weights, and its logits
and greedy continuations in tiny.npz; versions.json.
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
V, END = 31, 7
IDS = dict(bos_token_id=END, eos_token_id=END)
GPT2 = dict(vocab_size=V, n_positions=24, n_embd=12, n_layer=3, n_head=3, **IDS)
NEO = dict(
    vocab_size=V,
    max_position_embeddings=24,
    hidden_size=12,
    num_heads=3,
    window_size=4,
    **IDS,
)
LLAMA = dict(
    vocab_size=V,
    max_position_embeddings=24,
    hidden_size=12,
    intermediate_size=20,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=4,
    **IDS,
)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=20.0,
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=12,
)
# directory -> (class, config)
TINY = {
    "gpt2": ("GPT2", GPT2),
    "gpt2_untied": (
        "GPT2",
        GPT2 | dict(tie_word_embeddings=False, n_inner=20, activation_function="relu"),
    ),
    "gpt_neo": (
        "GPTNeo",
        NEO | dict(num_layers=4, attention_types=[[["global", "local"], 2]]),
    ),
    "gpt_neo_local_first": (
        "GPTNeo",
        NEO | dict(num_layers=3, attention_types=[[["local"], 1], [["global", "local"], 1]]),
    ),
    "llama": ("Llama", LLAMA | dict(rms_norm_eps=1e-5)),
    "llama_linear": (
        "Llama",
        LLAMA
        | dict(
            head_dim=2,
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=True,
            eos_token_id=[END, 3],
            rope_parameters=dict(rope_type="linear", rope_theta=50.0, factor=2.0),
        ),
    ),
    "llama3": ("Llama", LLAMA | dict(num_key_value_heads=1, rope_parameters=LLAMA3)),
}


@torch.no_grad()
def tiny():
    """Random models of every kind."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(0, V, (3, 17), generator=generator)
    found = {"token_ids": ids.numpy().astype("int32")}
    for name, (kind, options) in TINY.items():
        config = getattr(transformers, f"{kind}Config")(**options)
        cls = {"GPT2": "GPT2LMHeadModel"}.get(kind, f"{kind}ForCausalLM")
        model = getattr(transformers, cls)(config).eval()
        for path, parameter in model.named_parameters():
            # Biases and norms too, or a swap would not be seen.
            scale = 0.5 if "norm" not in path and "ln_" not in path else 0.2
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
            if path.endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight")):
                parameter.add_(1.0)
        model.tie_weights()
        model.save_pretrained(HERE / name)
        found[f"{name}_logits"] = model(input_ids=ids).logits.numpy()
        for length in (1, 6):
            prompt = ids[:1, :length]
            made = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=12,
                do_sample=False,
                pad_token_id=0,
            )
            found[f"{name}_continues_{length}"] = made[0, length:].numpy().astype("int32")
    np.savez_compressed(HERE / "tiny.npz", **found)


def main():
    """Writes everything."""
    tiny()
    packages = ("torch", "transformers", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in packages}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
