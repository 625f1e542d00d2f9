"""Vectors of strings, by any function from ids to vectors."""

from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, require_texts, well_formed
from keras_attention.artifacts.formats import format_of
from keras_attention.tasks.encode_texts import encode_texts
from keras_attention.tasks.encoder_inputs import encoder_inputs
from keras_attention.tasks.unknown_tokens import UnknownTokens
from keras_attention.text.tokenizers import load_encoder_tokenizer
from keras_attention.token_ids import pad

OUTPUT = "sentence_embedding"  # what models and signatures call the vectors


class TextEmbedder:
    """Gives each string of a list a vector, in batches of similar length.

    Args:
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        run: function `(texts, token_ids) -> vectors (B, D)` for one batch: lists of B strings and
            of their ids. Wrap a function of padded ids with `ids_to_vectors`.
        dimension: number of elements D of a vector.
        max_length: the longest text in tokens, special ones included; the rest is dropped.
        batch_size: number of texts at a time.

    Attributes:
        unknown: the `UnknownTokens` of the texts so far.

    >>> embedder = keras_attention.load("artifact", runtime="onnx")
    >>> embedder.embed(["a gripping, funny film", "a dull one"]).shape
    (2, 384)
    """

    def __init__(self, tokenizer, run, dimension, max_length, batch_size=32):
        self.tokenizer = tokenizer
        self.run = run
        self.dimension = dimension
        self.max_length = max_length
        self.batch_size = batch_size
        self.unknown = UnknownTokens()

    def encode(self, texts):
        """The `Encoded` ids of the texts; how many were cut is said in one warning."""
        encoded = encode_texts(self.tokenizer, texts, None, self.max_length, stacklevel=3)
        self.unknown.add(encoded.token_ids, self.tokenizer.special_ids.unknown)
        return encoded

    def embed(self, texts):
        """The vector of each text: (N, D) float32.

        Args:
            texts: list of N strings; of none there are no rows.

        Raises:
            ValueError: if `texts` is not a list of strings.
            InputError: if the model gives vectors of another dimension.
        """
        require_texts("texts", texts)
        rows = self.encode(texts).token_ids
        order = sorted(range(len(texts)), key=lambda index: len(rows[index]))
        found = np.zeros((len(texts), self.dimension), "float32")
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            vectors = self.run([texts[i] for i in members], [rows[i] for i in members])
            if vectors.shape != (len(members), self.dimension):
                raise InputError(
                    f"The model gives vectors of the shape {vectors.shape}, not "
                    f"{(len(members), self.dimension)}."
                )
            found[members] = vectors
        return found


def keras_embedder(model, tokenizer, max_length):
    """A `TextEmbedder` that runs `model`, which becomes its `.model`.

    Args:
        model: a Keras model with the inputs of an encoder, whose output is vectors (B, D).
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        max_length: the longest text in tokens.
    """
    run = ids_to_vectors(compiled_embed(model, tokenizer.padding_id), tokenizer.padding_id)
    embedder = TextEmbedder(tokenizer, run, int(model.output_shape[-1]), max_length)
    embedder.model = model
    return embedder


def compiled_embed(model, padding_id):
    """`embed(token_ids) -> vectors` as a function of arrays, traced once.

    Args:
        model: a Keras model with the inputs of an encoder, whose output is vectors (B, D).
        padding_id: of the vocabulary: it is masked.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    def embed(token_ids):
        return text_vectors(model, padding_id, token_ids)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        embed = tf.function(embed, input_signature=signature, autograph=False)
    return lambda token_ids: keras.ops.convert_to_numpy(embed(token_ids))


def text_vectors(model, padding_id, token_ids):
    """The vector of every text (B, D) float32, from ids alone: what runs and artifacts share.

    Args:
        model: a `SentenceEncoder`, or any Keras model whose inputs are some of "token_ids",
            "segment_ids" and "padding_mask" and whose output is vectors.
        padding_id: the id that is masked.
        token_ids: (B, T) int32.
    """
    from keras import ops

    token_ids = ops.convert_to_tensor(token_ids)
    inputs = encoder_inputs(
        model,
        token_ids=token_ids,
        segment_ids=ops.zeros_like(token_ids),
        padding_mask=ops.cast(ops.not_equal(token_ids, padding_id), "int32"),
    )
    return ops.cast(model(inputs, training=False), "float32")


def artifact_embedder(directory, runtime, manifest):
    """A `TextEmbedder` that runs one of an artifact's formats.

    Args:
        directory: path of the artifact.
        runtime: name of the format.
        manifest: the artifact's manifest, a dict.

    Raises:
        InputError: if the artifact does not hold that format.
    """
    fmt = format_of(directory, runtime, manifest)
    tokenizer = load_encoder_tokenizer(Path(directory) / "tokenizer")
    if fmt.takes_text:
        run = strings_to_vectors(fmt.signature(directory, "serving_default"))
    else:
        signature = fmt.signature(directory, "ids", [OUTPUT])
        run = ids_to_vectors(lambda **ids: signature(**ids)[OUTPUT], tokenizer.padding_id)
    return TextEmbedder(tokenizer, run, manifest["dimension"], manifest["max_length"])


def strings_to_vectors(embed):
    """`run` for `TextEmbedder` from the signature `serving_default`."""
    return lambda texts, rows: embed(text=[well_formed(text).encode() for text in texts])[OUTPUT]


def ids_to_vectors(embed, padding_id):
    """`run` for `TextEmbedder` from `embed(token_ids (B, T)) -> (B, D)`."""
    return lambda texts, rows: embed(token_ids=pad(rows, value=padding_id))
