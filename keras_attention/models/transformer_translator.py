"""The transformer of Vaswani et al. 2017 as a functional Keras model that generates."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.attention_cache import cache_slots, extend_cache
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.output_projection import output_projection
from keras_attention.layers.require_shapes import sizes_fit
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_decoder import TransformerDecoder
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.transformer_presets import PRESETS
from keras_attention.models.translator import Translator


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerTranslator(Translator):
    """Encoder, decoder and tied output projection, from token ids to logits.

    Inputs are `{"encoder_token_ids": (B, S), "decoder_token_ids": (B, T)}`, integers padded with
    `special_ids.padding`, the decoder's starting with `special_ids.start`; the output is the logits
    (B, T, V). All masks are computed from the ids: padding changes nothing.

    Args:
        vocabulary_size: number of tokens V of the target, and of the source unless given.
        source_vocabulary_size: number of source tokens where the vocabularies differ; None shares
            one embedding matrix between source, target and output projection.
        num_layers: number of encoder blocks, and of decoder blocks unless these are given.
        num_heads: number of heads H.
        hidden_dim: width D.
        intermediate_dim, activation: of the feed-forward layers.
        dropout: rate on embeddings, attention weights and sublayer outputs.
        max_sequence_length: the longest source, and the longest target, in tokens.
        normalize_first: True for pre-norm with a final norm, False for the paper's post-norm.
        attention_bias: whether attention projections have biases; the paper's have none.
        special_ids, forbidden_ids: those of `Translator.set_special_ids`.
        num_decoder_layers: number of decoder blocks. A deep encoder and few of these translate
            faster (Kasai et al. 2021, https://arxiv.org/abs/2006.10369).

    Raises:
        ValueError: if a size, rate or id is out of range.

    Example:

    >>> model = TransformerTranslator.from_preset("tiny", vocabulary_size=100)
    >>> ids = np.array([[5, 6, 7, 3]])
    >>> model({"encoder_token_ids": ids, "decoder_token_ids": np.array([[2, 8, 9]])}).shape
    (1, 3, 100)
    >>> model.generate(ids)["token_ids"].shape
    (1, 54)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        vocabulary_size,
        source_vocabulary_size=None,
        num_layers=6,
        num_heads=8,
        hidden_dim=512,
        intermediate_dim=2048,
        dropout=0.1,
        max_sequence_length=256,
        normalize_first=False,
        attention_bias=False,
        activation="relu",
        special_ids=None,
        forbidden_ids=None,
        num_decoder_layers=None,
        dtype=None,
        **kwargs,
    ):
        num_decoder_layers = num_layers if num_decoder_layers is None else num_decoder_layers
        layers = {"num_layers": num_layers, "num_decoder_layers": num_decoder_layers}
        widths = {"hidden_dim": hidden_dim, "intermediate_dim": intermediate_dim}
        sizes = {"num_heads": num_heads, "max_sequence_length": max_sequence_length}
        for name, value in {
            "vocabulary_size": vocabulary_size,
            **layers,
            **widths,
            **sizes,
        }.items():
            require_positive_integer(name, value)
        require_rate("dropout", dropout)
        self.set_special_ids(special_ids, forbidden_ids, vocabulary_size)

        # Layers
        def embedding(size, name):
            return TokenAndPositionEmbedding(
                size,
                max_sequence_length,
                hidden_dim,
                positions="sinusoidal",
                scale=True,
                # With the scale of sqrt(D) the embeddings enter with variance 1, and as the output
                # projection they give logits of variance 1.
                embeddings_initializer=keras.initializers.RandomNormal(stddev=hidden_dim**-0.5),
                dtype=dtype,
                name=name,
            )

        def blocks(block, count, name):
            return [
                block(
                    intermediate_dim,
                    num_heads,
                    dropout=dropout,
                    activation=activation,
                    normalize_first=normalize_first,
                    attention_bias=attention_bias,
                    dtype=dtype,
                    name=f"{name}_{index}",
                )
                for index in range(count)
            ]

        def final_norm(name):
            return keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype, name=name)

        self.target_embedding = embedding(vocabulary_size, "target_embedding")
        self.source_embedding = self.target_embedding
        if source_vocabulary_size is not None:
            require_positive_integer("source_vocabulary_size", source_vocabulary_size)
            self.source_embedding = embedding(source_vocabulary_size, "source_embedding")
        self.source_dropout = Dropout(dropout, dtype=dtype, name="source_dropout")
        self.target_dropout = Dropout(dropout, dtype=dtype, name="target_dropout")
        self.encoder_blocks = blocks(TransformerEncoder, num_layers, "encoder")
        self.decoder_blocks = blocks(TransformerDecoder, num_decoder_layers, "decoder")
        self.encoder_norm = final_norm("encoder_normalization") if normalize_first else None
        self.decoder_norm = final_norm("decoder_normalization") if normalize_first else None

        # Graph
        encoder_token_ids = keras.Input((None,), dtype="int32", name="encoder_token_ids")
        decoder_token_ids = keras.Input((None,), dtype="int32", name="decoder_token_ids")
        encoded, source_mask = self.encode(encoder_token_ids)
        x = self.target_dropout(self.target_embedding(decoder_token_ids))
        target_mask = self.target_mask(decoder_token_ids)
        for block in self.decoder_blocks:
            x = block(
                x,
                encoded,
                decoder_padding_mask=target_mask,
                encoder_padding_mask=source_mask,
            )
        logits = self.target_embedding(self._normalized(x), reverse=True)
        super().__init__(
            inputs={"encoder_token_ids": encoder_token_ids, "decoder_token_ids": decoder_token_ids},
            outputs=logits,
            **kwargs,
        )

        # Config
        self.vocabulary_size = vocabulary_size
        self.source_vocabulary_size = source_vocabulary_size
        self.num_layers = num_layers
        self.num_decoder_layers = num_decoder_layers
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.max_sequence_length = max_sequence_length
        self.normalize_first = normalize_first
        self.attention_bias = attention_bias
        self.activation = activations.get(activation)

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in a size of `PRESETS`: "tiny", "fast", "base", "big".

        >>> TransformerTranslator.from_preset("base", vocabulary_size=37000).count_params()
        63045632
        """
        require(preset in PRESETS, "preset", f"one of {tuple(PRESETS)}", preset=preset)
        return cls(**{**PRESETS[preset], **overrides})

    def encode(self, source_ids):
        """The encoder's output (B, S, D) and the mask (B, S) of the tokens in `source_ids`."""
        x = self.source_dropout(self.source_embedding(source_ids))
        mask = self.inputs_mask(source_ids)
        for block in self.encoder_blocks:
            x = block(x, padding_mask=mask)
        return (x if self.encoder_norm is None else self.encoder_norm(x)), mask

    def _normalized(self, x):
        return x if self.decoder_norm is None else self.decoder_norm(x)

    def attention_scores(self, encoder_token_ids, decoder_token_ids):
        """The attention of every layer: see `Translator`.

        Returns:
            `{"encoder": [(B, H, S, S), ...], "decoder": [(B, H, T, T), ...], "cross": [(B, H, T,
            S), ...]}`, one entry a layer. Row t of the last two led to target token t.
        """
        scores = {"encoder": [], "decoder": [], "cross": []}
        mask = self.inputs_mask(encoder_token_ids)
        x = self.source_embedding(encoder_token_ids)
        for block in self.encoder_blocks:
            x, weights = block(x, padding_mask=mask, return_attention_scores=True)
            scores["encoder"].append(weights)
        encoded = x if self.encoder_norm is None else self.encoder_norm(x)
        x = self.target_embedding(decoder_token_ids)
        for block in self.decoder_blocks:
            x, own, cross = block(
                x,
                encoded,
                decoder_padding_mask=self.target_mask(decoder_token_ids),
                encoder_padding_mask=mask,
                return_attention_scores=True,
            )
            scores["decoder"].append(own)
            scores["cross"].append(cross)
        return scores

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        """The source side and empty caches for `room` steps: see `StepContract`."""
        inputs = ops.convert_to_tensor(inputs)
        with sizes_fit():  # the mask is made of the ids
            encoded, mask = self.encode(inputs)
        batch_size, source_length = ops.shape(inputs)
        rows = batch_size * beam_size
        state = {"cache": [block.empty_cache(rows, room) for block in self.decoder_blocks]}
        if return_alignment:
            state["alignment"] = ops.zeros((rows, source_length), dtype="float32")
        constants = {
            "beam_size": beam_size,
            "source_mask": mask,
            "encoder": [block.project_encoder(encoded) for block in self.decoder_blocks],
        }
        return state, constants

    def extend(self, state, count):
        """Caches for `count` more steps: see `StepContract`."""
        return {**state, "cache": [extend_cache(cache, count) for cache in state["cache"]]}

    def select_rows(self, structure, rows, inputs=None):
        """Of constants one row an input, for all of its hypotheses: see `StepContract`."""
        if inputs is None:
            return super().select_rows(structure, rows)
        constants = dict(structure)
        beam_size = constants.pop("beam_size")
        return {"beam_size": beam_size, **super().select_rows(constants, inputs)}

    def step(self, token, position, state, constants):
        """Logits (B, V) for the token after `token` (B,), which stands at `position`."""
        x, new_state = self.step_features(token, position, state, constants)
        return self.target_embedding(x, reverse=True), new_state

    def step_projection(self):
        return output_projection(self.target_embedding, reverse=True)

    def step_features(self, token, position, state, constants):
        """What the logits of `step` are made of (B, D): see `StepContract`."""
        # Without an axis for the one position, which would be reshaped to and fro.
        x = self.target_embedding(token, start_index=position)  # (B, D)
        slots = cache_slots(state["cache"][0], position)
        caches, alignment = [], None
        for index, block in enumerate(self.decoder_blocks):
            # Garg et al. 2019, section 3.2: the mean of the penultimate layer's heads aligns best.
            aligns = "alignment" in state and index == max(0, self.num_decoder_layers - 2)
            x, scores, cache = block.step(
                x,
                state["cache"][index],
                slots,
                constants["encoder"][index],
                encoder_padding_mask=constants["source_mask"],
                queries_per_source=constants["beam_size"],
                return_attention_scores=aligns,
            )
            caches.append(cache)
            if aligns:
                mean = ops.mean(scores["cross_attention"], axis=1)[:, 0]  # (B, S)
                alignment = ops.cast(mean, "float32")
        new_state = {"cache": caches}
        if alignment is not None:
            new_state["alignment"] = alignment
        return self._normalized(x), new_state

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "source_vocabulary_size": self.source_vocabulary_size,
            "num_layers": self.num_layers,
            "num_decoder_layers": self.num_decoder_layers,
            "num_heads": self.num_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "max_sequence_length": self.max_sequence_length,
            "normalize_first": self.normalize_first,
            "attention_bias": self.attention_bias,
            "activation": activations.serialize(self.activation),
            **self.special_ids_config(),
            "dtype": keras.dtype_policies.serialize(self.encoder_blocks[0].dtype_policy),
        }
