"""What block-sparse attention computes, written as attention over all tokens with a bias."""

import numpy as np
from keras import ops

from keras_attention import masks
from keras_attention.graph.matmul import scaled_dot_product
from keras_attention.layers import heads


def named_pairs(own, blocks, plan, window, ends):
    """How often the pattern names each pair of blocks: (H, N, N) integers.

    Args:
        own: number of blocks that the row has.
        blocks: N.
        plan: (H, >= N, R) integers.
        window: number of blocks in the window.
        ends: number of blocks at either end that see all and are seen by all.
    """
    named = np.zeros((len(plan), blocks, blocks), int)
    is_end = [block < ends or block >= own - ends for block in range(own)]
    for head, rows in enumerate(plan):
        for i in range(own):
            for j in range(own):
                near = abs(i - j) <= window // 2
                named[head, i, j] = is_end[i] or is_end[j] or near
                if not is_end[i]:
                    named[head, i, j] += (rows[i] == j).sum()
    return named


def pair_bias(layer, tokens):
    """The logarithm of how often each pair of tokens is named: (B, H, T, T), -1e9 for never."""
    size, length = layer.block_size, tokens.shape[1]
    blocks = -(-length // size)
    plan = layer.random_block_indices
    plan = np.zeros((layer.num_heads, blocks, 0)) if plan is None else np.asarray(plan.value)
    found = []
    for row in tokens:
        own = -(-int(np.max(np.arange(1, length + 1) * row, initial=0)) // size)
        named = named_pairs(
            own, blocks, plan, layer.num_window_blocks, layer.num_global_blocks // 2
        )
        pairs = named.repeat(size, 1).repeat(size, 2)[:, :length, :length] * row
        found.append(np.where(pairs > 0, np.log(np.maximum(pairs, 1)), -1e9))
    return np.array(found, "float32")


def dense_attention(layer, inputs, tokens=None):
    """The output (B, T, D) and the scores (B, H, T, T) of a `BlockSparseAttention`."""
    if tokens is None:
        tokens = np.ones(inputs.shape[:2], bool)
    query, key, value = layer.project_all(inputs)
    bias = pair_bias(layer, tokens)
    weights = masks.masked_softmax(scaled_dot_product(query, key) + bias)
    context = heads.merge_heads(ops.matmul(weights, value), inputs)
    output = layer.project_output(context) * tokens[:, :, None].astype("float32")
    return output, weights * tokens[:, None, :, None].astype("float32")
