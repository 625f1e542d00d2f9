"""The loop of every search: steps until no input goes on, without those that have ended."""

from keras import ops

from keras_attention.graph.loops import while_loop

ROOM = 16  # steps that a model's state has room for at first, and by how many it is extended


def first_room(size, maximum, single_loop):
    """The steps that `start` should make room for, in a batch of `size` inputs."""
    if single_loop or isinstance(size, int):
        return maximum
    # A tensor: as a number it would be a static size, which a loop may not change.
    return ROOM + 0 * size


def search_loop(model, step, state, constants, outputs, maximum, single_loop=False):
    """Runs `state = step(state, constants)` until every input is finished.

    Where shapes are dynamic, this is a loop in a loop. The inner loop keeps all shapes, because a
    runtime allocates a step's memory once as long as they stay. It ends when half of its inputs are
    finished, or when the model's state is full. Between two inner loops the finished inputs leave
    and a full state is extended. Where shapes are static (JAX, XLA), or with `single_loop`, every
    input stays until the end, and there is room for `maximum` steps.

    Args:
        model: what `step` makes steps of: `select_rows` and `extend` of the step contract.
        step: function of a state and the constants that returns the next state.
        state: dict of tensors with one row an input (B, ...), except for "position", the number of
            steps made, and "model", the model's own state, which `start` has given room for
            `first_room` steps; "finished" is boolean, (B,) or (B, K).
        constants: dict of tensors with one row an input, except for "model", the model's own.
        outputs: names of the entries of the last state to return.
        maximum: integer or scalar int32 tensor, steps at most.
        single_loop: whether to make one loop even where shapes are dynamic, for runtimes that have
            no loop in a loop.

    Returns:
        A dict of these entries.
    """
    size = ops.shape(state["finished"])[0]
    if single_loop or isinstance(size, int):
        state = while_loop(
            lambda state: ops.any(_running(state)),
            lambda state: step(state, constants),
            state,
            maximum,
        )
        return {name: state[name] for name in outputs}

    slots = ops.arange(_slots(state), dtype="int32")

    def rows_of(inputs):
        """The rows of the model's state that belong to `inputs` (b,)."""
        return ops.reshape(ops.expand_dims(inputs, 1) * _slots(state) + slots, (-1,))

    def constants_of(inputs):
        return {
            name: model.select_rows(value, rows_of(inputs), inputs)
            if name == "model"
            else ops.take(value, inputs, axis=0)
            for name, value in constants.items()
        }

    def state_of(state, inputs, more_room):
        kept = {
            name: ops.take(value, inputs, axis=0)
            for name, value in state.items()
            if name not in ("position", "model")
        }
        model_state = model.select_rows(state["model"], rows_of(inputs))
        return {
            **kept,
            "position": state["position"],
            "model": model.extend(model_state, more_room),
        }

    def until_half_leave(every):
        present = every["present"]  # (b,)
        present_constants = constants_of(present)
        most = ops.shape(present)[0] // 2  # of them may be left when the others leave

        def goes_on(state):
            left = ops.sum(ops.cast(_running(state), "int32"))
            return ops.logical_and(left > most, state["position"] < every["room"])

        state = while_loop(
            goes_on, lambda state: step(state, present_constants), every["state"], maximum
        )
        left = _true_indices(_running(state))
        more_room = ops.where(state["position"] < every["room"], 0, ROOM)
        return {
            "outputs": {
                name: _updated(every["outputs"][name], state[name], present) for name in outputs
            },
            "present": ops.take(present, left, axis=0),
            "room": every["room"] + more_room,
            "state": state_of(state, left, more_room),
        }

    every = while_loop(
        lambda every: ops.shape(every["present"])[0] > 0,
        until_half_leave,
        {
            "outputs": {name: state[name] for name in outputs},
            "present": ops.arange(size, dtype="int32"),
            "room": ops.convert_to_tensor(ROOM, dtype="int32"),
            "state": state,
        },
        maximum,
    )
    return every["outputs"]


def _slots(state):
    """How many rows of the model's state an input has: a static number."""
    shape = state["finished"].shape
    return 1 if len(shape) == 1 else shape[1]


def _running(state):
    """Which inputs (b,) are not finished."""
    finished = state["finished"]
    if len(finished.shape) > 1:
        finished = ops.all(finished, axis=1)
    return ops.logical_not(finished)


def _true_indices(mask):
    """Where `mask` (b,) is True, in order: (n,) int32, which `nonzero` gives in no TFLite file."""
    rank = ops.cumsum(ops.cast(mask, "int32")) - 1
    wanted = ops.expand_dims(ops.arange(ops.sum(ops.cast(mask, "int32")), dtype="int32"), 1)
    matches = ops.logical_and(ops.expand_dims(mask, 0), ops.expand_dims(rank, 0) == wanted)
    index = ops.arange(ops.shape(mask)[0], dtype="int32")
    return ops.sum(ops.where(matches, index, 0), axis=1)


def _updated(tensor, rows, present):
    """`tensor` (B, ...) with `rows` (b, ...) at the indices `present` (b,), all different."""
    inputs = ops.arange(ops.shape(tensor)[0], dtype="int32")
    stands = ops.expand_dims(inputs, 1) == ops.expand_dims(present, 0)  # (B, b)
    order = ops.arange(ops.shape(present)[0], dtype="int32")
    place = ops.sum(ops.where(stands, order, 0), axis=1)
    changes = ops.reshape(ops.any(stands, axis=1), (-1,) + (1,) * (len(tensor.shape) - 1))
    return ops.where(changes, ops.take(rows, place, axis=0), tensor)
