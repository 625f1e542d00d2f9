"""What is refused by name: other widths than a layer was built for, and one row in place of many.

By a call, by `compute_output_spec`, by `compute_output_shape`, by a step, and by a graph that knows
the sizes only when it runs.
"""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers
from keras_attention.layers.attention_cache import cache_slots
from tests.backend import BACKEND, to_numpy
from tests.layers.test_shapes import LAYERS, ONE_RANK, B, D, H, K, S, T, call, floats, symbolic

IDS = np.ones((B, T), "int32")
X, MEMORY = floats(B, T, D), floats(B, S, D)
FREE = {"Dropout", "SinusoidalPositionEncoding", "TokenAndPositionEmbedding"}  # of any width


def another_width(array, width):
    return np.resize(array, (*array.shape[:-1], width))


@pytest.mark.parametrize("as_given", [dict, symbolic], ids=["arrays", "symbolic"])
@pytest.mark.parametrize("name", sorted(set(LAYERS) - FREE))
def test_another_width_than_the_layer_was_built_for_is_refused(name, as_given):
    make, inputs = LAYERS[name]
    layer = make()
    call(layer, inputs)
    call(layer, as_given(inputs))
    for argument, array in inputs.items():
        for width in (1, array.shape[-1] + 1, 2 * array.shape[-1]):
            given = as_given({**inputs, argument: another_width(array, width)})
            with pytest.raises(ValueError, match=rf"`{argument}` must be .* equal to the \w, \d+"):
                call(layer, given)


def test_attention_to_itself_needs_the_width_of_a_value():
    layer = layers.MultiHeadAttention(H, K)
    layer(X, floats(B, S, 4))
    with pytest.raises(ValueError, match="`query` must be .* V must be equal to the V, 4, of the"):
        layer(X)
    layer = layers.MultiHeadAttention(H, K)
    layer(X, floats(B, S, 4), floats(B, S, 6))
    for inputs in ([X, floats(B, S, 4)], [keras.Input((T, D)), keras.Input((S, 4))], [X]):
        with pytest.raises(
            ValueError, match="`key` must be given: the layer was built for keys an"
        ):
            layer(*inputs)
    layer = layers.AdditiveAttention(5)  # of a value with a key of its own any width is right
    layer(X, floats(B, S, 4), floats(B, S, 6))
    assert layer(X, floats(B, S, 9), floats(B, S, 6)).shape == (B, T, 9)
    dot = layers.MultiplicativeAttention("dot")  # without weights any width is right, if both agree
    assert dot(X, MEMORY).shape == dot(X[..., :5], MEMORY[..., :5])[..., :1].shape[:2] + (D,)
    with pytest.raises(ValueError, match="`value` must be .* D must be equal to the D, 12, of `q"):
        dot(X, MEMORY[..., :5])


@pytest.mark.parametrize("name", ONE_RANK)
def test_output_shapes_are_of_inputs_that_the_layer_takes(name):
    make, inputs = LAYERS[name]
    layer = make()
    outputs = call(layer, inputs)
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    shapes = {f"{argument}_shape": array.shape for argument, array in inputs.items()}
    found = layer.compute_output_shape(**{n: list(shape) for n, shape in shapes.items()})
    found = found[0] if isinstance(found[0], (tuple, list)) else found
    assert tuple(found) == tuple(first.shape)
    for argument, array in inputs.items():
        wrong = [(*array.shape[:2], 1, array.shape[-1]), array.shape[1:]]
        for shape in wrong:
            with pytest.raises(ValueError, match=f"`{argument}` must be of shape"):
                layer.compute_output_shape(**{**shapes, f"{argument}_shape": shape})
        if len(inputs) > 1:
            with pytest.raises(ValueError, match="its B must be equal to the B"):
                layer.compute_output_shape(**{**shapes, f"{argument}_shape": (1, *array.shape[1:])})


def test_masks_by_place_are_refused_as_those_by_name_are():
    query, value = keras.Input((T, D)), keras.Input((S, D))
    right, wrong = keras.Input((T,), dtype="bool"), keras.Input((9,), dtype="bool")
    additive, multi_head = layers.AdditiveAttention(6), layers.MultiHeadAttention(H, K)
    for layer, places in ((additive, (None, None)), (multi_head, (None,))):
        with pytest.raises(ValueError, match="`query_mask` must be of shape"):
            layer(query, value, *places, wrong)
        with pytest.raises(ValueError, match="`value_mask` must be of shape"):
            layer(query, value, *places, right, wrong)


PROJECTED = [
    lambda: layers.AdditiveAttention(6),
    lambda: layers.MultiplicativeAttention("concat", units=6),
    lambda: layers.MultiplicativeAttention("general"),
    lambda: layers.MultiplicativeAttention("dot"),
]


@pytest.mark.parametrize("make", PROJECTED, ids=["additive", "concat", "general", "dot"])
def test_projected_keys_must_fit(make):
    layer = make()
    expected = layer(X, MEMORY)
    keys = to_numpy(layer.project_keys(ops.convert_to_tensor(MEMORY)))
    found = layer(X, MEMORY, projected_keys=keys)
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-6)
    wrong = [keys[:1], keys[:, :1], keys[..., :1], keys[:, 1:], keys[0], keys[:, None]]
    for array in wrong:
        with pytest.raises(ValueError, match="`projected_keys` must be of shape"):
            layer(X, MEMORY, projected_keys=array)


def test_steps_take_a_row_for_every_query():
    layer = layers.MultiHeadAttention(H, K)
    layer(X, MEMORY)
    memory = layer.project(ops.convert_to_tensor(MEMORY))
    x = ops.convert_to_tensor(X)
    one = {name: tensor[:1] for name, tensor in memory.items()}
    with pytest.raises(ValueError, match=r"`memory\['key'\]` must be .* B must be equal to the B"):
        layer.cross_step(x, one)
    for mask in (np.ones((1, S), bool), np.ones((B, 1), bool), np.ones((S,), bool)):
        with pytest.raises(ValueError, match="`value_mask` must be of shape"):
            layer.cross_step(x, memory, value_mask=mask)
    with pytest.raises(ValueError, match="`attention_mask` must be of shape"):
        layer.cross_step(x, memory, attention_mask=np.ones((2, T, S), bool))
    both = ops.concatenate([x, x])
    with pytest.raises(ValueError, match="B/G must be equal to the B/G, 3"):
        layer.cross_step(both, one, queries_per_source=2)
    assert layer.cross_step(both, memory, queries_per_source=2)[0].shape == (2 * B, T, D)
    own = layers.MultiHeadAttention(H, K)
    own(X)
    for cache in (own.empty_cache(1, T), own.empty_cache(B + 1, T)):
        with pytest.raises(ValueError, match=r"`cache\['key'\]` must be .* B must be equal to the"):
            own.step(x[:, 0], cache, cache_slots(cache, 0))
    with pytest.raises(ValueError, match="`query` must be .* D must be equal to the D, 12, of the"):
        cache = own.empty_cache(B, T)
        own.step(x[:, 0, :1], cache, cache_slots(cache, 0))


def calls_of_one_row():
    """name -> (layer, arguments that fit, the argument that then comes with one row or column)."""
    mask = np.ones((B, T), bool)
    source_mask = np.ones((B, S), bool)
    found = {
        "cross": (layers.MultiHeadAttention(H, K), {"query": X, "value": MEMORY}, "value"),
        "additive": (layers.AdditiveAttention(6), {"query": X, "value": MEMORY}, "value"),
        "local": (layers.MultiplicativeAttention(window=2), {"query": X, "value": MEMORY}, "value"),
        "recurrent": (layers.RecurrentEncoder(4), {"inputs": X, "padding_mask": mask}, None),
        "encoder": (layers.TransformerEncoder(14, H), {"inputs": X, "padding_mask": mask}, None),
        "head": (
            layers.MaskedLMHead(vocabulary_size=9),
            {"inputs": X, "mask_positions": IDS[:, :2]},
            "mask_positions",
        ),
        "decoder": (
            layers.RecurrentDecoder(keras.layers.GRUCell(8), layers.AdditiveAttention(6)),
            {"inputs": X, "value": MEMORY, "value_mask": source_mask},
            None,
        ),
        "block": (
            layers.TransformerDecoder(14, H),
            {
                "decoder_sequence": X,
                "encoder_sequence": MEMORY,
                "encoder_padding_mask": source_mask,
            },
            None,
        ),
    }
    return {
        n: (layer, given, other or list(given)[-1]) for n, (layer, given, other) in found.items()
    }


NAMES = ("cross", "additive", "local", "recurrent", "encoder", "head", "decoder", "block")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="shapes are static on JAX")
@pytest.mark.parametrize("name", NAMES)
def test_a_graph_compares_sizes_when_it_runs(name):
    import tensorflow as tf

    layer, given, argument = calls_of_one_row()[name]
    expected = call(layer, given)
    signature = [
        tf.TensorSpec((None, None, *x.shape[2:]), tf.as_dtype(x.dtype)) for x in given.values()
    ]

    @tf.function(input_signature=signature, autograph=False)
    def graph(*arrays):
        return call(layer, dict(zip(given, arrays, strict=True)))

    found = graph(*given.values())
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    wrong = [given[argument][:1]]
    if argument.endswith("mask"):
        wrong.append(given[argument][:, :1])
    for array in wrong:
        with pytest.raises(tf.errors.InvalidArgumentError, match="must fit each other in their si"):
            graph(*{**given, argument: array}.values())
    inside = graph.get_concrete_function().graph
    (assertion,) = [
        op for op in inside.get_operations() if op.type == "Assert"
    ]  # none of its parts
    # What reads the first argument waits for the assertion: its message comes first.
    readers = [op for op in inside.inputs[0].consumers() if op.type not in ("Shape", "ShapeN")]
    assert readers and all(assertion in reader.control_inputs for reader in readers)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="shapes are static on JAX")
def test_what_may_be_1_stays_so_in_a_graph_and_under_xla():
    import tensorflow as tf

    layer = layers.MultiHeadAttention(H, K)
    layer(X, MEMORY)
    signature = [tf.TensorSpec((None, None, D))] * 2 + [tf.TensorSpec((None, None, None), tf.bool)]

    def run(query, value, mask):
        return layer(query, value, attention_mask=mask)

    for jit in (False, True):
        graph = tf.function(run, input_signature=signature, autograph=False, jit_compile=jit)
        for shape in ((B, T, S), (1, T, S), (B, 1, S), (1, 1, 1)):
            mask = np.ones(shape, bool)
            np.testing.assert_allclose(graph(X, MEMORY, mask), run(X, MEMORY, mask), atol=1e-5)
        if not jit:  # XLA makes no assertions
            for shape in ((2, T, S), (B, T, 2)):
                with pytest.raises(tf.errors.InvalidArgumentError, match="fit each other"):
                    graph(X, MEMORY, np.ones(shape, bool))
