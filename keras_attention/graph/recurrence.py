"""Recurrence: one step after the other over time, in artifacts and in training."""

import itertools

import keras
from keras import ops, tree

from keras_attention.graph.backend import depends, scan, vjp
from keras_attention.graph.loops import repeat
from keras_attention.graph.matmul import Recording, Replay, kernel_gradients

BLOCK_SIZE = 4  # time steps of one iteration of the loop that artifacts hold


def recur(step, state, inputs, outputs, constants=(), variables=(), training=False):
    """Runs `state, output = step(state, input, constants)` over time.

    The step is the same in both of its loops. Without `training` it is one that TFLite and ONNX
    have operations for. With it, it is one whose gradient needs no more memory than the states and
    the results of the step's `products.product`: the step is computed again from them, and the
    kernels' gradients are made after the loop, in one product each.

    Args:
        step: function of the state, of one time step of `inputs` and of `constants`; returns the
            new state and the output, structures of tensors whose shapes do not change.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...).
        outputs: nested structure of tensors, shaped as one step's output; only their shapes count.
        constants: nested structure of tensors, what every step reads. With `training` no gradient
            reaches what a step reads otherwise.
        variables: list of Keras variables that the step may read. Integers, as the state of a seed,
            it may also assign.
        training: whether the result will be differentiated.

    Returns:
        The last state, and the outputs of all steps as tensors (T, ...).
    """
    if training:
        return _recur_for_training(step, state, inputs, constants, variables)
    return recurrence_in_chunks(
        lambda state, step_inputs: step(state, step_inputs, constants), state, inputs, outputs
    )


def recurrence_in_chunks(step, state, inputs, outputs, block_size=BLOCK_SIZE):
    """Runs `state, output = step(state, input)` over time, with operations that every format has.

    Args:
        step: function of the state and of one time step of `inputs`; returns the new state and the
            output, both structures of tensors whose shapes do not change.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...).
        outputs: nested structure of tensors, shaped as one step's output; only their shapes count.
        block_size: time steps of one iteration of the loop. Reading and writing cost one pass over
            all time steps an iteration, as no format has a cheap write that also has a gradient.

    Returns:
        The last state, and the outputs of all steps as tensors (T, ...).
    """
    length = ops.shape(tree.flatten(inputs)[0])[0]
    if isinstance(length, int):
        block_size = min(block_size, length)
    count = (length + block_size - 1) // block_size
    missing = count * block_size - length

    def map_chunks(tensor):  # (T, ...) to (count, block_size, ...)
        shape = ops.shape(tensor)[1:]
        zeros = ops.zeros((missing, *shape), dtype=tensor.dtype)
        padded = ops.concatenate([tensor, zeros], axis=0)
        return ops.reshape(padded, (count, block_size, *shape))

    def body(index, carried):
        state, results = carried
        block = [ops.take(tensor, index, axis=0) for tensor in blocks]
        found = []
        for offset in range(block_size):
            step_inputs = tree.pack_sequence_as(inputs, [tensor[offset] for tensor in block])
            new_state, output = step(state, step_inputs)
            found.append(tree.flatten(output))
            exists = index * block_size + offset < length
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

    blocks = [map_chunks(tensor) for tensor in tree.flatten(inputs)]
    indices = ops.arange(count, dtype="int32")
    results = [
        ops.zeros((count, block_size, *ops.shape(output)), dtype=output.dtype)
        for output in tree.flatten(outputs)
    ]
    state, results = repeat(body, (state, results), count)
    results = [
        ops.reshape(result, (count * block_size, *ops.shape(result)[2:]))[:length]
        for result in results
    ]
    return state, tree.pack_sequence_as(outputs, results)


def _recur_for_training(step, state, inputs, constants, variables):
    step = _Pure(step, variables)
    # Copies, or TensorFlow would see the variables besides.
    given = [(state, step.others), inputs, constants, step.weights]
    given = [tree.map_structure(ops.copy, part) for part in given]

    @ops.custom_gradient
    def run(*floats):
        state, inputs, constants, weights = _put_floats(given, floats)
        uses, kernels = [], [*tree.flatten(constants), *weights]

        def record(known):
            return Recording(known, kernels)

        def forward(state, step_inputs):
            products, new_state, output = step(record, state, step_inputs, constants, weights)
            uses[:] = products.uses
            return new_state, {"before": state, "output": output, "products": products.results}

        last, history = scan(forward, state, inputs)
        result = last, history["output"]

        def gradient(*upstream):
            # JAX passes one tuple, TensorFlow its members.
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            pairs = zip(upstream, tree.flatten(result), strict=True)
            upstream = [cotangent for cotangent, tensor in pairs if _is_float(tensor)]
            return _pull_back(step, (inputs, constants, weights), history, uses, upstream)

        return tuple(tree.flatten(result)), gradient

    found = run(*_floats(given))
    (last, others), outputs = tree.pack_sequence_as(step.structure, list(found))
    for variable, value in zip(step.others, others, strict=True):
        variable.assign(value)
    return last, outputs


class _Pure:
    """A step without variables: weights are passed in, integers are part of the state.

    Called with a function that makes a scope for products with given kernels, it returns that
    scope, the new state and the output.
    """

    def __init__(self, step, variables):
        self._step = step
        self.weights = [variable for variable in variables if _is_float(variable)]
        self.others = [variable for variable in variables if not _is_float(variable)]
        self.structure = None  # of state and output

    def __call__(self, scope, state, step_inputs, constants, weights):
        state, others = state
        mapping = [*zip(self.weights, weights, strict=True), *zip(self.others, others, strict=True)]
        products = scope([*tree.flatten(constants), *self.weights])
        with products, keras.StatelessScope(state_mapping=mapping) as variables:
            state, output = self._step(state, step_inputs, constants)
        new_state = state, [variables.get_current_value(variable) for variable in self.others]
        self.structure = tree.map_structure(lambda _: 0, (new_state, output))
        return products, new_state, output


def _pull_back(step, shared, history, uses, upstream):
    """The gradients of a recurrence, backward in time.

    Args:
        step: `_Pure`.
        shared: inputs (T, ...), constants and weights.
        history: over time (T, ...), the state "before" a step, and its "output" and "products".
        uses: what each product was with.
        upstream: cotangents of the floats of the last state and of the outputs (T, ...).

    Returns:
        Gradients of the floats of first state, inputs, constants and weights.
    """
    inputs, constants, weights = shared
    kernels = [*tree.flatten(constants), *weights]
    number_of_states = len(_floats(history["before"]))

    def at_one_time(values):
        """A step of which all floats are arguments, and their values."""
        parts = [values["before"], values["inputs"], values["products"], constants, weights]

        def function(floats):
            state, step_inputs, results, *rest = _put_floats(parts, floats)

            def replay(known):
                return Replay(known, kernels, results)

            products, new_state, output = step(replay, state, step_inputs, *rest)
            return _floats([new_state, output]), products.inputs

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
