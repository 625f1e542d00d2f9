"""An encoder that gives one vector for each text."""

import keras
from keras import ops

from keras_attention import activations, masks
from keras_attention._validation import require, require_positive_integer
from keras_attention.graph.unit_length import unit_length
from keras_attention.models.encoder_head import EncoderHead

# How the vectors of the tokens become one; of each a function of (B, T, D) and a mask (B, T).
# `masks` may still be on its way when this module is imported: see `_keras_hook`.
POOLINGS = {
    "mean": lambda x, mask: masks.masked_mean(x, mask),
    "cls": lambda x, mask: masks.first_token(x, mask),
    "max": lambda x, mask: masks.masked_max(x, mask),
}


@keras.saving.register_keras_serializable(package="keras_attention")
class SentenceEncoder(EncoderHead):
    """An `Encoder`, a pooling over tokens, dense layers and a normalisation to unit length.

    Inputs are those of the encoder. The output is one vector for each text (B, D'), where D' is the
    width of the last dense layer, or of the encoder without any. Texts of like meaning are to have
    vectors of high cosine similarity, which is the dot product of vectors of unit length. Padding
    changes nothing. A row without tokens is pooled to zeros.

    Args:
        encoder: an `Encoder`, such as a `BertEncoder`.
        pooling: "mean" of the output of all tokens, "cls" for the output of the first token, or
            "max" of each column over all tokens.
        normalize: whether the vectors are brought to unit length.
        dense: list of dense layers after the pooling, each a dict of `units`, `activation` (a name,
            "linear" by default) and `use_bias` (True by default).
        max_sequence_length: the longest text in tokens that runs and artifacts are to read; the
            encoder's where it is None.

    Raises:
        ValueError: if the pooling is unknown, a dense layer is not such a dict, or
            `max_sequence_length` is above the encoder's.

    Example:

    >>> model = SentenceEncoder.from_preset("tiny", pooling="mean", vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 102], [101, 102, 0]])
    >>> inputs = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": ids != 0}
    >>> vectors = model(inputs)  # (2, 128)
    >>> vectors[0] @ vectors[1]  # their cosine similarity

    Reference: Reimers and Gurevych 2019, "Sentence-BERT: Sentence Embeddings using Siamese
    BERT-Networks", section 3, https://arxiv.org/abs/1908.10084
    """

    task_kind = "embedding"  # a key of `keras_attention.tasks.TASKS`

    head_config = ("pooling", "normalize", "dense", "max_sequence_length")
    output_name = "sentence_embedding"

    def __init__(
        self,
        encoder,
        pooling="mean",
        normalize=True,
        dense=(),
        max_sequence_length=None,
        **kwargs,
    ):
        # Layers
        require(pooling in POOLINGS, "pooling", f"one of {tuple(POOLINGS)}", pooling=pooling)
        require(isinstance(normalize, bool), "normalize", "True or False", normalize=normalize)
        require(isinstance(dense, (list, tuple)), "dense", "a list of dicts", dense=dense)
        dense = [_dense_arguments(arguments) for arguments in dense]
        self.keep_encoder(encoder)
        if max_sequence_length is not None:
            require_positive_integer("max_sequence_length", max_sequence_length)
            require(
                max_sequence_length <= encoder.max_sequence_length,
                "max_sequence_length",
                f"at most {encoder.max_sequence_length}, that of the encoder",
                max_sequence_length=max_sequence_length,
            )
        self.dense_layers = [
            keras.layers.Dense(
                arguments["units"],
                activation=activations.get(arguments["activation"]),
                use_bias=arguments["use_bias"],
                kernel_initializer=encoder.initializer(),
                dtype=self.dtype_of_head,
                name=f"dense_{index}",
            )
            for index, arguments in enumerate(dense)
        ]

        # Graph
        inputs = encoder.new_inputs()
        mask = ops.not_equal(inputs["padding_mask"], 0)
        x = POOLINGS[pooling](encoder.encode(inputs), mask)
        for layer in self.dense_layers:
            x = layer(x)
        super().__init__(inputs, unit_length(x) if normalize else x, **kwargs)

        # Config
        self.pooling = pooling
        self.normalize = normalize
        self._dense = tuple(dense)
        self.max_sequence_length = max_sequence_length or encoder.max_sequence_length

    def arguments_on(self, encoder):
        longest = encoder.max_sequence_length
        if longest == self.encoder.max_sequence_length:
            longest = self.max_sequence_length
        # The length is that of texts that the former encoder was made for.
        return {**super().arguments_on(encoder), "max_sequence_length": longest}

    @property
    def dense(self):
        """The arguments of the dense layers, with all defaults: a list of dicts."""
        return [dict(arguments) for arguments in self._dense]

    @property
    def dimension(self):
        """The number of elements D' of a vector."""
        return self.dense[-1]["units"] if self.dense else self.encoder.hidden_dim


def _dense_arguments(arguments):
    """The arguments of one dense layer with its defaults, as JSON can hold them."""
    known = {"activation": "linear", "use_bias": True}
    require(
        isinstance(arguments, dict)
        and "units" in arguments
        and not arguments.keys() - {"units", *known},
        "dense",
        f"a list of dicts of units and, if given, {' and '.join(known)}",
        dense=arguments,
    )
    made = {**known, **arguments}
    require_positive_integer("units", made["units"])
    use_bias = made["use_bias"]
    require(isinstance(use_bias, bool), "use_bias", "True or False", use_bias=use_bias)
    made["activation"] = activations.serialize(activations.get(made["activation"]))
    return made
