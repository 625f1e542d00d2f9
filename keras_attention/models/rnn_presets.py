"""The members of the recurrent family: functions that return `RNNTranslator`'s arguments."""

import keras

from keras_attention.layers.additive_attention import AdditiveAttention
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.gate_orthogonal import GateOrthogonal
from keras_attention.layers.gnmt_decoder import GNMTDecoder
from keras_attention.layers.maxout import Maxout
from keras_attention.layers.recurrent_decoder import RecurrentDecoder
from keras_attention.layers.recurrent_encoder import RecurrentEncoder
from keras_attention.layers.rnn_search_decoder import RNNSearchDecoder


def small(vocabulary_size, units=256, embedding_dim=128, dropout=0.3, attends=True, **options):
    """The sizes of Caglayan et al. 2017 (LIUM-CVC, text only), https://arxiv.org/abs/1707.04481.

    Args:
        vocabulary_size: V.
        units: of the encoder in each direction, the decoder and the attention.
        embedding_dim: width of the embeddings and of the readout, which are tied.
        dropout: rate on embeddings, annotations and readout.
        attends: False for the fixed vector.
        **options: arguments of `RNNTranslator`.
    """
    dtype = options.get("dtype")
    readout = [
        keras.layers.Dense(embedding_dim, use_bias=False, dtype=dtype),
        keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype),
        keras.layers.Activation("tanh", dtype=dtype),
        Dropout(dropout, dtype=dtype),
    ]
    return {
        "vocabulary_size": vocabulary_size,
        "embedding_dim": embedding_dim,
        "dropout": dropout,
        "encoder": RecurrentEncoder(
            units, normalize=attends, dropout=dropout, dtype=dtype, name="encoder"
        ),
        "decoder": RecurrentDecoder(
            keras.layers.GRUCell(units, dtype=dtype, name="cell"),
            AdditiveAttention(units, dtype=dtype, name="attention") if attends else None,
            readout=keras.Sequential(readout, name="readout"),
            bridge=keras.layers.Dense(units, "tanh", dtype=dtype, name="bridge"),
            dtype=dtype,
            name="decoder",
        ),
        **options,
    }


def small_fixed(vocabulary_size, **options):
    """`small` without attention."""
    return small(vocabulary_size, attends=False, **options)


def rnnsearch(
    vocabulary_size,
    units=1000,
    embedding_dim=620,
    maxout_units=500,
    attention_units=1000,
    paper_initialization=False,
    attends=True,
    **options,
):
    """Bahdanau, Cho & Bengio 2015, appendices A and B.

    Args:
        vocabulary_size: K.
        units: n.
        embedding_dim: m.
        maxout_units: l.
        attention_units: n'.
        paper_initialization: whether weights begin as in appendix B.1: recurrent matrices
            orthogonal, W_a and U_a normal with deviation 0.001, v zeros (attention begins uniform),
            all others normal with deviation 0.01. Adam learns slowly from there; the default is
            Keras' own.
        attends: False for RNNencdec, whose encoder reads forward only.
        **options: arguments of `RNNTranslator`.
    """
    dtype = options.get("dtype")
    kernels, recurrent, scores = {}, {}, {}
    if paper_initialization:
        normal = keras.initializers.RandomNormal
        kernels = {"kernel_initializer": normal(stddev=0.01)}
        recurrent = {**kernels, "recurrent_initializer": GateOrthogonal()}
        scores = {"kernel_initializer": normal(stddev=0.001), "score_initializer": "zeros"}
        options = {"embeddings_initializer": normal(stddev=0.01), **options}
    attention = None
    if attends:
        attention = AdditiveAttention(attention_units, dtype=dtype, name="attention", **scores)
    cell = keras.layers.GRUCell(units, reset_after=False, dtype=dtype, name="cell", **recurrent)
    bridge = keras.layers.Dense(units, "tanh", dtype=dtype, name="bridge", **kernels)
    return {
        "vocabulary_size": vocabulary_size,
        "embedding_dim": embedding_dim,
        "share_embeddings": False,
        "tie_weights": False,
        "encoder": RecurrentEncoder(
            units,
            bidirectional_layers=None if attends else 0,
            reset_after=False,
            dtype=dtype,
            name="encoder",
            **recurrent,
        ),
        "decoder": RNNSearchDecoder(
            cell,
            attention,
            readout=Maxout(maxout_units, dtype=dtype, name="readout", **kernels),
            bridge=bridge,
            dtype=dtype,
            name="decoder",
        ),
        **options,
    }


def rnnencdec(vocabulary_size, **options):
    """The fixed-vector model of Cho et al. 2014 as Bahdanau et al. 2015 compare with."""
    return rnnsearch(vocabulary_size, attends=False, **options)


def gnmt(vocabulary_size, units=1024, num_layers=8, dropout=0.2, **options):
    """Wu et al. 2016, section 3: the first encoder layer in both directions, residual stacks.

    Args:
        vocabulary_size: V.
        units: of every layer, and the width of the embeddings.
        num_layers: on either side.
        dropout: rate on the embeddings and on the output of every encoder layer.
        **options: arguments of `RNNTranslator`.
    """
    dtype = options.get("dtype")
    cells = [
        keras.layers.LSTMCell(units, dtype=dtype, name=f"cell_{index}")
        for index in range(num_layers)
    ]
    return {
        "vocabulary_size": vocabulary_size,
        "embedding_dim": units,
        "dropout": dropout,
        "share_embeddings": False,
        "tie_weights": False,
        "encoder": RecurrentEncoder(
            units,
            cell="lstm",
            num_layers=num_layers,
            bidirectional_layers=1,
            residual=True,
            dropout=dropout,
            dtype=dtype,
            name="encoder",
        ),
        "decoder": GNMTDecoder(
            cells,
            AdditiveAttention(units, normalize=True, use_bias=True, dtype=dtype, name="attention"),
            dtype=dtype,
            name="decoder",
        ),
        **options,
    }


PRESETS = {
    "small": small,
    "small-fixed": small_fixed,
    "rnnencdec": rnnencdec,
    "rnnsearch": rnnsearch,
    "gnmt": gnmt,
}
