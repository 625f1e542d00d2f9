"""The decoder of Google's neural machine translation system (Wu et al. 2016)."""

import keras

from keras_attention.graph.matmul import matmul
from keras_attention.layers.recurrent_decoder import RecurrentDecoder

FIRST_RESIDUAL = 2  # "residual connections start from the third layer from the bottom"


@keras.saving.register_keras_serializable(package="keras_attention")
class GNMTDecoder(RecurrentDecoder):
    """A deep residual stack in which the lowest cell attends and every other one sees the context.

        s^0_t = cell_0([y_{t-1}; c_{t-1}], s^0_{t-1})
        c_t, alpha_t = attention(query=s^0_t, value=h)
        s^k_t = cell_k([x^{k-1}_t; c_t], s^k_{t-1});  x^k_t = s^k_t, plus x^{k-1}_t from k = 2 on

    The output is the readout of [x_t; c_t; y_{t-1}], or without readout, as in the paper, x_t.

    Arguments, call arguments and the step contract are those of `RecurrentDecoder`; the cells must
    be equally wide.

    Example:

    >>> layer = GNMTDecoder([keras.layers.LSTMCell(16) for _ in range(4)], AdditiveAttention(16))
    >>> target, source = keras.random.normal((3, 5, 4)), keras.random.normal((3, 7, 12))
    >>> layer(target, source).shape
    (3, 5, 16)

    Reference: Wu et al. 2016, "Google's Neural Machine Translation System", section 3,
    https://arxiv.org/abs/1609.08144
    """

    def inputs_of(self, index, widths):
        below = widths["token"] if index == 0 else self.cells[index - 1].output_size
        return [below, widths["context"]]

    def query_width(self):
        return self.cells[0].output_size

    def step(self, prepared, state, constants, training=None, matmul=matmul):
        parts = [prepared, state["context"]]
        x, states = self.run_cell(0, parts, state["cells"][0], training, matmul=matmul)
        context, alignment, attention = self.attend(x, state, constants, training, matmul=matmul)
        new_states = [states]
        for index in range(1, len(self.cells)):
            below = x
            x, states = self.run_cell(
                index, [below, context], state["cells"][index], training, matmul
            )
            x = x + below if index >= FIRST_RESIDUAL else x
            new_states.append(states)
        new_state = {"cells": new_states, "context": context, "attention": attention}
        return {"output": x, "context": context}, alignment, new_state
