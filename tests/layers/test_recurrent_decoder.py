import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attention.graph import recurrence
from keras_attention.graph.matmul import matmul
from keras_attention.layers import (
    AdditiveAttention,
    BaseAttention,
    BlockSparseAttention,
    GNMTDecoder,
    MultiHeadAttention,
    MultiplicativeAttention,
    RecurrentDecoder,
    RNNSearchDecoder,
)
from tests.backend import gradients, largest_tensor, to_numpy

B, T, S, E, W, U, R = 3, 6, 5, 4, 7, 8, 9
RNG = np.random.default_rng(4)
TOKENS = RNG.normal(size=(B, T, E)).astype("float32")
VALUE = RNG.normal(size=(B, S, W)).astype("float32")
SUMMARY = RNG.normal(size=(B, W)).astype("float32")
MASK = np.arange(S) < np.array([[5], [1], [3]])


@keras.saving.register_keras_serializable(package="tests")
class RunningSum(layers.Layer):
    """A user's own cell: the smallest thing with a state."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, inputs_shape):
        self.kernel = self.add_weight(shape=(inputs_shape[-1], self.units), name="kernel")
        self.built = True

    def call(self, inputs, states):
        state = ops.tanh(states[0] * 0.5 + ops.matmul(inputs, self.kernel))
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def stack():
    return [layers.GRUCell(6), layers.LSTMCell(U)]


CELLS = {
    "GRU": lambda: layers.GRUCell(U),
    "GRU, reset before": lambda: layers.GRUCell(U, reset_after=False),
    "LSTM": lambda: layers.LSTMCell(U),
    "simple": lambda: layers.SimpleRNNCell(U),
    "relu GRU": lambda: layers.GRUCell(U, activation="relu"),
    "the user's own": lambda: RunningSum(U),
    "a list": stack,
    "stacked": lambda: layers.StackedRNNCells(stack()),
}
ATTENTIONS = {
    "additive": lambda: AdditiveAttention(6),
    "general": lambda: MultiplicativeAttention("general"),
    "local": lambda: MultiplicativeAttention("general", window=2),
    "multi-head": lambda: MultiHeadAttention(2, 3),
    "none": lambda: None,
}


def make(kind=RecurrentDecoder, cell="GRU", attention="additive", readout=True, bridge=None):
    keras.utils.set_random_seed(11)
    readout = layers.Dense(R, "tanh") if readout else None
    return kind(CELLS[cell](), ATTENTIONS[attention](), readout, bridge)


def run(layer, tokens=TOKENS, value=VALUE, mask=MASK, **options):
    return to_numpy(
        layer(
            tokens,
            value,
            summary=SUMMARY[: len(tokens)],
            value_mask=mask,
            return_attention_scores=True,
            **options,
        )
    )


def step_by_step(layer):
    """The step contract, as decoding uses it."""
    constants = layer.constants(VALUE, SUMMARY, MASK)
    state = layer.initial_state(constants)
    outputs, alignments = [], []
    for t in range(T):
        token = ops.convert_to_tensor(TOKENS[:, t])
        features, alignment, state = layer.step(layer.prepare(token), state, constants)
        outputs.append(to_numpy(layer.read(features, token)))
        alignments.append(to_numpy(alignment))
    return np.stack(outputs, 1), np.stack(alignments, 1)


def marks_unless(is_quick):
    return () if is_quick else pytest.mark.slow


# Every cell and every attention is quick once, and of the other kind some pairs.
OF_RNN_SEARCH = [("GRU", "additive"), ("LSTM", "local"), ("stacked", "multi-head")]


@pytest.mark.parametrize(
    ("kind", "cell", "attention"),
    [
        pytest.param(
            kind,
            cell,
            attention,
            marks=marks_unless(
                (cell, attention) in OF_RNN_SEARCH
                if kind is RNNSearchDecoder
                else cell == "GRU" or attention == "additive"
            ),
        )
        for cell in CELLS
        for attention in ATTENTIONS
        for kind in (RecurrentDecoder, RNNSearchDecoder)
    ],
)
def test_a_sequence_is_its_steps(kind, cell, attention):
    layer = make(kind, cell, attention)
    output, alignment = run(layer)
    assert output.shape == (B, T, R)
    for found, expected in zip(step_by_step(layer), (output, alignment), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not alignment[~np.broadcast_to(MASK[:, None], alignment.shape)].any()
    if attention in ("additive", "general", "multi-head"):
        np.testing.assert_allclose(alignment.sum(-1), 1, atol=1e-5)


def by_hand(layer):
    """`RecurrentDecoder`'s three lines with the stock cell's own call."""
    state, context, outputs = np.zeros((B, U), "float32"), np.zeros((B, W), "float32"), []
    for t in range(T):
        _, [state] = layer.cells[0](np.concatenate([TOKENS[:, t], context], -1), [state])
        context = layer.attention(state[:, None], VALUE, value_mask=MASK)[:, 0]
        outputs.append(np.concatenate([state, context, TOKENS[:, t]], -1))
    return to_numpy(layer.readout(np.stack(outputs, 1)))


@pytest.mark.parametrize("cell", ["GRU", "GRU, reset before", "relu GRU", "simple"])
def test_equal_to_the_stock_cell_and_the_attention_layer_by_hand(cell):
    layer = make(cell=cell)
    output, _ = run(layer)
    np.testing.assert_allclose(output, by_hand(layer), atol=1e-5)


def test_gnmt_by_hand():
    layer = GNMTDecoder([layers.LSTMCell(U) for _ in range(4)], AdditiveAttention(6))
    output, _ = run(layer)
    states = [[np.zeros((B, U), "float32")] * 2 for _ in range(4)]
    context = np.zeros((B, W), "float32")
    for t in range(T):
        x, states[0] = layer.cells[0](np.concatenate([TOKENS[:, t], context], -1), states[0])
        context = layer.attention(x[:, None], VALUE, value_mask=MASK)[:, 0]
        for index in (1, 2, 3):
            below = x
            x, states[index] = layer.cells[index](np.concatenate([x, context], -1), states[index])
            x = x + below if index >= 2 else x
        np.testing.assert_allclose(output[:, t], to_numpy(x), atol=1e-5)


@pytest.mark.parametrize("kind", [RecurrentDecoder, RNNSearchDecoder])
def test_padding_of_the_source_changes_nothing(kind):
    layer = make(kind, bridge=layers.Dense(U, "tanh") if kind is RecurrentDecoder else None)
    output, alignment = run(layer)
    noisy = np.where(MASK[:, :, None], VALUE, 9.0).astype("float32")
    for a, b in zip(run(layer, value=noisy), (output, alignment), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_output_sees_no_later_token():
    layer = make()
    changed = TOKENS.copy()
    changed[:, 3:] += 1
    before, after = run(layer)[0], run(layer, changed)[0]
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before - after)[:, 3:].max(axis=(0, 2)) > 1e-4).all()


def test_without_attention_the_summary_is_the_context():
    layer = make(attention="none")
    output, alignment = run(layer)
    assert not alignment.any()
    x = np.concatenate([TOKENS, np.repeat(SUMMARY[:, None], T, 1)], -1)
    rnn = layers.RNN(layer.cells[0], return_sequences=True)
    states = to_numpy(rnn(x))
    expected = layer.readout(np.concatenate([states, x[..., E:], TOKENS], -1))
    np.testing.assert_allclose(output, to_numpy(expected), atol=1e-5)


def test_the_bridge_makes_the_first_states():
    layer = make(cell="a list", bridge=layers.Dense(6 + 2 * U, "tanh"))
    run(layer)
    states = layer.initial_state(layer.constants(VALUE, SUMMARY))["cells"]
    assert [[tuple(s.shape) for s in cell] for cell in states] == [[(B, 6)], [(B, U), (B, U)]]
    flat = np.concatenate([to_numpy(s) for cell in states for s in cell], -1)
    np.testing.assert_allclose(flat, to_numpy(layer.bridge(SUMMARY)), atol=1e-6)


def loss_of_sequence(layer, **options):
    output = layer(TOKENS, VALUE, summary=SUMMARY, value_mask=MASK, **options)
    return ops.sum(ops.square(output))


def loss_of_steps(layer, training=None):
    constants = layer.constants(VALUE, SUMMARY, MASK)
    state, total = layer.initial_state(constants), 0.0
    for t in range(T):
        token = ops.convert_to_tensor(TOKENS[:, t])
        features, _, state = layer.step(layer.prepare(token), state, constants, training)
        total = total + ops.sum(ops.square(layer.read(features, token)))
    return total


PATHS = [
    (kind, "GRU", attention)
    for kind in (RecurrentDecoder, RNNSearchDecoder)
    for attention in ATTENTIONS
]
PATHS += [(RecurrentDecoder, cell, "additive") for cell in CELLS if cell != "GRU"]
PATHS += [(GNMTDecoder, "LSTM", "additive")]
# The loop of training is this package's own, so most paths are quick in it; these in both loops.
BOTH_LOOPS = [
    (RecurrentDecoder, "GRU", "additive"),
    (RecurrentDecoder, "GRU", "local"),
    (GNMTDecoder, "LSTM", "additive"),
]
SLOW_PATHS = [(RNNSearchDecoder, "GRU", name) for name in ATTENTIONS if name != "additive"]
SLOW_PATHS += [
    (RecurrentDecoder, cell, "additive") for cell in ("GRU, reset before", "simple", "a list")
]


@pytest.mark.parametrize(
    ("kind", "cell", "attention", "training"),
    [
        pytest.param(
            *path,
            training,
            marks=marks_unless(path not in SLOW_PATHS if training else path in BOTH_LOOPS),
        )
        for path in PATHS
        for training in (False, True)
    ],
)
def test_no_gradient_is_lost_on_the_way(kind, cell, attention, training):
    """The cell's, the attention's, the readout's and the bridge's, in both loops over time."""
    layer = make(kind, cell, attention)
    states = keras.tree.flatten([member.state_size for member in layer.cells])
    bridge = layers.Dense(sum(states), "tanh")
    if kind is not RNNSearchDecoder:  # whose bridge sees the last U columns of the summary
        layer.bridge = bridge
    run(layer)
    weights = layer.trainable_weights
    found = gradients(lambda: loss_of_sequence(layer, training=training), weights)
    expected = gradients(lambda: loss_of_steps(layer), weights)
    for weight, a, b in zip(weights, found, expected, strict=True):
        assert np.abs(b).max() > 0, weight.path
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=weight.path)


def test_frozen_parts_are_read_and_stay_as_they_are():
    layer = make()
    run(layer)
    layer.attention.trainable = layer.cells[0].trainable = False
    before = [weight.numpy() for weight in layer.weights]
    weights = layer.trainable_weights
    found = gradients(lambda: loss_of_sequence(layer, training=True), weights)
    expected = gradients(lambda: loss_of_steps(layer), weights)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    run(layer, training=True)
    for weight, array in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), array)


def test_an_attention_drops_the_same_when_its_step_is_computed_again():
    def dropping():
        keras.utils.set_random_seed(3)
        layer = RecurrentDecoder(layers.GRUCell(U), AdditiveAttention(6, dropout=0.5, seed=9))
        run(layer)
        return layer

    one, other = dropping(), dropping()
    found = gradients(lambda: loss_of_sequence(one, training=True), one.trainable_weights)
    expected = gradients(lambda: loss_of_steps(other, training=True), other.trainable_weights)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    drawn = [run(one, training=True)[0] for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3  # new ones for every call


def test_training_never_holds_the_hidden_layer_of_all_steps():
    """Not a tensor with (B, T, S, units) elements, forward or backward; one step's is the most."""
    batch, steps, source, units = 2, 48, 40, 32
    rng = np.random.default_rng(0)
    tokens, value = (rng.normal(size=(batch, n, 8)).astype("float32") for n in (steps, source))
    layer = RecurrentDecoder(layers.GRUCell(8), AdditiveAttention(units), layers.Dense(4))
    layer(tokens, value)
    largest = largest_tensor(
        lambda: ops.sum(ops.square(layer(tokens, value, training=True))), layer.trainable_weights
    )
    assert batch * source * units <= largest < batch * steps * source * units / 10


@keras.saving.register_keras_serializable(package="tests")
class Bilinear(BaseAttention):
    """A user's own attention: it hands on the product that it was given."""

    def build(self, query_shape, value_shape, key_shape=None):
        self.kernel = self.add_weight(shape=(query_shape[-1], value_shape[-1]), name="kernel")
        super().build(query_shape, value_shape, key_shape)

    def project_query(self, query, matmul=matmul):
        return matmul(query, self.kernel, self.compute_dtype)

    def score(self, query, key):
        return ops.matmul(query, ops.transpose(key, (0, 2, 1)))


class Nearby(MultiHeadAttention):
    """A user's own score, which reads positions."""

    def score(self, query, key, query_positions, key_positions):
        queries = ops.reshape(ops.cast(query_positions, query.dtype), (-1, 1, query.shape[2], 1))
        keys = ops.reshape(ops.cast(key_positions, query.dtype), (1, 1, 1, -1))
        scores = super().score(query, key, query_positions, key_positions)
        return scores - 0.5 * ops.abs(queries - keys)


@pytest.mark.parametrize(
    "attention", [Nearby(2, 3), MultiHeadAttention(2, 3, sliding_window=2)], ids=["score", "window"]
)
def test_multi_head_attention_counts_the_steps_of_a_recurrence(attention):
    """Attention a step at a time is attention of the sequence."""
    output, scores = to_numpy(attention(TOKENS, VALUE, return_attention_scores=True))
    keys, state = attention.project_keys(VALUE), attention.initial_state(VALUE)
    for t in range(T):
        context, alignment, state = attention.attend(TOKENS[:, t], VALUE, keys, None, state)
        np.testing.assert_allclose(to_numpy(context), output[:, t], atol=1e-6)
        np.testing.assert_allclose(to_numpy(alignment), scores[:, :, t].mean(1), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "attention", "products"),
    [
        # The context's share of the cell's input kernel, the recurrent kernel, the attention's, and
        # the weights times the values.
        (RecurrentDecoder, AdditiveAttention(6), 4),
        (RNNSearchDecoder, Bilinear(), 4),
        # Multi-head attention makes its products without the recurrence.
        (RecurrentDecoder, MultiHeadAttention(2, 3), 2),
        (RecurrentDecoder, Nearby(2, 3), 2),
        (RecurrentDecoder, None, 2),
    ],
)
def test_training_makes_kernel_gradients_after_the_loop(kind, attention, products, monkeypatch):
    uses = []

    def spy(given, *others):
        uses.extend(given)
        return original(given, *others)

    original = recurrence.kernel_gradients
    monkeypatch.setattr(recurrence, "kernel_gradients", spy)
    layer = kind(layers.GRUCell(U), attention, layers.Dense(R))
    run(layer)
    found = gradients(lambda: loss_of_sequence(layer, training=True), layer.trainable_weights)
    assert len(uses) == products
    expected = gradients(lambda: loss_of_steps(layer), layer.trainable_weights)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [layers.GRUCell, layers.LSTMCell])
def test_a_stock_cells_dropout_is_the_same_at_every_step(kind):
    keras.utils.set_random_seed(0)
    layer = RecurrentDecoder(kind(U, dropout=0.5, recurrent_dropout=0.5), None)
    tokens = np.repeat(TOKENS[:, :1], T, 1)
    drawn = [run(layer, tokens, training=True)[0] for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3  # new masks for every call
    quiet = run(layer, tokens)[0]
    assert np.abs(quiet - drawn[0]).max() > 1e-3
    np.testing.assert_allclose(quiet, run(layer, tokens, training=False)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: RecurrentDecoder(layers.Dense(3)), "`cell` must be a Keras RNN cell"),
        (lambda: RecurrentDecoder([]), "`cell` must be a Keras RNN cell"),
        (lambda: RecurrentDecoder(layers.GRUCell(4))(TOKENS, VALUE), "`summary` must be given"),
    ],
)
def test_what_cannot_work_is_refused(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()


@pytest.mark.parametrize("attention", [BlockSparseAttention(2, 4), layers.Dense(3)])
def test_an_attention_without_steps_is_refused(attention):
    with pytest.raises(ValueError, match="`attention` must be None or a layer that attends step"):
        RecurrentDecoder(layers.GRUCell(U), attention)


def test_block_sparse_attention_has_no_steps():
    """What it cannot run it does not inherit."""
    for name in ("attend", "initial_state", "project_keys", "empty_cache", "cross_step", "step"):
        assert not hasattr(BlockSparseAttention, name) and hasattr(MultiHeadAttention, name)
