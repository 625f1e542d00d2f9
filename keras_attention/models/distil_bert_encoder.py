"""The encoder of DistilBERT (Sanh et al. 2019) as a functional Keras model."""

import keras

from keras_attention.models.bert_presets import PRESETS as BERT_PRESETS
from keras_attention.models.block_encoder import BlockEncoder

# Half the layers of BERT's preset of the same name, as the paper's model has of BERT base
# (section 3). Only base is published; the others are students of the small BERTs.
PRESETS = {
    name: {**BERT_PRESETS[name], "num_layers": BERT_PRESETS[name]["num_layers"] // 2}
    for name in ("tiny", "mini", "small", "medium", "base")
}
LAYER_NORM_EPSILON = 1e-12  # of every checkpoint: no config of DistilBERT names another


@keras.saving.register_keras_serializable(package="keras_attention")
class DistilBertEncoder(BlockEncoder):
    """Embeddings of tokens and positions, and transformer blocks: BERT without segments and pooler.

    Inputs are those of every `Encoder`, `{"token_ids": (B, T), "segment_ids": (B, T),
    "padding_mask": (B, T)}`, integers; the mask is 1 at tokens and 0 at padding, and `segment_ids`
    are not read. Padding changes nothing. The output is `{"sequence_output": (B, T, D)}`. A pair of
    texts is one input, in which [SEP] alone tells them apart.

    The epsilon of the norms is 1e-12.

    Args:
        vocabulary_size: number of tokens V.
        num_layers: number of blocks.
        num_heads: number of heads H; a divisor of D.
        hidden_dim: width D.
        intermediate_dim: width of the feed-forward layers.
        dropout: rate on embeddings and sublayer outputs, as in BERT. (HuggingFace's model drops
            nothing after the attention's output projection.)
        attention_dropout: rate on attention weights; `dropout` by default.
        max_sequence_length: number of learned positions: the longest input, in tokens.
        activation: of the feed-forward layers: "gelu" is the exact formula, as in the published
            checkpoints.

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> encoder = DistilBertEncoder.from_preset("tiny", vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 102, 0]])
    >>> mask = np.array([[1, 1, 1, 0]])
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
    >>> encoder(inputs)["sequence_output"].shape
    (1, 4, 128)

    Reference: Sanh et al. 2019, "DistilBERT, a distilled version of BERT: smaller, faster, cheaper
    and lighter", section 3, https://arxiv.org/abs/1910.01108
    """

    presets = PRESETS
    takes_pairs = True

    def __init__(
        self,
        vocabulary_size,
        num_layers=6,
        num_heads=12,
        hidden_dim=768,
        intermediate_dim=3072,
        dropout=0.1,
        attention_dropout=None,
        max_sequence_length=512,
        activation="gelu",
        dtype=None,
        **kwargs,
    ):
        # Layers
        sizes = dict(
            vocabulary_size=vocabulary_size,
            num_layers=num_layers,
            num_heads=num_heads,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            max_sequence_length=max_sequence_length,
            activation=activation,
            layer_norm_epsilon=LAYER_NORM_EPSILON,
        )
        self.make_layers(**sizes, dtype=dtype)

        # Graph
        inputs = self.new_inputs()
        outputs = {"sequence_output": self.encode(inputs)}
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # Config
        self.keep_config(**sizes)

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in the published size, or in one for a small BERT's student.

        Args:
            preset: "base", or "tiny", "mini", "small" or "medium": each has half the layers of
                BERT's preset of that name.
            **overrides: arguments of this class.

        >>> DistilBertEncoder.from_preset("base", vocabulary_size=30522).count_params()
        66362880
        """
        return super().from_preset(preset, **overrides)

    def classifier_options(self):
        """[CLS], a layer of width D with ReLU, dropout and the classifier; a dict.

        The order of HuggingFace's DistilBertForSequenceClassification: no dropout before the layer.
        """
        return {
            "pooling": "cls",
            "classifier_dim": self.hidden_dim,
            "classifier_dropout": 0.2,
            "pooled_dropout": 0.0,
        }

    def get_config(self):
        config = super().get_config()
        del config["layer_norm_epsilon"]
        return config
