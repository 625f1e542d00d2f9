"""BERT's published checkpoints: their config and the names of their tensors."""

from keras_attention._validation import require
from keras_attention.checkpoints.block_family import (
    ACTIVATIONS,
    DROPOUT,
    BlockFamily,
    class_count,
    given,
)
from keras_attention.checkpoints.encoder_family import ENCODER
from keras_attention.checkpoints.parts import Part, dense_parts
from keras_attention.models import BertEncoder, Classifier, MaskedLM, TokenClassifier


class Bert(BlockFamily):
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
    block_names = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention_output": "attention.output.dense",
        "attention_normalization": "attention.output.LayerNorm",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
        "normalization": "output.LayerNorm",
    }
    masked_lm_names = {
        "dense": "cls.predictions.transform.dense",
        "normalization": "cls.predictions.transform.LayerNorm",
        "bias": "cls.predictions.bias",
    }

    def arguments(self, config, names):
        has_pooler = any("pooler." in name for name in names)
        return {**super().arguments(config, names), "has_pooler": has_pooler}

    def large_tensors(self, arguments):
        shape = (arguments["num_segments"], arguments["hidden_dim"])
        return {
            **super().large_tensors(arguments),
            "embeddings.token_type_embeddings.weight": shape,
        }

    def make(self, task, arguments, config, shapes):
        if task == ENCODER:
            return self.bare_class(**arguments)
        if task == "masked-lm":
            next_sentence = "cls.seq_relationship.weight" in shapes
            if next_sentence:
                arguments = {**arguments, "has_pooler": True}
            return MaskedLM(self.bare_class(**arguments), next_sentence=next_sentence)
        count = class_count(shapes)
        dropout = given(config.get("classifier_dropout"), config.get("hidden_dropout_prob"))
        dropout = given(dropout, DROPOUT)
        if task == "token-classifier":
            return TokenClassifier(self.bare_class(**arguments), count, classifier_dropout=dropout)
        arguments = {**arguments, "has_pooler": True}
        return Classifier(
            self.bare_class(**arguments),
            count,
            classifier_dropout=dropout,
            problem_type=config.get("problem_type"),
        )

    def encoder_parts(self, encoder):
        segments = Part(encoder.segment_embedding.embeddings)
        parts = {
            **super().encoder_parts(encoder),
            "embeddings.token_type_embeddings.weight": segments,
        }
        if encoder.has_pooler:
            parts |= dense_parts("pooler.dense", encoder.pooler.kernel, encoder.pooler.bias)
        return parts

    def head_parts(self, model):
        if not isinstance(model, MaskedLM):
            return dense_parts("classifier", model.classifier.kernel, model.classifier.bias)
        if not model.next_sentence:
            return {}
        dense = model.next_sentence_classifier
        return dense_parts("cls.seq_relationship", dense.kernel, dense.bias)

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
        config = {**super().config(model), "position_embedding_type": "absolute"}
        if isinstance(model, (Classifier, TokenClassifier)):
            config["classifier_dropout"] = model.classifier_dropout
        return config
