"""A second family of encoders, with presets, a tokenizer and checkpoints of its own.

It has what the base classes document and nothing else: no attention dropout, pooler or segments.
"""

import json
from pathlib import Path

import keras

from keras_attention import activations
from keras_attention._validation import InputError
from keras_attention.checkpoints.encoder_family import ENCODER, EncoderFamily
from keras_attention.checkpoints.parts import Part
from keras_attention.layers import TokenAndPositionEmbedding, TransformerEncoder
from keras_attention.models import Encoder, MaskedLM
from keras_attention.text.tokenizers.encoder_rows import Encoded
from keras_attention.text.tokenizers.graph_module import GraphModule
from keras_attention.token_ids import SpecialIds

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = [*LETTERS, "▁", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"]
SPACE, UNKNOWN, START, END, MASK, PADDING = range(len(LETTERS), len(VOCABULARY))


class LetterTokenizer:
    """A letter a token; id 0 is the letter a, and padding has the last id."""

    vocabulary_size = len(VOCABULARY)
    special_ids = SpecialIds(PADDING, UNKNOWN, START, END)
    padding_id, mask_id = PADDING, MASK
    is_continuation = [token in LETTERS for token in VOCABULARY]

    def encode(self, texts, pairs=None, max_length=512):
        assert pairs is None
        rows = [[_id_of(ord(character)) for character in text] for text in texts]
        ids = [[START, *row[: max_length - 2], END] for row in rows]
        return Encoded(
            ids, [[0] * len(row) for row in ids], [len(r) > max_length - 2 for r in rows]
        )

    def decode(self, token_ids):
        words = "".join(VOCABULARY[i] for i in token_ids if i <= SPACE)
        return words.replace("▁", " ").strip()

    def pieces(self, token_ids):
        return [VOCABULARY[token_id] for token_id in token_ids]

    def describe(self):
        return "letters"

    def in_graph(self):
        return LetterGraph()

    def save(self, directory):
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        settings = json.dumps({"tokenizer_class": "LetterTokenizer"})
        (directory / "tokenizer_config.json").write_text(settings)

    @classmethod
    def train(cls, texts, vocabulary_size, lowercase):
        assert len(list(texts)) > 1 and vocabulary_size > 1 and lowercase
        return cls()

    @classmethod
    def load(cls, directory):
        if not (Path(directory) / "tokenizer_config.json").exists():
            raise InputError(f"{directory}: no letters.")
        return cls()


def _id_of(code):
    return code - ord("a") if chr(code) in LETTERS else SPACE if chr(code) == " " else UNKNOWN


class LetterGraph(GraphModule):
    """The same in a graph."""

    def pack(self, texts, pairs=None, max_length=512):
        import tensorflow as tf

        codes = tf.strings.unicode_decode(texts, "UTF-8")[:, : max_length - 2]
        is_letter = (codes.values >= ord("a")) & (codes.values <= ord("z"))
        other = tf.where(codes.values == ord(" "), SPACE, UNKNOWN)
        ids = codes.with_values(tf.where(is_letter, codes.values - ord("a"), other))
        column = tf.ones_like(ids.row_lengths(), tf.int32)[:, tf.newaxis]
        ids = tf.concat([column * START, ids, column * END], 1)
        segments = tf.zeros_like(ids).to_tensor(0)
        return {"token_ids": ids.to_tensor(PADDING), "segment_ids": segments}


@keras.saving.register_keras_serializable(package="keras_attention")
class LetterEncoder(Encoder):
    """One block."""

    # A run may name classes of the package without more ado. There a new family's file stands.
    __module__ = "keras_attention.models.letter_encoder"

    presets = {"narrow": dict(hidden_dim=8), "tiny": dict(hidden_dim=12)}
    tokenizer_class = "LetterTokenizer"
    activation = staticmethod(activations.get("relu"))
    layer_norm_epsilon = 1e-5

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length=40,
        dropout=0.2,
        dtype=None,
        **kwargs,
    ):
        self.embedding = TokenAndPositionEmbedding(
            vocabulary_size, max_sequence_length, hidden_dim, dtype=dtype, name="embedding"
        )
        self.block = TransformerEncoder(16, 2, dropout=dropout, dtype=dtype, name="block")
        inputs = self.new_inputs()
        outputs = {"sequence_output": self.encode(inputs)}
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.dropout = dropout

    def encode(self, inputs):
        mask = keras.ops.not_equal(inputs["padding_mask"], 0)
        return self.block(self.embedding(inputs["token_ids"]), padding_mask=mask)

    def initializer(self):
        return keras.initializers.GlorotUniform()

    def layer_names(self):
        return ["embedding", "block"]

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "max_sequence_length": self.max_sequence_length,
            "dropout": self.dropout,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }


class Letters(EncoderFamily):
    """Its checkpoints: tensors by number."""

    model_type = "letters"
    name = "Letters"
    bare_class = LetterEncoder
    prefix = "letters."
    sizes = {
        "vocab_size": "vocabulary_size",
        "width": "hidden_dim",
        "positions": "max_sequence_length",
    }
    rates = {"dropout": "dropout"}
    architectures = {"LettersModel": ENCODER, "LettersForMaskedLM": "masked-lm"}
    heads = {"masked-lm": "head.0"}

    def arguments(self, config, names):
        return {ours: config[theirs] for theirs, ours in (self.sizes | self.rates).items()}

    def large_tensors(self, arguments):
        return {"0": (arguments["vocabulary_size"], arguments["hidden_dim"])}

    def parameters(self, arguments):
        return arguments["vocabulary_size"] * arguments["hidden_dim"]

    def make(self, task, arguments, config, shapes):
        encoder = self.bare_class(**arguments)
        return encoder if task == ENCODER else MaskedLM(encoder)

    def parts(self, model):
        if isinstance(model, self.bare_class):
            return {str(i): Part(v) for i, v in enumerate(model.trainable_variables)}
        parts = {self.prefix + name: part for name, part in self.parts(model.encoder).items()}
        shared = {id(part.variable) for part in parts.values()}
        own = [v for v in model.masked_lm.trainable_variables if id(v) not in shared]
        return parts | {f"head.{i}": Part(v) for i, v in enumerate(own)}

    def architecture(self, model):
        return "LettersForMaskedLM" if isinstance(model, MaskedLM) else "LettersModel"

    def config(self, model):
        encoder = model.encoder if isinstance(model, MaskedLM) else model
        names = self.sizes | self.rates
        return {
            "model_type": self.model_type,
            **{theirs: getattr(encoder, ours) for theirs, ours in names.items()},
        }
