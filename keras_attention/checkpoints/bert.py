"""BERT's published checkpoints: their config and the names of their tensors."""

import keras

from keras_attention import activations
from keras_attention._validation import require
from keras_attention.checkpoints.encoder_family import ENCODER, EncoderFamily
from keras_attention.checkpoints.parts import Part, dense_parts, norm_parts
from keras_attention.models import BertEncoder, Classifier, MaskedLM, TokenClassifier
from keras_attention.models.block_encoder import INITIALIZER_RANGE
from keras_attention.models.encoder import encoder_of

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_new",
    "gelu_fast": "gelu_new",  # the same formula, multiplied out
    "gelu_pytorch_tanh": "gelu_new",
    "relu": "relu",
}
DROPOUT = 0.1  # where a config gives no rate


class Bert(EncoderFamily):
    """Devlin et al. 2018, as HuggingFace's BertModel and its heads store it."""

    model_type = "bert"
    name = "BERT"
    bare_class = BertEncoder
    prefix = "bert."
    # A buffer of old checkpoints, which counts the positions, and what is tied to other tensors.
    ignored = (
        "embeddings.position_ids",
        "cls.predictions.decoder.weight",
        "cls.predictions.decoder.bias",
    )
    supported = {
        "hidden_act": tuple(ACTIVATIONS),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
        "tie_word_embeddings": (True, None),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    }
    sizes = {
        "vocab_size": "vocabulary_size",
        "num_hidden_layers": "num_layers",
        "num_attention_heads": "num_heads",
        "hidden_size": "hidden_dim",
        "intermediate_size": "intermediate_dim",
        "max_position_embeddings": "max_sequence_length",
        "type_vocab_size": "num_segments",
    }
    rates = {
        "hidden_dropout_prob": "dropout",
        "attention_probs_dropout_prob": "attention_dropout",
    }
    other_rates = ("classifier_dropout",)
    divisors = (("hidden_size", "num_attention_heads"),)
    epsilon = ("layer_norm_eps", 1e-12)
    architectures = {
        "BertModel": ENCODER,
        "BertForMaskedLM": "masked-lm",
        "BertForPreTraining": "masked-lm",
        "BertForSequenceClassification": "classifier",
        "BertForTokenClassification": "token-classifier",
    }
    heads = {
        "masked-lm": "cls.predictions.transform.dense.weight",
        "classifier": "classifier.weight",
        "token-classifier": "classifier.weight",
    }

    def known_name(self, name):
        # Checkpoints converted from TensorFlow's call a norm's tensors as TensorFlow does.
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
        return name.replace("LayerNorm.beta", "LayerNorm.bias")

    def arguments(self, config, names):
        return {
            **{ours: config[theirs] for theirs, ours in self.sizes.items()},
            **{ours: _given(config.get(theirs), DROPOUT) for theirs, ours in self.rates.items()},
            "activation": ACTIVATIONS[config.get("hidden_act", "gelu")],
            "layer_norm_epsilon": config.get(*self.epsilon),
            "has_pooler": any("pooler." in name for name in names),
        }

    def large_tensors(self, arguments):
        width = arguments["hidden_dim"]
        return {
            "embeddings.word_embeddings.weight": (arguments["vocabulary_size"], width),
            "embeddings.position_embeddings.weight": (arguments["max_sequence_length"], width),
            "embeddings.token_type_embeddings.weight": (arguments["num_segments"], width),
            "encoder.layer.0.intermediate.dense.weight": (arguments["intermediate_dim"], width),
        }

    def parameters(self, arguments):
        width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
        tables = ("vocabulary_size", "max_sequence_length", "num_segments")
        matrices = arguments["num_layers"] * (4 * width**2 + 2 * width * inner)
        return sum(arguments[name] for name in tables) * width + matrices

    def make(self, task, arguments, config, shapes):
        if task == ENCODER:
            return self.bare_class(**arguments)
        if task == "masked-lm":
            next_sentence = "cls.seq_relationship.weight" in shapes
            if next_sentence:
                arguments = {**arguments, "has_pooler": True}
            return MaskedLM(self.bare_class(**arguments), next_sentence=next_sentence)
        count = max(1, (shapes.get("classifier.bias") or (1,))[0])  # a fault is found afterwards
        dropout = _given(config.get("classifier_dropout"), config.get("hidden_dropout_prob"))
        dropout = _given(dropout, DROPOUT)
        if task == "token-classifier":
            return TokenClassifier(self.bare_class(**arguments), count, classifier_dropout=dropout)
        arguments = {**arguments, "has_pooler": True}
        return Classifier(
            self.bare_class(**arguments),
            count,
            classifier_dropout=dropout,
            problem_type=config.get("problem_type"),
        )

    def parts(self, model):
        if isinstance(model, self.bare_class):
            return encoder_parts(model)
        encoder = encoder_parts(model.encoder)
        return {self.prefix + name: part for name, part in encoder.items()} | head_parts(model)

    def architecture(self, model):
        if isinstance(model, MaskedLM):
            return "BertForPreTraining" if model.next_sentence else "BertForMaskedLM"
        if isinstance(model, TokenClassifier):
            return "BertForTokenClassification"
        if isinstance(model, Classifier):
            require(
                model.pooling == "pooled" and model.classifier_dim is None,
                "model",
                "a classifier of the pooled output by one layer to be written",
                pooling=model.pooling,
                classifier_dim=model.classifier_dim,
            )
            return "BertForSequenceClassification"
        return "BertModel"

    def config(self, model):
        encoder = encoder_of(model)
        activation = activations.serialize(encoder.activation)
        if encoder.activation is keras.activations.gelu:
            activation = "gelu"
        require(
            activation in ("gelu", "gelu_new", "relu"),
            "model",
            "a BERT whose activation is 'gelu', 'gelu_new' or 'relu' to be written",
            activation=activation,
        )
        config = {
            "model_type": self.model_type,
            **{theirs: getattr(encoder, ours) for theirs, ours in self.sizes.items()},
            "hidden_act": activation,
            "hidden_dropout_prob": encoder.dropout,
            "attention_probs_dropout_prob": _given(encoder.attention_dropout, encoder.dropout),
            "layer_norm_eps": encoder.layer_norm_epsilon,
            "initializer_range": INITIALIZER_RANGE,
            "position_embedding_type": "absolute",
            "dtype": "float32",
        }
        if isinstance(model, (Classifier, TokenClassifier)):
            config["classifier_dropout"] = model.classifier_dropout
        return config


def _given(value, default):
    return default if value is None else value


def encoder_parts(encoder):
    """`{name: Part}` of a `BertEncoder`: the tensors of HuggingFace's BertModel."""
    positions = encoder.embedding.position_layer.position_embeddings
    parts = {
        "embeddings.word_embeddings.weight": Part(encoder.embedding.token_embeddings),
        "embeddings.position_embeddings.weight": Part(positions),
        "embeddings.token_type_embeddings.weight": Part(encoder.segment_embedding.embeddings),
        **norm_parts("embeddings.LayerNorm", encoder.embedding_normalization),
    }
    width = encoder.hidden_dim
    for index, block in enumerate(encoder.blocks):
        attention, feed_forward = block.self_attention, block.feed_forward
        layer = f"encoder.layer.{index}"
        for third, name in enumerate(("query", "key", "value")):
            parts |= dense_parts(
                f"{layer}.attention.self.{name}",
                attention.query_key_value_kernel,
                attention.query_key_value_bias,
                (third * width, (third + 1) * width),
            )
        name = f"{layer}.attention.output"
        parts |= dense_parts(f"{name}.dense", attention.output_kernel, attention.output_bias)
        parts |= norm_parts(f"{name}.LayerNorm", block.self_attention_normalization)
        dense = feed_forward.intermediate
        parts |= dense_parts(f"{layer}.intermediate.dense", dense.kernel, dense.bias)
        dense = feed_forward.output_projection
        parts |= dense_parts(f"{layer}.output.dense", dense.kernel, dense.bias)
        parts |= norm_parts(f"{layer}.output.LayerNorm", block.feed_forward_normalization)
    if encoder.has_pooler:
        parts |= dense_parts("pooler.dense", encoder.pooler.kernel, encoder.pooler.bias)
    return parts


def head_parts(model):
    """`{name: Part}` of the head of a model."""
    if not isinstance(model, MaskedLM):
        return dense_parts("classifier", model.classifier.kernel, model.classifier.bias)
    head = model.masked_lm
    parts = {"cls.predictions.bias": Part(head.token_bias)}
    parts |= dense_parts("cls.predictions.transform.dense", head.dense.kernel, head.dense.bias)
    parts |= norm_parts("cls.predictions.transform.LayerNorm", head.normalization)
    if model.next_sentence:
        dense = model.next_sentence_classifier
        parts |= dense_parts("cls.seq_relationship", dense.kernel, dense.bias)
    return parts
