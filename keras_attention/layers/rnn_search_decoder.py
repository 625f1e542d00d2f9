"""The decoder of RNNsearch (Bahdanau, Cho & Bengio 2015)."""

import keras

from keras_attention.graph.matmul import matmul
from keras_attention.layers.recurrent_decoder import RecurrentDecoder


@keras.saving.register_keras_serializable(package="keras_attention")
class RNNSearchDecoder(RecurrentDecoder):
    """The paper's decoder: alignment and readout see the state before the step, s_{i-1}.

        c_i, alpha_i = attention(query=s_{i-1}, value=h)
        s_i = cell([y_{i-1}; c_i], s_{i-1})
        output_i = readout([s_{i-1}; c_i; y_{i-1}])

    The bridge reads the summary's last columns, as many as the cell has units: after a
    bidirectional encoder the backward state at the first word, s_0 = tanh(W_s bwd_1). Without
    attention it is RNNencdec (Cho et al. 2014), whose context is the summary at every step.

    Arguments, call arguments and the step contract are those of `RecurrentDecoder`. The paper's
    cell is `keras.layers.GRUCell(1000, reset_after=False)`, its readout `Maxout(500)`.

    Example:

    >>> layer = RNNSearchDecoder(
    ...     keras.layers.GRUCell(16, reset_after=False),
    ...     AdditiveAttention(16),
    ...     readout=Maxout(8),
    ...     bridge=keras.layers.Dense(16, "tanh"),
    ... )
    >>> target, source = keras.random.normal((3, 5, 4)), keras.random.normal((3, 7, 32))
    >>> layer(target, source, summary=source[:, 0]).shape
    (3, 5, 8)

    Reference: Bahdanau, Cho & Bengio 2015, appendix A.2, https://arxiv.org/abs/1409.0473
    """

    def bridged(self, summary):
        return summary[..., -self.cells[-1].output_size :]

    def step(self, prepared, state, constants, training=None, matmul=matmul):
        query = state["cells"][-1][0]  # s_{i-1}
        context, alignment, attention = self.attend(
            query, state, constants, training, matmul=matmul
        )
        _, states = self.run_cells(prepared, context, state["cells"], training, matmul=matmul)
        new_state = {"cells": states, "context": context, "attention": attention}
        return {"output": query, "context": context}, alignment, new_state
