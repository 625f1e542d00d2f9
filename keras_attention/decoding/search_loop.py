"""The loop of every search: steps until no sentence goes on, without those that have ended."""

from keras import ops

from keras_attention.loops import loop

ROOM = 16


def first_room(size, maximum, single_loop):
    """The steps that `start` should make room for, in a batch of `size` sentences."""
    if single_loop or isinstance(size, int):
        return maximum
    # A tensor: as a number it would be a static size, which a loop may not change.
    return ROOM + 0 * size


def search_loop(step, state, constants, keep, extend, outputs, maximum, single_loop=False):
    """Runs `state = step(state, constants)` until every sentence is finished.

    Where shapes are dynamic, this is a loop in a loop. The inner one keeps all shapes, for a
    runtime makes room for a step once as long as they stay. It ends when half of its sentences are
    finished, which leave, or when the state is full, which is then extended. Where shapes are
    static (JAX, XLA), or with `single_loop`, every sentence stays until the end, and there is room
    for `maximum` steps.

    Args:
        step: function of a state and the constants that returns the next state.
        state: dict of tensors with entries "position", the number of steps made, and "finished",
            boolean (B, ...); all of its entries named in `outputs` have B rows.
        constants: structure of tensors that `step` reads.
        keep: function of a state (or None), constants and indices (b,) of sentences that returns
            both with these sentences alone.
        extend: function of a state and a number of steps that returns it with room for as many
            more; that of `first_room` is there.
        outputs: names of the entries of the last state to return.
        maximum: integer or scalar int32 tensor, steps at most.
        single_loop: whether to make one loop even where shapes are dynamic, for runtimes that have
            no loop in a loop.

    Returns:
        A dict of these entries.
    """
    size = ops.shape(state["finished"])[0]
    if single_loop or isinstance(size, int):
        state = loop(
            lambda state: ops.any(_running(state)),
            lambda state: step(state, constants),
            state,
            maximum,
        )
        return {name: state[name] for name in outputs}

    sentences = ops.arange(size, dtype="int32")

    def until_half_leave(every):
        present = every["present"]  # (b,)
        _, present_constants = keep(None, constants, present)
        most = ops.shape(present)[0] // 2  # of them may be left when the others leave

        def goes_on(state):
            left = ops.sum(ops.cast(_running(state), "int32"))
            return ops.logical_and(left > most, state["position"] < every["room"])

        state = loop(goes_on, lambda state: step(state, present_constants), every["state"], maximum)
        # Where each of all sentences stands among those present.
        stands = ops.expand_dims(sentences, 1) == ops.expand_dims(present, 0)  # (B, b)
        order = ops.arange(ops.shape(present)[0], dtype="int32")
        place = ops.sum(ops.where(stands, order, 0), axis=1)
        is_present = ops.any(stands, axis=1)

        def updated(name):
            new, old = state[name], every["outputs"][name]
            mask = ops.reshape(is_present, (-1,) + (1,) * (len(new.shape) - 1))
            return ops.where(mask, ops.take(new, place, axis=0), old)

        left = _true_indices(_running(state))
        more = ops.where(state["position"] < every["room"], 0, ROOM)
        return {
            "outputs": {name: updated(name) for name in outputs},
            "present": ops.take(present, left, axis=0),
            "room": every["room"] + more,
            "state": extend(keep(state, None, left)[0], more),
        }

    every = loop(
        lambda every: ops.shape(every["present"])[0] > 0,
        until_half_leave,
        {
            "outputs": {name: state[name] for name in outputs},
            "present": sentences,
            "room": ops.convert_to_tensor(ROOM, dtype="int32"),
            "state": state,
        },
        maximum,
    )
    return every["outputs"]


def _true_indices(mask):
    """Where `mask` (b,) is True, in order: (n,) int32, which `nonzero` gives in no TFLite file."""
    rank = ops.cumsum(ops.cast(mask, "int32")) - 1
    wanted = ops.expand_dims(ops.arange(ops.sum(ops.cast(mask, "int32")), dtype="int32"), 1)
    matches = ops.logical_and(ops.expand_dims(mask, 0), ops.expand_dims(rank, 0) == wanted)
    index = ops.arange(ops.shape(mask)[0], dtype="int32")
    return ops.sum(ops.where(matches, index, 0), axis=1)


def _running(state):
    """Which sentences (b,) are not finished."""
    finished = state["finished"]
    if len(finished.shape) > 1:
        finished = ops.all(finished, axis=1)
    return ops.logical_not(finished)
