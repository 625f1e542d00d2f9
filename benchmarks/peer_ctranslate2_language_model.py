"""The weights of a `GPT` or a `Llama` as a CTranslate2 model."""

from pathlib import Path

from keras_attention import activations
from keras_attention.models import GPT

import numpy as np


def write_ctranslate2_language_model(model, pieces, directory):
    """Writes a CTranslate2 model with the weights of `model`, by its public decoder spec.

    Args:
        model: a `GPT` with biases, without local layers and with the attention's own scale, as
            GPT-2 is; or a `Llama` without the rope type llama3, of which CTranslate2 4.8 makes
            other angles than transformers.
        pieces: list of V different strings, the vocabulary.
        directory: where to; must not exist.
    """
    import ctranslate2

    specs = ctranslate2.specs
    is_gpt = isinstance(model, GPT)
    names = {"gelu_new": "GELUTanh", "gelu": "GELU", "relu": "RELU", "silu": "SWISH"}
    activation = getattr(
        specs.common_spec.Activation, names[activations.serialize(model.activation)]
    )
    options = {} if is_gpt else _llama_options(model, specs.attention_spec.RotaryScalingType)
    spec = specs.TransformerDecoderModelSpec.from_config(
        model.num_layers, model.num_heads, pre_norm=True, activation=activation, **options
    )
    decoder = spec.decoder
    table = np.asarray(model.embedding.token_embeddings, "float32")
    decoder.embeddings.weight = table
    decoder.scale_embeddings = False
    decoder.projection.weight = (
        table if model.tie_weights else _transposed(model.embedding.output_kernel)
    )
    if is_gpt:
        positions = model.embedding.position_layer.position_embeddings
        decoder.position_encodings.encodings = np.asarray(positions, "float32")
    _norm(decoder.layer_norm, model.normalization)
    for layer, block in zip(decoder.layer, model.blocks, strict=True):
        attention = block.self_attention
        _norm(layer.self_attention.layer_norm, block.self_attention_normalization)
        _linear(
            layer.self_attention.linear[0],
            attention.query_key_value_kernel,
            attention.query_key_value_bias,
        )
        _linear(layer.self_attention.linear[1], attention.output_kernel, attention.output_bias)
        _norm(layer.ffn.layer_norm, block.feed_forward_normalization)
        (_feed_forward if is_gpt else _gated)(layer.ffn, block.feed_forward)
    spec.register_vocabulary(list(pieces))
    ends = model.special_ids.ends
    spec.config.unk_token = spec.config.bos_token = pieces[0]
    spec.config.eos_token = pieces[ends[0]] if ends else ""
    spec.config.layer_norm_epsilon = model.layer_norm_epsilon
    spec.validate()
    Path(directory).mkdir()
    spec.save(str(directory))


def _llama_options(model, kinds):
    scaling = model.rope_scaling or {}
    kind = {None: None, "linear": kinds.Linear}[scaling.get("rope_type")]
    groups = model.num_key_value_heads
    return dict(
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,  # all of a head
        rotary_interleave=False,
        rotary_scaling_type=kind,
        rotary_scaling_factor=scaling.get("factor", 1),
        rotary_base=model.rope_base,
        num_heads_kv=None if groups == model.num_heads else groups,
        head_dim=None if model.key_dim * model.num_heads == model.hidden_dim else model.key_dim,
        sliding_window=model.sliding_window,
    )


def _feed_forward(spec, ours):
    _linear(spec.linear_0, ours.intermediate.kernel, ours.intermediate.bias)
    _linear(spec.linear_1, ours.output_projection.kernel, ours.output_projection.bias)


def _gated(spec, ours):
    gate, value = np.split(np.asarray(ours.gate_value_kernel, "float32"), 2, axis=1)
    biases = (None, None)
    if ours.gate_value_bias is not None:
        biases = np.split(np.asarray(ours.gate_value_bias, "float32"), 2)
    _linear(spec.linear_0, gate, biases[0])
    _linear(spec.linear_0_noact, value, biases[1])
    _linear(spec.linear_1, ours.output_kernel, ours.output_bias)


def _transposed(kernel):
    return np.ascontiguousarray(np.asarray(kernel, "float32").T)


def _linear(spec, kernel, bias=None):
    spec.weight = _transposed(kernel)
    if bias is not None:
        spec.bias = np.ascontiguousarray(np.asarray(bias, "float32"))


def _norm(spec, norm):
    if hasattr(norm, "scale") and not hasattr(norm, "gamma"):  # of an RMS norm
        spec.gamma = np.asarray(norm.scale, "float32")
        return
    spec.gamma, spec.beta = np.asarray(norm.gamma, "float32"), np.asarray(norm.beta, "float32")
