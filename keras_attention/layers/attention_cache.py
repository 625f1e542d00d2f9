"""The keys and values of earlier positions, kept from step to step: pure functions on tensors.

A cache is `{"key": (B, H, S, K), "value": (B, H, S, Kv)}`. It passes through a `while_loop`: each
function takes a cache and returns one.

A *slot* is where a key is stored, an index from 0 to S - 1. A *position* is where its token stands
in its own sequence, which is what position embeddings and relative scores count. The two differ,
for example where prompts of several lengths share a batch: a prompt of length n is padded to P and
fills the slots 0 to P - 1; the tokens generated after it go to the slots P, P + 1, ... of every
row, but count as its positions n, n + 1, ...

`cache_slots` says once for all layers of a model where a step writes and what it may read. Layers
see the result, `CacheSlots`, and nothing else. Another rule for slots, such as a ring that holds
the last w positions, is another function that returns `CacheSlots`. A step writes before it reads,
so a ring whose steps write up to T positions at once needs w + T - 1 slots: the first of the new
positions still sees the w - 1 before it.
"""

import operator
from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention import masks
from keras_attention._validation import require


class CacheSlots(NamedTuple):
    """Where the T new positions of a step are written in a cache of S slots, and what they see.

    Attributes:
        written: boolean, broadcasts to (B, H, S, K): the slots that the step overwrites.
        sources: (S,) or, where rows differ, (B, S) int32: which of the T new positions each written
            slot takes, 0 to T - 1; None where T is 1.
        query_positions: (T,) or (B, T) int32.
        key_positions: (S,) or (B, S) int32, valid where `mask` is True.
        mask: boolean, which slots each new position may attend to: (T, S), where each sees itself
            at least; or (B, T, S) or (B, H, T, S), where a position may see none and yields zeros.
        sees_itself: whether, whatever the mask's shape, each position sees itself at least.
    """

    written: Any
    sources: Any
    query_positions: Any
    key_positions: Any
    mask: Any
    sees_itself: bool = False


def empty_cache(batch_size, num_heads, length, key_dim, value_dim, dtype):
    """A cache of `length` slots that nothing has been written to."""
    shape = (batch_size, num_heads, length)
    return {
        "key": ops.zeros((*shape, key_dim), dtype=dtype),
        "value": ops.zeros((*shape, value_dim), dtype=dtype),
    }


def extend_cache(cache, count):
    """`cache` with `count` more slots at the end."""
    batch_size = ops.shape(tree.flatten(cache)[0])[0]

    def extend(tensor):
        _, num_heads, _, width = tensor.shape
        more = ops.zeros((batch_size, num_heads, count, width), dtype=tensor.dtype)
        return ops.concatenate([tensor, more], axis=2)

    return tree.map_structure(extend, cache)


def cache_slots(
    cache,
    slot,
    length=1,
    positions=None,
    key_positions=None,
    padding_mask=None,
    attention_mask=None,
):
    """The `CacheSlots` of a step that writes `length` positions from `slot` on.

    Each position may attend to itself and to all slots before its own, but for what the masks hide.

    Args:
        cache: of any layer; only its number of slots S counts.
        slot: integer or scalar int32, the same for all rows, at most S - T. In a graph, which does
            not know the number, what would be written after the last slot is not written.
        length: T, integer or scalar int32.
        positions: (T,) or (B, T) int32, those of the new tokens; `slot`, `slot` + 1, ... if not
            given.
        key_positions: (S,) or (B, S) int32, those of all slots; 0, 1, ... if not given.
        padding_mask: boolean (B, S), False at slots that hold padding.
        attention_mask: boolean, broadcasts to (T, S), (B, T, S) or, for one mask a head,
            (B, H, T, S).

    Raises:
        ValueError: if the positions do not fit in the cache.

    Example:

    >>> cache = empty_cache(2, num_heads=1, length=4, key_dim=3, value_dim=3, dtype="float32")
    >>> cache_slots(cache, slot=1, length=2).mask  # [[1, 1, 0, 0], [1, 1, 1, 0]] as booleans
    """
    capacity = ops.shape(cache["key"])[2]
    _require_room(slot, length, capacity)
    slots = ops.arange(capacity, dtype="int32")
    slot = ops.cast(slot, "int32")
    if isinstance(length, int) and length == 1:  # one position broadcasts by itself
        rows, sources = ops.reshape(slot, (1,)), None
        written = slots == slot
    else:
        rows = ops.arange(length, dtype="int32") + slot
        sources = slots - slot
        written = ops.logical_and(sources >= 0, sources < length)
        sources = ops.clip(sources, 0, length - 1)
    mask = ops.expand_dims(rows, 1) >= ops.expand_dims(slots, 0)
    hidden = masks.attention_mask(None, padding_mask, None, attention_mask)
    return CacheSlots(
        written=ops.reshape(written, (1, 1, -1, 1)),
        sources=sources,
        query_positions=rows if positions is None else positions,
        key_positions=slots if key_positions is None else key_positions,
        mask=masks.combine_pairs(hidden, mask),
    )


def row_slots(cache, positions):
    """The `CacheSlots` of a step of one token a row, each in the slot of its own position.

    A row sees the slots up to its own: what stands behind is hidden until it is overwritten.

    Args:
        cache: of any layer; only its number of slots S counts.
        positions: (B,) int32, from 0 to S - 1.

    >>> row_slots(cache, np.array([0, 2])).mask  # [[[1, 0, 0]], [[1, 1, 1]]] as booleans
    """
    slots = ops.arange(ops.shape(cache["key"])[2], dtype="int32")
    here = ops.expand_dims(ops.cast(positions, "int32"), 1)
    row = ops.expand_dims(slots, 0)
    return CacheSlots(
        written=ops.expand_dims(ops.expand_dims(ops.equal(row, here), 1), 3),
        sources=None,
        query_positions=here,
        key_positions=slots,
        mask=ops.expand_dims(row <= here, 1),
        sees_itself=True,
    )


def ring_slots(size, positions):
    """As `row_slots`, in a ring: a cache of `size` slots that holds a row's last `size` positions.

    Position p stands in slot p % `size`.

    >>> ring_slots(3, np.array([4])).key_positions  # [[3, 4, 2]]
    """
    here = ops.expand_dims(ops.cast(positions, "int32"), 1)
    row = ops.expand_dims(ops.arange(size, dtype="int32"), 0)
    key_positions = _held_by_ring(here, row, size)
    return CacheSlots(
        written=ops.expand_dims(ops.expand_dims(ops.equal(row, here % size), 1), 3),
        sources=None,
        query_positions=here,
        key_positions=key_positions,
        # Where a slot holds a position, but not read from these: LiteRT 2.3 may subtract in place.
        mask=ops.expand_dims(row <= here, 1),
        sees_itself=True,
    )


def ring_of(cache, lengths, size):
    """The ring of `size` slots of rows that have read their first `lengths` positions.

    Args:
        cache: (B, H, T, ...), slot p of which holds position p.
        lengths: (B,) int32, at least 1.
        size: integer.
    """
    row = ops.expand_dims(ops.arange(size, dtype="int32"), 0)
    held = _held_by_ring(ops.expand_dims(lengths, 1) - 1, row, size)
    index = ops.expand_dims(ops.maximum(held, 0), (1, 3))  # (B, 1, size, 1)
    return tree.map_structure(lambda tensor: ops.take_along_axis(tensor, index, axis=2), cache)


def _held_by_ring(last, slot, size):
    """The last position up to `last` that belongs in `slot`; below 0 where there is none yet."""
    # The remainder of what is above 0: runtimes differ in those of negative numbers.
    return last - (last + size - slot) % size


def _require_room(slot, length, capacity):
    """Raises `ValueError` if a step is known to leave the cache; in a graph nobody knows."""
    try:
        first, count, slots = map(operator.index, (slot, length, capacity))
    except TypeError:
        return
    require(
        0 <= first <= slots - count,
        "slot",
        f"0 to {slots - count}, so that {count} new of {slots} slots fit "
        "(`self_attention_cache_update_index` of a block)",
        slot=first,
    )


def write_cache(cache, new, slots):
    """`cache` with the keys and values of T new positions, which replace what stood in their slots.

    By selection, which trains and converts everywhere, unlike `slice_update`, and takes no longer
    in LiteRT and ONNX Runtime than an addition. What stood in a slot before makes no difference.

    Args:
        cache: (B, H, S, ...).
        new: a structure of the same kind, (B, H, T, ...).
        slots: `CacheSlots`.
    """

    def write(old, new):
        if slots.sources is not None and len(slots.sources.shape) == 1:
            new = ops.take(new, slots.sources, axis=2)
        elif slots.sources is not None:
            new = ops.take_along_axis(new, ops.expand_dims(slots.sources, (1, 3)), axis=2)
        return ops.where(slots.written, new, old)

    return tree.map_structure(write, cache, new)


def read_cache(cache, slots):
    """The keys (B, H, S, K) and values (B, H, S, Kv) that a step attends to under `slots.mask`."""
    return cache["key"], cache["value"]
