"""Texts to hidden states or logits, by any function from ids to arrays."""

from pathlib import Path

import numpy as np

from keras_attention._validation import require_texts
from keras_attention.artifacts.formats import format_of
from keras_attention.tasks.encode_texts import encode_texts
from keras_attention.tasks.encoder_inputs import encoder_inputs
from keras_attention.token_ids import pad


class IdsModel:
    """A model that gives vectors or logits for every token of a text, in batches of like length.

    Args:
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        run: function of `token_ids` and `segment_ids` (B, T) to a dict of arrays (B, T, ...).
        output: name of the array that is wanted.
        max_length: the longest text in tokens, special ones included; the rest is dropped.
        batch_size: number of texts at a time.

    >>> model = keras_attention.load("encoder-run")
    >>> [array.shape for array in model.outputs(["a gripping, funny film"])]
    [(8, 384)]
    """

    def __init__(self, tokenizer, run, output, max_length, batch_size=32):
        self.tokenizer = tokenizer
        self.run = run
        self.output = output
        self.max_length = max_length
        self.batch_size = batch_size

    def encode(self, texts, pairs=None):
        """The `Encoded` ids of the texts; how many were cut is said in one warning."""
        return encode_texts(self.tokenizer, texts, pairs, self.max_length, stacklevel=3)

    def outputs(self, texts, pairs=None):
        """The array (T, ...) of each text, a row a token, special ones included.

        Args:
            texts: list of N strings.
            pairs: list of N strings, the second texts, or None.

        Raises:
            ValueError: if `texts` or `pairs` are not a list of strings.
        """
        require_texts("texts", texts)
        if pairs is not None:
            require_texts("pairs", pairs)
        encoded = self.encode(texts, pairs)
        lengths = [len(ids) for ids in encoded.token_ids]
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        found = [None] * len(texts)
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            rows = self.run(
                token_ids=pad(
                    [encoded.token_ids[i] for i in members], value=self.tokenizer.padding_id
                ),
                segment_ids=pad([encoded.segment_ids[i] for i in members], value=0),
            )[self.output]
            for index, row in zip(members, rows, strict=True):
                found[index] = np.asarray(row[: lengths[index]])
        return found


def keras_ids_model(model, tokenizer, ids, output, max_length):
    """An `IdsModel` that runs `model`, which becomes its `.model`.

    Args:
        model: the Keras model.
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        ids: its `tf.function`, from `ids_graph`.
        output, max_length: those of `IdsModel`.
    """

    def run(**inputs):
        return {name: tensor.numpy() for name, tensor in ids(**inputs).items()}

    user = IdsModel(tokenizer, run, output, max_length)
    user.model, user.ids = model, ids
    return user


def artifact_ids_model(directory, runtime, manifest, tokenizer):
    """An `IdsModel` that runs one of an artifact's formats.

    Args:
        directory: path of the artifact.
        runtime: name of the format.
        manifest: the artifact's manifest, a dict.
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
    """
    fmt = format_of(directory, runtime, manifest)
    output, length = manifest["output"], manifest["max_length"]
    return IdsModel(tokenizer, fmt.signature(Path(directory), "ids", [output]), output, length)


def ids_graph(model, padding_id, names):
    """`token_ids, segment_ids (N, T) int32 -> ` a dict of float32 tensors (N, T, ...).

    Args:
        model: a Keras model with the inputs of an encoder.
        padding_id: of the vocabulary: it is masked.
        names: of the outputs; a model that returns one tensor has one name.
    """
    import tensorflow as tf

    from keras_attention.graph.require_same_shape import require_same_shape

    signature = [
        tf.TensorSpec((None, None), tf.int32, name=name) for name in ("token_ids", "segment_ids")
    ]

    @tf.function(input_signature=signature, autograph=False)
    def ids(token_ids, segment_ids):
        segment_ids = require_same_shape(segment_ids, token_ids)
        padding_mask = tf.cast(tf.not_equal(token_ids, padding_id), tf.int32)
        inputs = encoder_inputs(
            model, token_ids=token_ids, segment_ids=segment_ids, padding_mask=padding_mask
        )
        found = model(inputs, training=False)
        found = found if isinstance(found, dict) else {names[0]: found}
        return {name: tf.cast(found[name], tf.float32) for name in names}

    return ids
