"""Recurrent translators with attention as functional Keras models that generate."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.output_projection import output_projection
from keras_attention.layers.require_shapes import sizes_fit
from keras_attention.models.rnn_presets import PRESETS
from keras_attention.models.translator import Translator


@keras.saving.register_keras_serializable(package="keras_attention")
class RNNTranslator(Translator):
    """Embeddings, a recurrent encoder, a decoder that attends, and the output projection.

    The whole family is this one model: what differs is the encoder and the decoder it is given.

    Inputs are `{"encoder_token_ids": (B, S), "decoder_token_ids": (B, T)}`, integers padded with
    `special_ids.padding`, the decoder's starting with `special_ids.start`; the output is the logits
    (B, T, V). All masks are computed from the ids: padding changes nothing.

    Args:
        vocabulary_size: number of tokens V of the target, and of the source unless given.
        encoder: a layer `(embedded (B, S, E), padding_mask) -> (annotations (B, S, W), summary (B,
            W))`: a `RecurrentEncoder`.
        decoder: a `RecurrentDecoder`, `RNNSearchDecoder`, `GNMTDecoder` or a subclass.
        embedding_dim: width E of both embeddings.
        source_vocabulary_size: number of source tokens where the vocabularies differ.
        share_embeddings: whether source and target share one embedding matrix, where the
            vocabularies do not differ.
        tie_weights: whether the output projection is the target's embedding matrix, to which the
            decoder's output must be equal in width; if not, it has a kernel and a bias of its own.
        dropout: rate on the embeddings.
        embeddings_initializer: of the embeddings and of the output projection's kernel.
        max_sequence_length: the longest source, and the longest translation, in tokens.
        special_ids: a `SpecialIds` with padding, start and end, or its dict.
        forbidden_ids: list of the ids that are never generated; by default padding and start, where
            they are no end.

    Raises:
        ValueError: if a size, rate or id is out of range, or the decoder's output cannot be tied.

    Example:

    >>> model = RNNTranslator.from_preset("small", vocabulary_size=100)
    >>> ids = np.array([[5, 6, 7, 3]])
    >>> model({"encoder_token_ids": ids, "decoder_token_ids": np.array([[2, 8, 9]])}).shape
    (1, 3, 100)
    >>> model.generate(ids, return_alignment=True)["alignment"].shape
    (1, 54, 4)

    Reference: Bahdanau, Cho & Bengio 2015, "Neural Machine Translation by Jointly Learning to Align
    and Translate", https://arxiv.org/abs/1409.0473
    """

    def __init__(
        self,
        vocabulary_size,
        encoder,
        decoder,
        embedding_dim=128,
        source_vocabulary_size=None,
        share_embeddings=True,
        tie_weights=True,
        dropout=0.0,
        embeddings_initializer="uniform",
        max_sequence_length=256,
        special_ids=None,
        forbidden_ids=None,
        dtype=None,
        **kwargs,
    ):
        # Layers
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("embedding_dim", embedding_dim),
            ("max_sequence_length", max_sequence_length),
        ):
            require_positive_integer(name, value)
        require_rate("dropout", dropout)
        self.set_special_ids(special_ids, forbidden_ids, vocabulary_size)

        initializer = keras.initializers.get(embeddings_initializer)

        def embedding(size, name):
            return keras.layers.ReversibleEmbedding(
                size,
                embedding_dim,
                embeddings_initializer=initializer.clone(),
                dtype=dtype,
                name=name,
            )

        self.target_embedding = embedding(vocabulary_size, "target_embedding")
        self.source_embedding = self.target_embedding
        if source_vocabulary_size is not None or not share_embeddings:
            size = source_vocabulary_size or vocabulary_size
            self.source_embedding = embedding(size, "source_embedding")
        self.source_dropout = Dropout(dropout, dtype=dtype, name="source_dropout")
        self.target_dropout = Dropout(dropout, dtype=dtype, name="target_dropout")
        self.encoder = encoder
        self.decoder = decoder
        self.output_projection = None
        if not tie_weights:
            self.output_projection = keras.layers.Dense(
                vocabulary_size,
                kernel_initializer=initializer.clone(),
                dtype=dtype,
                name="output_projection",
            )

        # Graph
        encoder_token_ids = keras.Input((None,), dtype="int32", name="encoder_token_ids")
        decoder_token_ids = keras.Input((None,), dtype="int32", name="decoder_token_ids")
        encoded, summary, mask = self.encode(encoder_token_ids)
        target_ids = checked_ids(decoder_token_ids, vocabulary_size)
        x = self.target_dropout(self.target_embedding(target_ids))
        x = decoder(x, encoded, summary=summary, value_mask=mask)
        require(
            not tie_weights or x.shape[-1] == embedding_dim,
            "decoder",
            "one whose output is `embedding_dim` wide, with `tie_weights`",
            embedding_dim=embedding_dim,
            output_width=x.shape[-1],
        )
        super().__init__(
            inputs={"encoder_token_ids": encoder_token_ids, "decoder_token_ids": decoder_token_ids},
            outputs=self._logits(x),
            **kwargs,
        )

        # Config
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.source_vocabulary_size = source_vocabulary_size
        self.share_embeddings = share_embeddings
        self.tie_weights = tie_weights
        self.dropout = dropout
        self.embeddings_initializer = initializer
        self.max_sequence_length = max_sequence_length
        self.hidden_dim = embedding_dim  # what the Noam schedule scales by, as in the transformer

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights of one of the family's published members.

        - "small": bidirectional GRU of 256 units, additive attention, layer normalisation, tied
          embeddings of width 128 (the sizes of LIUM-CVC's system for Multi30k).
        - "small-fixed": the same without attention, its context the encoder's summary.
        - "rnnencdec", "rnnsearch": the two models of Bahdanau et al. 2015, appendix A.
        - "gnmt": eight residual LSTM layers on either side (Wu et al. 2016).

        Args:
            preset: one of these names.
            **overrides: arguments of the preset's function in `rnn_presets` and of this class.

        >>> RNNTranslator.from_preset("small", vocabulary_size=8000, units=128)
        """
        require(preset in PRESETS, "preset", f"one of {tuple(PRESETS)}", preset=preset)
        return cls(**PRESETS[preset](**overrides))

    def encode(self, source_ids):
        """The annotations (B, S, W), their summary (B, W) and the mask (B, S) of the tokens."""
        mask = self.inputs_mask(source_ids)
        ids = checked_ids(source_ids, self.source_embedding.input_dim)
        x = self.source_dropout(self.source_embedding(ids))
        return *self.encoder(x, padding_mask=mask), mask

    def _logits(self, x):
        if self.output_projection is None:
            return self.target_embedding(x, reverse=True)
        return self.output_projection(x)

    def attention_scores(self, encoder_token_ids, decoder_token_ids):
        """The attention while reading a source and a target.

        Args:
            encoder_token_ids: (B, S).
            decoder_token_ids: (B, T), beginning with `special_ids.start`.

        Returns:
            `{"cross": [(B, 1, T, S)]}`; row t led to target token t. Without attention `{}`.
        """
        if self.decoder.attention is None:
            return {}
        encoded, summary, mask = self.encode(encoder_token_ids)
        x = self.target_embedding(decoder_token_ids)
        _, alignment = self.decoder(
            x, encoded, summary=summary, value_mask=mask, return_attention_scores=True
        )
        return {"cross": [ops.expand_dims(alignment, 1)]}

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        """The source side, and the decoder's first state: see `StepContract`.

        Without attention the state has no alignment, which the searches refuse.
        """
        with sizes_fit():  # the mask is made of the ids
            encoded, summary, mask = self.encode(inputs)
        constants = self.decoder.constants(encoded, summary, mask)
        state = {"decoder": self.decoder.initial_state(constants)}
        if return_alignment and self.decoder.attention is not None:
            state["alignment"] = ops.zeros(ops.shape(inputs), dtype="float32")
        if beam_size > 1:
            rows = ops.repeat(ops.arange(ops.shape(inputs)[0], dtype="int32"), beam_size)
            state, constants = self.select_rows(state, rows), self.select_rows(constants, rows)
        return state, constants

    def step(self, token, position, state, constants):
        """Logits (B, V) for the token after `token` (B,); where it stands makes no difference."""
        features, new_state = self.step_features(token, position, state, constants)
        return self._logits(features), new_state

    def step_projection(self):
        if self.output_projection is None:
            return output_projection(self.target_embedding, reverse=True)
        return output_projection(self.output_projection)

    def step_features(self, token, position, state, constants):
        """What the logits of `step` are made of (B, W): see `StepContract`."""
        x = self.target_embedding(token)  # (B, E)
        features, alignment, decoder_state = self.decoder.step(
            self.decoder.prepare(x), state["decoder"], constants
        )
        new_state = {"decoder": decoder_state}
        if "alignment" in state:
            new_state["alignment"] = ops.cast(alignment, "float32")
        return self.decoder.read(features, x), new_state

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "embedding_dim": self.embedding_dim,
            "source_vocabulary_size": self.source_vocabulary_size,
            "share_embeddings": self.share_embeddings,
            "tie_weights": self.tie_weights,
            "dropout": self.dropout,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "max_sequence_length": self.max_sequence_length,
            **self.special_ids_config(),
            "dtype": keras.dtype_policies.serialize(self.encoder.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("encoder", "decoder"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)
