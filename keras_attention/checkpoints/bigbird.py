"""BigBird's published checkpoints: their config and the names of their tensors."""

from pathlib import Path

from keras_attention._validation import require
from keras_attention.checkpoints.bert import Bert
from keras_attention.checkpoints.block_family import DROPOUT, given
from keras_attention.checkpoints.parts import dense_parts
from keras_attention.models import BigBirdEncoder, Classifier
from keras_attention.models.big_bird_encoder import ATTENTION_TYPES
from keras_attention.models.encoder import encoder_of
from keras_attention.text.tokenizers import load_encoder_tokenizer
from keras_attention.text.tokenizers.sentencepiece_encoder_tokenizer import MODEL, TOKENIZER_CLASS


class BigBird(Bert):
    """Zaheer et al. 2020, as HuggingFace's BigBirdModel and its heads store it.

    An encoder that is read has the random blocks of HuggingFace's evaluation: block 0, always. To
    have those that the authors' program draws, give `random_blocks="original"`.
    """

    model_type = "big_bird"
    name = "BigBird"
    bare_class = BigBirdEncoder
    supported = {
        **Bert.supported,
        "attention_type": (*ATTENTION_TYPES, None),
        "use_bias": (True, None),
        "rescale_embeddings": (False, True, None),
    }
    sizes = {
        **Bert.sizes,
        "block_size": "block_size",
        "num_random_blocks": "num_random_blocks",
    }
    architectures = {
        name.replace("Bert", "BigBird"): task for name, task in Bert.architectures.items()
    }
    heads = {**Bert.heads, "classifier": "classifier.out_proj.weight"}

    def arguments(self, config, names):
        return {
            **super().arguments({"hidden_act": "gelu_new", **config}, names),
            "attention_type": config.get("attention_type") or ATTENTION_TYPES[0],
            "rescale_embeddings": bool(config.get("rescale_embeddings")),
            "random_blocks": "hugging_face",
        }

    def make(self, task, arguments, config, shapes):
        if task != "classifier":
            return super().make(task, arguments, config, shapes)
        encoder = self.bare_class(**arguments)
        dropout = given(config.get("classifier_dropout"), config.get("hidden_dropout_prob"))
        return Classifier(
            encoder,
            # A fault in the bias is found afterwards.
            max(1, (shapes.get("classifier.out_proj.bias") or (1,))[0]),
            **encoder.classifier_options(),
            classifier_dropout=given(dropout, DROPOUT),
            problem_type=config.get("problem_type"),
        )

    def encoder_parts(self, encoder):
        parts = super().encoder_parts(encoder)
        return {name.replace("pooler.dense.", "pooler."): part for name, part in parts.items()}

    def load_tokenizer(self, directory):
        """That which a directory names, else the one of its files: the published ones have
        SentencePiece's, some call it by the name of HuggingFace's faster one."""
        if (Path(directory) / MODEL).exists():
            return load_encoder_tokenizer(directory, TOKENIZER_CLASS)
        return super().load_tokenizer(directory)

    def head_parts(self, model):
        if not isinstance(model, Classifier):
            return super().head_parts(model)
        dense, classifier = model.dense, model.classifier
        return {
            **dense_parts("classifier.dense", dense.kernel, dense.bias),
            **dense_parts("classifier.out_proj", classifier.kernel, classifier.bias),
        }

    def architecture(self, model):
        if not isinstance(model, Classifier):
            return super().architecture(model).replace("Bert", "BigBird")
        needed = model.encoder.classifier_options()
        require(
            all(getattr(model, name) == value for name, value in needed.items()),
            "model",
            "a classifier with the `classifier_options()` of its encoder to be written",
            **{name: getattr(model, name) for name in needed},
        )
        return "BigBirdForSequenceClassification"

    def config(self, model):
        encoder = encoder_of(model)
        require(
            encoder.num_random_blocks
            and (
                encoder.attention_type == "original_full" or encoder.random_blocks == "hugging_face"
            ),
            "model",
            "a BigBird with `random_blocks` 'hugging_face', one or more, to be written: "
            "HuggingFace's model computes no others in evaluation",
            random_blocks=encoder.random_blocks,
            num_random_blocks=encoder.num_random_blocks,
        )
        return {
            **super().config(model),
            "attention_type": encoder.attention_type,
            "use_bias": True,
            "rescale_embeddings": encoder.rescale_embeddings,
        }
