"""Llama's published checkpoints: their config and the names of their tensors."""

from keras_attention import models
from keras_attention._validation import require
from keras_attention.checkpoints.block_family import ACTIVATIONS
from keras_attention.checkpoints.language_model_family import (
    LANGUAGE_MODEL,
    LanguageModelFamily,
    optional_part,
)
from keras_attention.checkpoints.parts import Part
from keras_attention.json_file import listed_json, shortened_json
from keras_attention.layers.rotary_embedding import SCALINGS
from keras_attention.models.llama_presets import llama_parameters

ROPE_BASE = 10000.0  # where a config gives none


class Llama(LanguageModelFamily):
    """Touvron et al. 2023, as HuggingFace's LlamaForCausalLM stores it."""

    model_type = "llama"
    name = "Llama"
    bare_class = models.Llama
    prefix = "model."
    heads = {LANGUAGE_MODEL: "model.embed_tokens.weight"}
    activation = "hidden_act"
    activations = {"silu": "silu", "swish": "silu", **ACTIVATIONS}
    default_activation = "silu"
    tied_by_default = False
    supported = {
        "hidden_act": tuple(activations),
        "attention_bias": (True, False, None),
        "mlp_bias": (True, False, None),
        "is_encoder_decoder": (False, None),
        "quantization_config": (None,),
    }
    sizes = {
        "vocab_size": "vocabulary_size",
        "num_hidden_layers": "num_layers",
        "num_attention_heads": "num_heads",
        "hidden_size": "hidden_dim",
        "intermediate_size": "intermediate_dim",
        "max_position_embeddings": "max_sequence_length",
    }
    optional_sizes = {"num_key_value_heads": "num_key_value_heads", "head_dim": "key_dim"}
    rates = {"attention_dropout": "attention_dropout"}
    epsilon = ("rms_norm_eps", 1e-6)
    architectures = {"LlamaForCausalLM": LANGUAGE_MODEL, "LlamaModel": LANGUAGE_MODEL}

    def ignores(self, name, config):
        # A buffer of old checkpoints: how fast the planes turn
        return super().ignores(name, config) or name.endswith("rotary_emb.inv_freq")

    def faults(self, config):
        found = super().faults(config) + rope_faults(config)
        heads, groups = config["num_attention_heads"], config.get("num_key_value_heads")
        if groups is not None and heads % groups:
            found.append("num_key_value_heads does not divide num_attention_heads")
        width = config.get("head_dim")
        if width is None and config["hidden_size"] % heads:
            found.append("num_attention_heads does not divide hidden_size")
        elif (config["hidden_size"] // heads if width is None else width) % 2:
            found.append("a head's width is odd, and rotary positions turn halves of it")
        return found

    def arguments(self, config, names):
        base, scaling = rope_of(config)
        return {
            **super().arguments(config, names),
            "rope_base": base,
            "rope_scaling": scaling,
            "attention_bias": bool(config.get("attention_bias")),
            "feed_forward_bias": bool(config.get("mlp_bias")),
        }

    def large_tensors(self, arguments):
        width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
        return {
            "embed_tokens.weight": (arguments["vocabulary_size"], width),
            "layers.0.mlp.gate_proj.weight": (inner, width),
        }

    def parameters(self, arguments):
        return llama_parameters(**arguments)

    def parts(self, model):
        parts = {
            "embed_tokens.weight": Part(model.embedding.token_embeddings),
            "norm.weight": Part(model.normalization.scale),
        }
        for index, block in enumerate(model.blocks):
            own = {
                "input_layernorm.weight": Part(block.self_attention_normalization.scale),
                "post_attention_layernorm.weight": Part(block.feed_forward_normalization.scale),
                **_attention_parts(block.self_attention),
                **_feed_forward_parts(block.feed_forward),
            }
            parts |= {f"layers.{index}.{name}": part for name, part in own.items()}
        return {self.prefix + name: part for name, part in parts.items()} | self.head_parts(model)

    def architecture(self, model):
        return "LlamaForCausalLM"

    def config(self, model):
        require(
            model.sliding_window is None,
            "model",
            "a Llama without `sliding_window`, which its published family lacks, to be written",
            sliding_window=model.sliding_window,
        )
        return {
            **super().config(model),
            # As before transformers 5, which reads both.
            "rope_theta": model.rope_base,
            "rope_scaling": model.rope_scaling and dict(model.rope_scaling),
            "attention_bias": model.attention_bias,
            "mlp_bias": model.feed_forward_bias,
            "attention_dropout": (
                model.dropout if model.attention_dropout is None else model.attention_dropout
            ),
        }


def _attention_parts(attention):
    """`{name: Part}` of a `GroupedQueryAttention`, whose matrices stand side by side."""
    query = attention.num_heads * attention.key_dim
    key = attention.num_key_value_heads * attention.key_dim
    kernel, bias = attention.query_key_value_kernel, attention.query_key_value_bias
    parts = {}
    for name, columns in (
        ("q", (0, query)),
        ("k", (query, query + key)),
        ("v", (query + key, query + 2 * key)),
    ):
        parts[f"self_attn.{name}_proj.weight"] = Part(kernel, columns, is_kernel=True)
        parts |= optional_part(f"self_attn.{name}_proj.bias", bias, columns)
    parts["self_attn.o_proj.weight"] = Part(attention.output_kernel, is_kernel=True)
    return parts | optional_part("self_attn.o_proj.bias", attention.output_bias)


def _feed_forward_parts(layer):
    """`{name: Part}` of a `GatedFeedForward`, whose first two matrices stand side by side."""
    inner = layer.intermediate_dim
    parts = {}
    for name, columns in (("gate", (0, inner)), ("up", (inner, 2 * inner))):
        parts[f"mlp.{name}_proj.weight"] = Part(layer.gate_value_kernel, columns, is_kernel=True)
        parts |= optional_part(f"mlp.{name}_proj.bias", layer.gate_value_bias, columns)
    parts["mlp.down_proj.weight"] = Part(layer.output_kernel, is_kernel=True)
    return parts | optional_part("mlp.down_proj.bias", layer.output_bias)


def _rope(config):
    """The base of the rotary positions, and what the config says of their scaling.

    transformers 5 writes "rope_parameters"; before it there were "rope_theta" and "rope_scaling".
    """
    both = config.get("rope_parameters")
    if both is not None:
        base = both.get("rope_theta") if isinstance(both, dict) else None
        return config.get("rope_theta", ROPE_BASE) if base is None else base, both
    base = config.get("rope_theta")
    return ROPE_BASE if base is None else base, config.get("rope_scaling")


def _kind(scaling):
    kind = scaling.get("rope_type")  # before it was called so, "type"
    return scaling.get("type", "default") if kind is None else kind


def rope_of(config):
    """`rope_base` and `rope_scaling` of a `Llama`, from a config without `rope_faults`."""
    base, scaling = _rope(config)
    if scaling is None or _kind(scaling) == "default":
        return float(base), None
    numbers = {name: scaling[name] for name in SCALINGS[_kind(scaling)]}
    return float(base), {"rope_type": _kind(scaling), **numbers}


def rope_faults(config):
    """What is wrong with the rotary positions of a config: a list of clauses."""
    base, scaling = _rope(config)
    if not _is_positive(base):
        return [f"rope_theta is {shortened_json(base)}, not a number above 0"]
    if config.get("partial_rotary_factor", 1) not in (1, None):
        return ["partial_rotary_factor is not 1, of which only 1 is supported"]
    if scaling is None:
        return []
    if not isinstance(scaling, dict):
        return [f"rope_scaling is {shortened_json(scaling)}, not an object"]
    kind = _kind(scaling)
    if not isinstance(kind, str) or kind not in SCALINGS:
        return [
            f"the rope type is {shortened_json(kind)}, of which only {listed_json(SCALINGS)} are "
            "supported"
        ]
    if scaling.get("partial_rotary_factor", 1) not in (1, None):
        return ["partial_rotary_factor is not 1, of which only 1 is supported"]
    wrong = [name for name in SCALINGS[kind] if not _is_positive(scaling.get(name))]
    found = [
        f"{name} of the rope type {kind} is {shortened_json(scaling.get(name))}, not a number "
        "above 0"
        for name in wrong
    ]
    if not wrong and kind == "llama3" and scaling["low_freq_factor"] >= scaling["high_freq_factor"]:
        found.append("low_freq_factor is not below high_freq_factor")
    return found


def _is_positive(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 < value < float("inf")
