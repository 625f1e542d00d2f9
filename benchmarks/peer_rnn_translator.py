"""The small recurrent translator made of stock Keras layers, as a Keras user writes it.

`keras.layers.Bidirectional(GRU)`, then `keras.layers.RNN` over a hand-written cell that attends.
The same sizes, dropout, masks from ids and tied embeddings as
`RNNTranslator.from_preset("small")`, whose weights it takes, so that both give the same logits.
"""

import keras
from keras import layers, ops


class AttentionGRUCell(keras.layers.Layer):
    """A GRU cell that reads the token and the last context and then attends.

    Keras 3's RNN layer has no constants: `memory` is set before the loop.
    """

    def __init__(self, units, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.cell = layers.GRUCell(units)
        self.query = layers.Dense(units, use_bias=False)
        self.score = layers.Dense(1, use_bias=False)
        self.state_size = [units, width]
        self.output_size = units + width
        self.memory = None

    def build(self, inputs_shape):
        units = self.state_size[0]
        self.cell.build((None, inputs_shape[-1] + self.width))
        self.query.build((None, units))
        self.score.build((None, None, units))
        self.built = True

    def call(self, inputs, states, training=None):
        value, keys, penalty = self.memory  # the keys are projected once, outside
        state, context = states
        _, [state] = self.cell(ops.concatenate([inputs, context], axis=-1), [state])
        hidden = ops.tanh(ops.expand_dims(self.query(state), 1) + keys)  # (B, S, U)
        weights = ops.softmax(self.score(hidden)[:, :, 0] + penalty)
        context = ops.matmul(ops.expand_dims(weights, 1), value)[:, 0]
        return ops.concatenate([state, context], axis=-1), [state, context]


class AttentionDecoder(keras.layers.Layer):
    """`keras.layers.RNN` over the cell."""

    def __init__(self, units, width, **kwargs):
        super().__init__(**kwargs)
        self.cell = AttentionGRUCell(units, width)
        self.project_keys = layers.Dense(units, use_bias=False)
        self.rnn = layers.RNN(self.cell, return_sequences=True)

    def build(self, inputs_shape, value_shape, state_shape, source_mask_shape):
        self.project_keys.build(value_shape)
        self.rnn.build(inputs_shape)
        self.built = True

    def call(self, inputs, value, state, source_mask, training=None):
        penalty = ops.where(source_mask, 0.0, -1e9)
        self.cell.memory = value, self.project_keys(value), penalty
        states = [state, ops.zeros_like(value[:, 0])]
        features = self.rnn(inputs, initial_state=states, training=training)
        self.cell.memory = None
        return features

    def compute_output_spec(self, inputs, value, state, source_mask, training=None):
        return keras.KerasTensor((*inputs.shape[:-1], self.cell.output_size), inputs.dtype)


def stock_rnn_translator(ours):
    """The stock translator with the weights of `ours`, an `RNNTranslator` of preset "small"."""
    encoder, decoder, rate = ours.encoder, ours.decoder, ours.dropout
    units, width = encoder.units, 2 * encoder.units
    ids = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("encoder_token_ids", "decoder_token_ids")
    }
    source_mask = ops.not_equal(ids["encoder_token_ids"], 0)
    tokens = layers.ReversibleEmbedding(ours.vocabulary_size, ours.embedding_dim)
    recurrent = layers.Bidirectional(layers.GRU(units, return_sequences=True, return_state=True))
    norm = layers.LayerNormalization(epsilon=1e-5)
    bridge = layers.Dense(units, activation="tanh")
    attend = AttentionDecoder(units, width)
    readout = layers.Dense(ours.embedding_dim, use_bias=False)
    readout_norm = layers.LayerNormalization(epsilon=1e-5)

    x = layers.Dropout(rate)(tokens(ids["encoder_token_ids"]))
    annotations, forward, backward = recurrent(x, mask=source_mask)
    value = layers.Dropout(rate)(norm(annotations))
    state = bridge(ops.concatenate([forward, backward], axis=-1))
    x = layers.Dropout(rate)(tokens(ids["decoder_token_ids"]))
    features = attend(x, value, state, source_mask)
    x = ops.tanh(readout_norm(readout(ops.concatenate([features, x], axis=-1))))
    model = keras.Model(ids, tokens(layers.Dropout(rate)(x), reverse=True))

    tokens.set_weights(ours.target_embedding.get_weights())
    recurrent.set_weights([w for cell in encoder.cells[0] for w in cell.get_weights()])
    norm.set_weights(encoder.normalization.get_weights())
    bridge.set_weights(decoder.bridge.get_weights())
    attend.cell.cell.set_weights(decoder.cells[0].get_weights())
    query_kernel, key_kernel, score_vector = decoder.attention.get_weights()
    attend.cell.query.set_weights([query_kernel])
    attend.cell.score.set_weights([score_vector])
    attend.project_keys.set_weights([key_kernel])
    our_readout, our_norm = decoder.readout.layers[:2]
    readout.set_weights(our_readout.get_weights())
    readout_norm.set_weights(our_norm.get_weights())
    return model
