"""A recurrence: one step after the other over time, in artifacts and in training."""

import itertools

import keras
from keras import ops, tree

from keras_attention.graph.loops import fori_loop
from keras_attention.graph.matmul import (
    RecordingMatmul,
    ReplayingMatmul,
    kernel_gradients,
    matmul,
)
from keras_attention.graph.scan import scan
from keras_attention.graph.vjp import depends, vjp

CHUNK_SIZE = 4  # time steps of one iteration of the loop that artifacts hold


def recurrence(step, state, inputs, outputs, constants=(), variables=(), training=False):
    """Runs `state, output = step(state, input, constants, matmul)` over time.

    There are two loops for the same step. Without `training` it is one that TFLite and ONNX have
    operations for. With `training` it is one whose gradient needs no more memory than the states
    and the results of the step's products: the gradient computes the step again from them, and
    makes each kernel's gradient in one product after the loop.

    Args:
        step: function of the state, of one time step of `inputs`, of `constants` and of the product
            to multiply by kernels with, which is called as `matmul.matmul` is; returns the new
            state and the output, structures of tensors whose shapes do not change. Kernels are
            `variables` or tensors of `constants` themselves, no casts of them. A product made in
            another way is right too, but its kernel's gradient is summed step by step.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...).
        outputs: nested structure of tensors, shaped as one step's output; only their shapes count.
        constants: nested structure of tensors that every step reads. With `training` no gradient
            reaches other tensors that a step reads.
        variables: list of Keras variables that the step may read. Integers, as the state of a seed,
            it may also assign.
        training: whether the result will be differentiated.

    Returns:
        The last state, and the outputs of all steps as tensors (T, ...).
    """
    if training and tree.flatten(inputs)[0].shape[0] != 0:
        return _recurrence_for_training(step, state, inputs, constants, variables)

    def plain_step(state, step_inputs):
        return step(state, step_inputs, constants, matmul)

    return recurrence_in_chunks(plain_step, state, inputs, outputs)


def recurrence_in_chunks(step, state, inputs, outputs, chunk_size=CHUNK_SIZE):
    """Runs `state, output = step(state, input)` over time, with operations that every format has.

    Args:
        step: function of the state and of one time step of `inputs`; returns the new state and the
            output, both structures of tensors whose shapes do not change.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...).
        outputs: nested structure of tensors, shaped as one step's output; only their shapes count.
        chunk_size: time steps of one iteration of the loop. Reading and writing cost one pass over
            all time steps an iteration, as no format has a cheap write that also has a gradient.

    Returns:
        The last state, and the outputs of all steps as tensors (T, ...).
    """
    length = ops.shape(tree.flatten(inputs)[0])[0]
    # At least one iteration, also over no time steps: a loop of none has no results.
    if isinstance(length, int):
        chunk_size = min(chunk_size, max(length, 1))
        count = max(1, (length + chunk_size - 1) // chunk_size)
    else:
        count = ops.maximum((length + chunk_size - 1) // chunk_size, 1)
    missing = count * chunk_size - length

    def split(tensor):  # (T, ...) to (count, chunk_size, ...)
        shape = ops.shape(tensor)[1:]
        zeros = ops.zeros((missing, *shape), dtype=tensor.dtype)
        padded = ops.concatenate([tensor, zeros], axis=0)
        return ops.reshape(padded, (count, chunk_size, *shape))

    def body(index, carried):
        state, results = carried
        chunk = [ops.take(tensor, index, axis=0) for tensor in chunks]
        found = []
        for offset in range(chunk_size):
            step_inputs = tree.pack_sequence_as(inputs, [tensor[offset] for tensor in chunk])
            new_state, output = step(state, step_inputs)
            found.append(tree.flatten(output))
            exists = index * chunk_size + offset < length
            pairs = zip(tree.flatten(new_state), tree.flatten(state), strict=True)
            kept = [ops.where(exists, new, old) for new, old in pairs]
            state = tree.pack_sequence_as(state, kept)
        columns = [ops.stack(steps) for steps in zip(*found, strict=True)]
        return state, [
            ops.where(
                ops.reshape(indices == index, (-1,) + (1,) * len(column.shape)),
                ops.expand_dims(column, 0),
                result,
            )
            for result, column in zip(results, columns, strict=True)
        ]

    chunks = [split(tensor) for tensor in tree.flatten(inputs)]
    indices = ops.arange(count, dtype="int32")
    results = [
        ops.zeros((count, chunk_size, *ops.shape(output)), dtype=output.dtype)
        for output in tree.flatten(outputs)
    ]
    state, results = fori_loop(count, body, (state, results))
    results = [
        ops.reshape(result, (count * chunk_size, *ops.shape(result)[2:]))[:length]
        for result in results
    ]
    return state, tree.pack_sequence_as(outputs, results)


def _recurrence_for_training(step, state, inputs, constants, variables):
    step = _Pure(step, variables)
    # Copies, or TensorFlow would see the variables besides.
    given = [(state, step.others), inputs, constants, step.weights]
    given = [tree.map_structure(ops.copy, part) for part in given]

    @ops.custom_gradient
    def run(*floats):
        state, inputs, constants, weights = _put_floats(given, floats)
        uses, kernels = [], [*tree.flatten(constants), *weights]

        def forward(state, step_inputs):
            record = RecordingMatmul(step.kernels(constants), kernels)
            new_state, output = step(state, step_inputs, constants, weights, record)
            uses[:] = record.uses
            return new_state, {"before": state, "output": output, "products": record.results}

        last, history = scan(forward, state, inputs)
        result = last, history["output"]

        def gradient(*upstream):
            # JAX passes one tuple, TensorFlow its members.
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            pairs = zip(upstream, tree.flatten(result), strict=True)
            upstream = [cotangent for cotangent, tensor in pairs if _is_float(tensor)]
            return _gradients(step, (inputs, constants, weights), history, uses, upstream)

        return tuple(tree.flatten(result)), gradient

    found = run(*_floats(given))
    (last, others), outputs = tree.pack_sequence_as(step.structure, list(found))
    for variable, value in zip(step.others, others, strict=True):
        variable.assign(value)
    return last, outputs


class _Pure:
    """A step without variables: weights are passed in, integers are part of the state."""

    def __init__(self, step, variables):
        self._step = step
        self.weights = [variable for variable in variables if _is_float(variable)]
        self.others = [variable for variable in variables if not _is_float(variable)]
        self.structure = None  # of state and output

    def kernels(self, constants):
        """What the step may multiply by, in the order of `_gradients`."""
        return [*tree.flatten(constants), *self.weights]

    def __call__(self, state, step_inputs, constants, weights, matmul):
        state, others = state
        mapping = [*zip(self.weights, weights, strict=True), *zip(self.others, others, strict=True)]
        with keras.StatelessScope(state_mapping=mapping) as variables:
            state, output = self._step(state, step_inputs, constants, matmul)
        new_state = state, [variables.get_current_value(variable) for variable in self.others]
        self.structure = tree.map_structure(lambda _: 0, (new_state, output))
        return new_state, output


def _gradients(step, shared, history, uses, upstream):
    """The gradients of a recurrence, backward in time.

    Args:
        step: `_Pure`.
        shared: inputs (T, ...), constants and weights.
        history: over time (T, ...), the state "before" a step, and its "output" and "products".
        uses: which kernel each product was with: see `RecordingMatmul`.
        upstream: cotangents of the floats of the last state and of the outputs (T, ...).

    Returns:
        Gradients of the floats of first state, inputs, constants and weights.
    """
    inputs, constants, weights = shared
    kernels = [*tree.flatten(constants), *weights]
    number_of_states = len(_floats(history["before"]))

    def at_one_time(values):
        """A step as a function of all its floats, and their values."""
        parts = [values["before"], values["inputs"], values["products"], constants, weights]

        def function(floats):
            state, step_inputs, results, constants, weights = _put_floats(parts, floats)
            replay = ReplayingMatmul(step.kernels(constants), kernels, results)
            new_state, output = step(state, step_inputs, constants, weights, replay)
            return _floats([new_state, output]), replay.inputs

        return function, [_floats(part) for part in parts[:3]], _floats(parts[3:])

    values = {name: history[name] for name in ("before", "products")} | {"inputs": inputs}
    function, own, common = at_one_time(tree.map_structure(lambda tensor: tensor[0], values))
    count = sum(map(len, own))
    connected = depends(function, [*itertools.chain(*own), *common])[count:]
    summed = [tensor for tensor, used in zip(common, connected, strict=True) if used]
    sums = [ops.zeros(ops.shape(tensor), dtype="float32") for tensor in summed]

    def backward(carried, step_values):
        d_state, sums = carried
        values, d_outputs = step_values
        function, own, common = at_one_time(values)
        gradients, met = vjp(function, [*itertools.chain(*own), *common], [*d_state, *d_outputs])
        ends = list(itertools.accumulate(map(len, own)))
        d_state, d_inputs, d_products = (
            gradients[first:last] for first, last in itertools.pairwise([0, *ends])
        )
        gradients = [x for x, used in zip(gradients[ends[-1] :], connected, strict=True) if used]
        sums = [total + ops.cast(x, "float32") for total, x in zip(sums, gradients, strict=True)]
        return (d_state, sums), (d_inputs, d_products, met)

    d_last, d_outputs = upstream[:number_of_states], upstream[number_of_states:]
    (d_first, sums), (d_inputs, d_products, met) = scan(
        backward, (d_last, sums), (values, d_outputs), reverse=True
    )
    of_kernels = kernel_gradients(uses, met, d_products, kernels)
    of_kernels = [x for x, kernel in zip(of_kernels, kernels, strict=True) if _is_float(kernel)]
    sums = iter(sums)
    d_common = []
    for tensor, used, of_kernel in zip(common, connected, of_kernels, strict=True):
        total = next(sums) if used else ops.zeros_like(tensor)
        total = total if of_kernel is None else total + ops.cast(of_kernel, total.dtype)
        d_common.append(ops.cast(total, tensor.dtype))
    return (*d_first, *d_inputs, *d_common)


def _is_float(tensor):
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))


def _floats(structure):
    """The floating-point tensors of a structure, in order: what has a gradient."""
    return [tensor for tensor in tree.flatten(structure) if _is_float(tensor)]


def _put_floats(structure, floats):
    """`structure` with other floating-point tensors."""
    floats = iter(floats)
    return tree.map_structure(
        lambda tensor: next(floats) if _is_float(tensor) else tensor, structure
    )
