"""GPT-Neo's published checkpoints: their config and the names of their tensors."""

from keras_attention._validation import require
from keras_attention.checkpoints.block_family import ACTIVATIONS, given
from keras_attention.checkpoints.gpt2 import GPTFamily, is_gpt_neo
from keras_attention.checkpoints.language_model_family import LANGUAGE_MODEL, optional_part
from keras_attention.checkpoints.parts import Part, dense_parts
from keras_attention.json_file import shortened_json

KINDS = ("global", "local")
MOST_LAYERS = 10_000  # whose kinds are listed before any tensor is compared


class GPTNeo(GPTFamily):
    """Black et al. 2021, as HuggingFace's GPTNeoForCausalLM stores it.

    Global and local layers, which see the last `window_size` tokens; attention without scale;
    queries, keys and values without biases.
    """

    model_type = "gpt_neo"
    name = "GPT-Neo"
    buffers = ("attn.attention.bias", "attn.attention.masked_bias")
    supported = {
        "activation_function": tuple(ACTIVATIONS),
        "is_encoder_decoder": (False, None),
        "quantization_config": (None,),
    }
    sizes = {
        "vocab_size": "vocabulary_size",
        "num_layers": "num_layers",
        "num_heads": "num_heads",
        "hidden_size": "hidden_dim",
        "max_position_embeddings": "max_sequence_length",
    }
    optional_sizes = {"intermediate_size": "intermediate_dim", "window_size": "sliding_window"}
    rates = {
        "resid_dropout": "dropout",
        "attention_dropout": "attention_dropout",
        "embed_dropout": "embedding_dropout",
    }
    divisors = (("hidden_size", "num_heads"),)
    architectures = {"GPTNeoForCausalLM": LANGUAGE_MODEL, "GPTNeoModel": LANGUAGE_MODEL}

    def faults(self, config):
        found = super().faults(config)
        count = config["num_layers"]
        if count > MOST_LAYERS:
            return [*found, f"num_layers is {count:,}, not at most {MOST_LAYERS:,}"]
        kinds = layer_kinds(config)
        if kinds is None or len(kinds) != count:
            given = config.get("attention_types", config.get("attention_layers"))
            found.append(
                f"attention_types is {shortened_json(given)}, not lists of "
                f'"global" and "local" with how often they come, for {count} layers'
            )
        return found

    def arguments(self, config, names):
        return {
            "dropout": 0.0,  # where a config gives no rate
            **super().arguments(config, names),
            "attention_types": layer_kinds(config),
            "attention_bias": False,
            "attention_scale": 1.0,
        }

    def block_parts(self, block):
        attention, feed_forward = block.self_attention, block.feed_forward
        kernel, width = attention.query_key_value_kernel, attention.output_kernel.shape[0]
        parts = {
            f"attn.attention.{name}_proj.weight": Part(
                kernel, (third * width, (third + 1) * width), is_kernel=True
            )
            for third, name in enumerate("qkv")
        }
        # Where ours has biases that the family lacks, `config` refuses.
        parts |= optional_part("attn.attention.qkv_bias", attention.query_key_value_bias)
        output = feed_forward.output_projection
        return {
            **parts,
            **dense_parts(
                "attn.attention.out_proj", attention.output_kernel, attention.output_bias
            ),
            **dense_parts(
                "mlp.c_fc", feed_forward.intermediate.kernel, feed_forward.intermediate.bias
            ),
            **dense_parts("mlp.c_proj", output.kernel, output.bias),
        }

    def describes(self, model):
        return super().describes(model) and is_gpt_neo(model)

    def architecture(self, model):
        return "GPTNeoForCausalLM"

    def config(self, model):
        require(
            model.use_bias and model.attention_bias is False and model.attention_scale == 1,
            "model",
            "a GPT with `use_bias`, without `attention_bias` and with an `attention_scale` of 1, "
            "to be written as GPT-Neo",
            use_bias=model.use_bias,
            attention_bias=model.attention_bias,
            attention_scale=model.attention_scale,
        )
        kinds = list(model.attention_types)
        return {
            **super().config(model),
            "attention_types": [[[kind], 1] for kind in kinds],
            "attention_layers": kinds,
            "resid_dropout": model.dropout,
            "attention_dropout": given(model.attention_dropout, model.dropout),
            "embed_dropout": given(model.embedding_dropout_rate, model.dropout),
        }


def layer_kinds(config):
    """The kind of every layer, a list; None where the config does not say it as it should.

    "attention_types" lists pairs of kinds and how often they come: [[["global", "local"], 12]].
    """
    types = config.get("attention_types")
    if types is None:
        kinds = config.get("attention_layers")
        if kinds is None:  # HuggingFace's default
            return (["global", "local"] * config["num_layers"])[: config["num_layers"]]
        return kinds if _are_kinds(kinds) else None
    if not isinstance(types, list):
        return None
    kinds = []
    for pair in types:
        if not (isinstance(pair, list) and len(pair) == 2 and _are_kinds(pair[0])):
            return None
        times = pair[1]
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            return None
        if len(kinds) + len(pair[0]) * times > config["num_layers"]:  # before it takes memory
            return None
        kinds += pair[0] * times
    return kinds


def _are_kinds(values):
    return isinstance(values, list) and bool(values) and all(kind in KINDS for kind in values)
