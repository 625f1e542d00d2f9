"""What layers say of shapes that they do not take: on arrays, on symbolic tensors and in graphs."""

import contextlib
import contextvars

import keras
import numpy as np

from keras_attention._validation import require

_sizes_fit = contextvars.ContextVar("sizes_fit", default=False)


@contextlib.contextmanager
def sizes_fit():
    """In the block, graphs make no assertions of sizes: who called has made them, or needs none."""
    token = _sizes_fit.set(True)
    try:
        yield
    finally:
        _sizes_fit.reset(token)


def pairs(query, key, batch="B"):
    """The shapes of an attention mask, for `require_shapes`, whose axes may also be 1.

    Args:
        query: name of the axis of queries.
        key: name of the axis of keys.
        batch: name of the axis of rows.
    """
    return f"{query}? {key}? | {batch}? {query}? {key}? | {batch}? H? {query}? {key}?"


def require_shapes(sizes=None, at_run_time=True, **arguments):
    """Raises `ValueError` unless tensors have the ranks and sizes that the names of their axes say.

    Axes of one name are of one size. Sizes that a graph of TensorFlow knows only when it runs are
    compared then, by one assertion: its `InvalidArgumentError` shows all shapes. TFLite and ONNX
    drop assertions, and so does XLA.

    Args:
        sizes: dict of sizes that are known already, by the names of their axes.
        at_run_time: whether a graph makes the assertion; not in a step of a loop.
        **arguments: for each argument a pair of the tensor, or its shape as a tuple, or None, and
            its axes: "B T D", or several such separated by "|". An axis with "?" may also be 1.
            "... D" is any number of axes before D.

    Returns:
        The tensor of the first argument. In a graph what is made of it waits for the assertion.

    >>> require_shapes(query=((3, 5, 8), "B T D"), value=((3, 7, 8), "B S D"))
    """
    known = {axis: (size, None, None) for axis, size in (sizes or {}).items() if size is not None}
    in_a_graph = False  # whether it knows a size only when it runs
    met = {}  # axis -> where it stands: (argument, its place among the axes, size, may it be 1)
    for name, (tensor, expected) in arguments.items():
        if isinstance(tensor, list) and any(hasattr(part, "shape") for part in tensor):
            require(False, name, "one tensor", **{name: f"a list of {len(tensor)}"})
        shape = None if tensor is None else static_shape(tensor)
        if shape is None:
            continue
        choices = [axes.split() for axes in expected.split("|")]
        axes = next((axes for axes in choices if _fits(axes, len(shape))), None)
        require(axes is not None, name, f"of shape {_written(choices)}", **{f"{name}.shape": shape})
        first_place = len(shape) - len(axes)
        for place, axis in enumerate(axes, first_place):
            if axis == "...":
                continue
            letter, size = axis.rstrip("?"), shape[place]
            in_a_graph |= size is None and not isinstance(tensor, (tuple, keras.KerasTensor))
            met.setdefault(letter, []).append((name, place, size, axis != letter))
            if size is None or (axis != letter and size == 1):
                continue
            first, other, other_shape = known.setdefault(letter, (size, name, shape))
            if size != first:
                where = f" of `{other}`" if other else ""
                received = {f"{other}.shape": other_shape} if other else {}
                require(
                    False,
                    name,
                    f"of shape {_written([axes])}, and its {letter} must be equal to the {letter}, "
                    f"{first},{where or ' of the layer'}",
                    **received,
                    **{f"{name}.shape": shape},
                )
    if in_a_graph and at_run_time and not _sizes_fit.get():
        from keras_attention.graph.assert_sizes import assert_sizes

        sizes = {axis: size for axis, (size, _, _) in known.items()}
        return assert_sizes({n: tensor for n, (tensor, _) in arguments.items()}, sizes, met)
    return next(iter(arguments.values()))[0]


def _fits(axes, rank):
    return len(axes) == rank or (axes[0] == "..." and rank >= len(axes) - 1)


def require_like_value(key, value):
    """Raises `ValueError` unless a key has the sizes of its value, but for the last.

    Args:
        key, value: tensors, or shapes as tuples, or None.
    """
    if key is None or value is None:
        return
    shapes = [static_shape(tensor) for tensor in (key, value)]
    outer = [() if shape is None else shape[:-1] for shape in shapes]
    alike = all(a is None or b is None or a == b for a, b in zip(*outer, strict=False))
    require(
        None in shapes or (alike and len(outer[0]) == len(outer[1])),
        "key",
        "shaped like `value`: all sizes but the last must be equal",
        **{"key.shape": shapes[0], "value.shape": shapes[1]},
    )


def require_head_shapes(
    sizes,
    query,
    value=None,
    key=None,
    query_mask=None,
    value_mask=None,
    key_mask=None,
    attention_mask=None,
    segment_ids=None,
    **options,
):
    """`require_shapes` of a call of a `MultiHeadAttention`; returns the query."""
    require_like_value(key, value)
    require(
        segment_ids is None or (value is None and key is None),
        "segment_ids",
        "None where there is a `value` or a `key`: they are those of self-attention",
        segment_ids=static_shape(segment_ids) if hasattr(segment_ids, "shape") else segment_ids,
    )
    source = "T" if value is None else "S"
    require(
        key is not None or None in (sizes["V"], sizes["K"]) or sizes["V"] == sizes["K"],
        "key",
        "given: the layer was built for keys and values of different widths",
        widths=[sizes["K"], sizes["V"]],
    )
    query = require_shapes(
        sizes,
        query=(query, "B T D"),
        value=(value, "B S V"),
        key=(key, f"B {source} K"),
        query_mask=(query_mask, "B T"),
        value_mask=(value_mask, f"B {source}"),
        key_mask=(key_mask, f"B {source}"),
        attention_mask=(attention_mask, pairs("T", source)),
        segment_ids=(segment_ids, "B T"),
    )
    if value is None:
        require_shapes({"V": sizes["V"]}, query=(query, "B T V"))
    return query


def require_step_shapes(
    sizes, query, cache, memory=None, value_mask=None, attention_mask=None, queries_per_source=1
):
    """`require_shapes` of a step of a `MultiHeadAttention`, on a cache or on a projected source."""
    batch_size, rows = (static_shape(query) or [None])[0], "B"
    if queries_per_source != 1 and batch_size is not None:
        sizes, rows = {**sizes, "B/G": batch_size // queries_per_source}, "B/G"
    require_shapes(
        sizes,
        at_run_time=False,
        query=(query, "B D | B T D"),
        **{f"cache['{n}']": (x, f"B H_cache slots W_{n}") for n, x in (cache or {}).items()},
        **{f"memory['{n}']": (x, f"{rows} H_memory S W_{n}") for n, x in (memory or {}).items()},
        value_mask=(value_mask, f"{rows} S"),
        attention_mask=(attention_mask, pairs("queries", "S", rows)),
    )


def require_sequences(sizes, decoder_sequence, encoder_sequence=None):
    """`require_shapes` of what a `TransformerDecoder` reads."""
    require_shapes(
        sizes,
        at_run_time=False,
        decoder_sequence=(decoder_sequence, "B T D"),
        encoder_sequence=(encoder_sequence, "B S E"),
    )


def require_recurrent_shapes(sizes, inputs, value, summary=None, value_mask=None):
    """`require_shapes` of a call of a `RecurrentDecoder`; returns the inputs."""
    return require_shapes(
        sizes,
        inputs=(inputs, "B T E"),
        value=(value, "B S W"),
        summary=(summary, "B W"),
        value_mask=(value_mask, "B S"),
    )


def static_shape(tensor):
    """The static shape, None for sizes that are not known; None if not even the rank is known."""
    if isinstance(tensor, tuple):
        return tensor
    shape = tensor.shape if hasattr(tensor, "shape") else np.shape(tensor)
    return None if getattr(shape, "rank", 0) is None else tuple(shape)


def _written(choices):
    written = [f"({', '.join(axis.rstrip('?') for axis in axes)})" for axes in choices]
    return " or ".join(filter(None, [", ".join(written[:-1]), written[-1]]))
