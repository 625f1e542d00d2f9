"""The encoder of BigBird (Zaheer et al. 2020) as a functional Keras model."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require, require_positive_integer
from keras_attention.layers.block_sparse_encoder import BlockSparseEncoder
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.bert_encoder import BertEncoder

ATTENTION_TYPES = ("block_sparse", "original_full")


@keras.saving.register_keras_serializable(package="keras_attention")
class BigBirdEncoder(BertEncoder):
    """BERT's encoder with block-sparse attention, for long texts; the window is of three blocks.

    Inputs and outputs are those of `BertEncoder`. Two things differ from it beside the attention:
    the dropout of the embeddings comes before their norm, and token embeddings may be multiplied by
    sqrt(D).

    Texts of any length are computed by the pattern, short ones too; HuggingFace's model computes
    attention over all tokens for a batch of up to 5 + 2 `num_random_blocks` blocks. See
    `BlockSparseAttention`.

    Args:
        vocabulary_size, num_layers, num_heads, hidden_dim, intermediate_dim, dropout, num_segments,
            layer_norm_epsilon, has_pooler: those of `BertEncoder`.
        attention_dropout: rate on attention weights; `dropout` by default. The published programs
            have none there in block-sparse attention, whatever their config says.
        max_sequence_length: number of learned positions: the longest input, in tokens, for which
            the random blocks are planned.
        activation: of the feed-forward layers; "gelu_new", by tanh, in the published checkpoints.
        attention_type: "block_sparse", or "original_full" for attention over all tokens.
        block_size: tokens in a block.
        num_random_blocks: random blocks of each block of queries; 0 for none.
        random_blocks: "original" or "hugging_face": see `BlockSparseAttention`. The plan of each
            layer is drawn with its index.
        rescale_embeddings: whether token embeddings are multiplied by sqrt(D).

    Raises:
        ValueError: if a size or rate is out of range, or a name is unknown.

    Example:

    >>> encoder = BigBirdEncoder.from_preset("tiny", vocabulary_size=50358)
    >>> ids = np.ones((1, 1500), "int32")
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": ids}
    >>> encoder(inputs)["sequence_output"].shape
    (1, 1500, 128)

    Reference: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences",
    https://arxiv.org/abs/2007.14062
    """

    def __init__(
        self,
        vocabulary_size,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        intermediate_dim=3072,
        dropout=0.1,
        attention_dropout=None,
        max_sequence_length=4096,
        num_segments=2,
        activation="gelu_new",
        layer_norm_epsilon=1e-12,
        has_pooler=True,
        attention_type="block_sparse",
        block_size=64,
        num_random_blocks=3,
        random_blocks="original",
        rescale_embeddings=False,
        dtype=None,
        **kwargs,
    ):
        require(
            attention_type in ATTENTION_TYPES,
            "attention_type",
            f"one of {ATTENTION_TYPES}",
            attention_type=attention_type,
        )
        self.attention_type = attention_type
        self.block_size = block_size
        self.num_random_blocks = num_random_blocks
        self.random_blocks = random_blocks
        self.rescale_embeddings = rescale_embeddings
        self.max_sequence_length = max_sequence_length
        super().__init__(
            vocabulary_size,
            num_layers,
            num_heads,
            hidden_dim,
            intermediate_dim,
            dropout,
            attention_dropout,
            max_sequence_length,
            num_segments,
            activation,
            layer_norm_epsilon,
            has_pooler,
            dtype,
            **kwargs,
        )

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the published sizes, or of BERT's smaller ones.

        Args:
            preset: "base" or "large", which are BigBird's; "tiny", "mini", "small" or "medium".
            **overrides: arguments of this class.
        """
        return super().from_preset(preset, **overrides)

    @classmethod
    def from_bert(cls, encoder, max_sequence_length=4096, **options):
        """A long encoder of a BERT: its weights, and its positions one after the other, repeated.

        Longformer begins like this (Beltagy et al. 2020, section 5). A text that the BERT has
        positions for is encoded otherwise than by the BERT, as its tokens do not all see each
        other.

        Args:
            encoder: a `BertEncoder`.
            max_sequence_length: number of positions, no fewer than the BERT's.
            **options: further arguments of this class, such as `block_size`.

        Raises:
            ValueError: if `encoder` is no `BertEncoder` itself, or has more positions.

        >>> bert = BertEncoder.from_preset("tiny", vocabulary_size=30522)
        >>> BigBirdEncoder.from_bert(bert, max_sequence_length=2048).max_sequence_length
        2048
        """
        require(
            type(encoder) is BertEncoder, "encoder", "a BertEncoder", encoder=type(encoder).__name__
        )
        require_positive_integer("max_sequence_length", max_sequence_length)
        require(
            max_sequence_length >= encoder.max_sequence_length,
            "max_sequence_length",
            "at least the positions that the encoder has",
            max_sequence_length=max_sequence_length,
            positions=encoder.max_sequence_length,
        )
        sizes = {**encoder.get_config(), "max_sequence_length": max_sequence_length}
        made = cls(**{**sizes, **options})
        positions = encoder.embedding.position_layer.position_embeddings
        # In the same order, but for what a BERT has not: the random blocks.
        weights = [weight for weight in made.weights if weight.dtype != "int32"]
        for weight, value in zip(weights, encoder.weights, strict=True):
            if value is positions:
                times = -(-max_sequence_length // encoder.max_sequence_length)
                value = ops.tile(value, (times, 1))[:max_sequence_length]
            weight.assign(value)
        return made

    def make_embedding(self, *arguments, **options):
        return TokenAndPositionEmbedding(*arguments, scale=self.rescale_embeddings, **options)

    def make_block(self, index, **arguments):
        if self.attention_type == "original_full":
            return TransformerEncoder(**arguments)
        return BlockSparseEncoder(
            **arguments,
            block_size=self.block_size,
            num_random_blocks=self.num_random_blocks,
            random_blocks=self.random_blocks,
            max_sequence_length=self.max_sequence_length,
            plan_seed=index,
        )

    def normalized(self, x):
        return self.embedding_normalization(self.embedding_dropout(x))

    def classifier_options(self):
        """[CLS], a layer of width D with the encoder's activation, and the classifier; a dict.

        Dropout comes before each, as in HuggingFace's BigBirdForSequenceClassification.
        """
        return {
            "pooling": "cls",
            "classifier_dim": self.hidden_dim,
            "classifier_activation": activations.serialize(self.activation),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "attention_type": self.attention_type,
            "block_size": self.block_size,
            "num_random_blocks": self.num_random_blocks,
            "random_blocks": self.random_blocks,
            "rescale_embeddings": self.rescale_embeddings,
        }
