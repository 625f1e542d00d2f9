"""The steps of a recurrent decoder over a whole target."""

from keras import ops

from keras_attention._validation import require
from keras_attention.graph import rnn_cells
from keras_attention.graph.recurrence import recurrence


def require_steps(attention):
    """Raises `ValueError` unless an attention, or None, can attend step by step.

    One that reads whole sequences alone, as `BlockSparseAttention` does, cannot.
    """
    require(
        attention is None or all(hasattr(attention, name) for name in ("initial_state", "attend")),
        "attention",
        "None or a layer that attends step by step, such as an `AdditiveAttention` or a "
        "`MultiHeadAttention`",
        attention=attention,
    )


def run_steps(decoder, tokens, constants, return_alignment=False, training=None):
    """Runs `decoder.step` on the tokens of a target, one after the other.

    Args:
        decoder: a built `RecurrentDecoder`.
        tokens: embedded target tokens (T, B, E), time first.
        constants: from `decoder.constants`.
        return_alignment: whether to keep the alignment too.
        training: whether dropout is applied and a gradient will be asked for.

    Returns:
        `{"features": ...}`, the features of all steps (T, B, ...), with `return_alignment` also
        "alignment" (T, B, S).
    """
    dtype = decoder.compute_dtype
    batch_size, source_length = ops.shape(constants["value"])[:2]
    widths = {"token": tokens.shape[-1], "context": decoder.context_width}
    dropout_masks = [[] for _ in decoder.cells]
    if training:
        dropout_masks = [
            rnn_cells.draw_dropout_masks(
                cell, batch_size, sum(decoder.inputs_of(index, widths)), dtype
            )
            for index, cell in enumerate(decoder.cells)
        ]
    features = {
        "output": ops.zeros((batch_size, decoder.cells[-1].output_size), dtype),
        "context": ops.zeros((batch_size, decoder.context_width), dtype),
    }
    outputs = {"features": features}
    if return_alignment:
        outputs["alignment"] = ops.zeros((batch_size, source_length), dtype)

    def step(state, prepared, constants, matmul):
        constants, dropout_masks = constants
        with rnn_cells.dropout_masks(decoder.cells, dropout_masks):
            features, alignment, state = decoder.step(
                prepared, state, constants, training, matmul=matmul
            )
        output = {"features": features}
        if return_alignment:
            output["alignment"] = alignment
        return state, output

    _, found = recurrence(
        step,
        decoder.initial_state(constants),
        decoder.prepare(tokens),
        outputs,
        (constants, dropout_masks),
        _step_variables(decoder),
        training,
    )
    return found


def _step_variables(decoder):
    """What a step may read: everything but the weights of readout and bridge."""
    parts = [part for part in (decoder.readout, decoder.bridge) if part is not None]
    outside = {id(variable) for part in parts for variable in part.variables}
    return [variable for variable in decoder.variables if id(variable) not in outside]
