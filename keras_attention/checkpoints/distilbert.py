"""DistilBERT's published checkpoints: their config and the names of their tensors."""

import json

from keras_attention._validation import require
from keras_attention.checkpoints.block_family import (
    ACTIVATIONS,
    DROPOUT,
    BlockFamily,
    class_count,
    given,
)
from keras_attention.checkpoints.encoder_family import ENCODER
from keras_attention.checkpoints.parts import dense_parts
from keras_attention.json_file import read_json_object
from keras_attention.models import Classifier, DistilBertEncoder, MaskedLM, TokenClassifier
from keras_attention.text.tokenizers.wordpiece_files import SETTINGS

CLASSIFIER_DROPOUT = 0.2  # where a config gives no rate


class DistilBert(BlockFamily):
    """Sanh et al. 2019, as HuggingFace's DistilBertModel and its heads store it."""

    model_type = "distilbert"
    name = "DistilBERT"
    bare_class = DistilBertEncoder
    prefix = "distilbert."
    head_prefixes = ("vocab_", "pre_classifier.", "classifier.", "qa_outputs.")
    # A buffer of old checkpoints, which counts the positions, and what is tied to another tensor.
    ignored = ("embeddings.position_ids", "vocab_projector.weight")
    supported = {
        "activation": tuple(ACTIVATIONS),
        # Learned or not, the positions are a tensor of the checkpoint.
        "sinusoidal_pos_embds": (False, True, None),
        "tie_weights_": (True, None),
        "tie_word_embeddings": (True, None),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    }
    sizes = {
        "vocab_size": "vocabulary_size",
        "n_layers": "num_layers",
        "n_heads": "num_heads",
        "dim": "hidden_dim",
        "hidden_dim": "intermediate_dim",
        "max_position_embeddings": "max_sequence_length",
    }
    rates = {"dropout": "dropout", "attention_dropout": "attention_dropout"}
    other_rates = ("seq_classif_dropout",)
    token_ids = ("pad_token_id",)
    divisors = (("dim", "n_heads"),)
    architectures = {
        "DistilBertModel": ENCODER,
        "DistilBertForMaskedLM": "masked-lm",
        "DistilBertForSequenceClassification": "classifier",
        "DistilBertForTokenClassification": "token-classifier",
    }
    heads = {
        "masked-lm": "vocab_transform.weight",
        "classifier": "classifier.weight",
        "token-classifier": "classifier.weight",
    }
    activation = "activation"
    blocks = "transformer.layer"
    block_names = {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "attention_output": "attention.out_lin",
        "attention_normalization": "sa_layer_norm",
        "intermediate": "ffn.lin1",
        "output": "ffn.lin2",
        "normalization": "output_layer_norm",
    }
    masked_lm_names = {
        "dense": "vocab_transform",
        "normalization": "vocab_layer_norm",
        "bias": "vocab_projector.bias",
    }

    def shows_head(self, task, names):
        # A multiple choice has the tensors of a classifier: see `Family.shows_head`.
        shown = super().shows_head(task, names)
        if task in ("classifier", "token-classifier"):
            return shown and ("pre_classifier.weight" in names) == (task == "classifier")
        return shown

    def make(self, task, arguments, config, shapes):
        encoder = self.bare_class(**arguments)
        if task == ENCODER:
            return encoder
        if task == "masked-lm":
            return MaskedLM(encoder)
        count = class_count(shapes)
        if task == "token-classifier":
            dropout = given(config.get("dropout"), DROPOUT)
            return TokenClassifier(encoder, count, classifier_dropout=dropout)
        options = encoder.classifier_options()
        dropout = given(config.get("seq_classif_dropout"), CLASSIFIER_DROPOUT)
        options |= {"classifier_dropout": dropout, "problem_type": config.get("problem_type")}
        return Classifier(encoder, count, **options)

    def head_parts(self, model):
        if isinstance(model, MaskedLM):
            return {}
        parts = dense_parts("classifier", model.classifier.kernel, model.classifier.bias)
        if isinstance(model, Classifier):
            parts |= dense_parts("pre_classifier", model.dense.kernel, model.dense.bias)
        return parts

    def architecture(self, model):
        if isinstance(model, MaskedLM):
            return "DistilBertForMaskedLM"
        if isinstance(model, TokenClassifier):
            return "DistilBertForTokenClassification"
        if isinstance(model, Classifier):
            width = model.encoder.hidden_dim
            require(
                model.pooling == "cls" and model.classifier_dim == width,
                "model",
                f"a classifier of [CLS] with a layer of width {width} before it to be written",
                pooling=model.pooling,
                classifier_dim=model.classifier_dim,
            )
            return "DistilBertForSequenceClassification"
        return "DistilBertModel"

    def config(self, model):
        config = {**super().config(model), "sinusoidal_pos_embds": False, "tie_weights_": True}
        if isinstance(model, Classifier):
            config["seq_classif_dropout"] = model.classifier_dropout
        return config

    def save_tokenizer(self, tokenizer, directory):
        """As in `Family`. HuggingFace's BertTokenizer would hand segments to a model without."""
        super().save_tokenizer(tokenizer, directory)
        path = directory / SETTINGS
        settings = read_json_object(path) if path.exists() else {}
        if settings.get("tokenizer_class") == "BertTokenizer":
            settings["tokenizer_class"] = "DistilBertTokenizer"
            settings["model_input_names"] = ["input_ids", "attention_mask"]
            path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
