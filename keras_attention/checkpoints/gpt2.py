"""GPT-2's published checkpoints: their config and the names of their tensors."""

import re

import numpy as np

from keras_attention._validation import require
from keras_attention.checkpoints.block_family import ACTIVATIONS, given
from keras_attention.checkpoints.language_model_family import (
    LANGUAGE_MODEL,
    LanguageModelFamily,
    optional_part,
)
from keras_attention.checkpoints.parts import Part
from keras_attention.models import GPT
from keras_attention.models.gpt_presets import gpt_parameters


class GPTFamily(LanguageModelFamily):
    """What GPT-2 and GPT-Neo have in common: see `Family`.

    Attributes:
        buffers: what the names of tensors end with that are masks, after a block's number.
    """

    bare_class = GPT
    prefix = "transformer."
    buffers = ()
    heads = {LANGUAGE_MODEL: "transformer.wte.weight"}
    epsilon = ("layer_norm_epsilon", 1e-5)
    activation = "activation_function"

    def ignores(self, name, config):
        block = re.fullmatch(r"h\.\d+\.(.*)", name)
        return super().ignores(name, config) or (block is not None and block[1] in self.buffers)

    def large_tensors(self, arguments):
        width = arguments["hidden_dim"]
        return {
            "wte.weight": (arguments["vocabulary_size"], width),
            "wpe.weight": (arguments["max_sequence_length"], width),
        }

    def parameters(self, arguments):
        return gpt_parameters(**arguments)

    def parts(self, model):
        positions = model.embedding.position_layer.position_embeddings
        parts = {
            "wte.weight": Part(model.embedding.token_embeddings),
            "wpe.weight": Part(positions),
            **_norm_parts("ln_f", model.normalization),
        }
        for index, block in enumerate(model.blocks):
            own = {
                **_norm_parts("ln_1", block.self_attention_normalization),
                **_norm_parts("ln_2", block.feed_forward_normalization),
                **self.block_parts(block),
            }
            parts |= {f"h.{index}.{name}": part for name, part in own.items()}
        return {self.prefix + name: part for name, part in parts.items()} | self.head_parts(model)

    def block_parts(self, block):
        """`{name: Part}` of the attention and the feed-forward layer of a `GPTDecoder`."""
        raise NotImplementedError


class GPT2(GPTFamily):
    """Radford et al. 2019, as HuggingFace's GPT2LMHeadModel stores it."""

    model_type = "gpt2"
    name = "GPT-2"
    buffers = ("attn.bias", "attn.masked_bias")
    supported = {
        "activation_function": tuple(ACTIVATIONS),
        "scale_attn_weights": (True, None),
        "scale_attn_by_inverse_layer_idx": (False, None),
        "add_cross_attention": (False, None),
        "is_encoder_decoder": (False, None),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    }
    sizes = {
        "vocab_size": "vocabulary_size",
        "n_layer": "num_layers",
        "n_head": "num_heads",
        "n_embd": "hidden_dim",
        "n_positions": "max_sequence_length",
    }
    optional_sizes = {"n_inner": "intermediate_dim"}
    rates = {
        "resid_pdrop": "dropout",
        "attn_pdrop": "attention_dropout",
        "embd_pdrop": "embedding_dropout",
    }
    divisors = (("n_embd", "n_head"),)
    architectures = {"GPT2LMHeadModel": LANGUAGE_MODEL, "GPT2Model": LANGUAGE_MODEL}

    def block_parts(self, block):
        attention, feed_forward = block.self_attention, block.feed_forward
        parts = {}
        # Conv1D's kernels are (in, out), as ours.
        for name, kernel, bias in (
            ("attn.c_attn", attention.query_key_value_kernel, attention.query_key_value_bias),
            ("attn.c_proj", attention.output_kernel, attention.output_bias),
            ("mlp.c_fc", feed_forward.intermediate.kernel, feed_forward.intermediate.bias),
            (
                "mlp.c_proj",
                feed_forward.output_projection.kernel,
                feed_forward.output_projection.bias,
            ),
        ):
            parts |= {f"{name}.weight": Part(kernel), **optional_part(f"{name}.bias", bias)}
        return parts

    def added_tensors(self, model):
        """The biases that a model may lack: zeros."""
        width, inner = model.hidden_dim, model.intermediate_dim
        sizes = {"ln_1": width, "ln_2": width, "attn.c_attn": 3 * width, "attn.c_proj": width}
        sizes |= {"mlp.c_fc": inner, "mlp.c_proj": width}
        names = {"ln_f.bias": width} | {
            f"h.{index}.{name}.bias": size
            for index in range(model.num_layers)
            for name, size in sizes.items()
        }
        names = {self.prefix + name: size for name, size in names.items()}
        lacking = names.keys() - self.parts(model).keys()
        return {name: np.zeros(names[name], "float32") for name in sorted(lacking)}

    def describes(self, model):
        return super().describes(model) and not is_gpt_neo(model)

    def architecture(self, model):
        return "GPT2LMHeadModel"

    def config(self, model):
        dense = all(kind == "global" for kind in model.attention_types)
        require(
            dense and model.attention_scale is None,
            "model",
            "a GPT without local layers and with the attention's own scale, to be written as GPT-2",
            attention_types=model.attention_types,
            attention_scale=model.attention_scale,
        )
        return {
            **super().config(model),
            "n_ctx": model.max_sequence_length,
            "resid_pdrop": model.dropout,
            "attn_pdrop": given(model.attention_dropout, model.dropout),
            "embd_pdrop": given(model.embedding_dropout_rate, model.dropout),
        }


def _norm_parts(name, layer):
    """`{name: Part}` of a norm that may lack its bias."""
    return {f"{name}.weight": Part(layer.gamma), **optional_part(f"{name}.bias", layer.beta)}


def is_gpt_neo(model):
    """Whether a `GPT` has what GPT-Neo has and GPT-2 has not."""
    return model.attention_scale == 1 or "local" in model.attention_types
