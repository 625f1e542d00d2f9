"""The translator of the benchmarks, made of PyTorch's layers, and its training step."""

import math

from keras_attention.layers.sinusoidal_position_encoding import sinusoidal_encoding

import numpy as np
import torch
from torch import nn

PADDING = 0


class TorchTranslator(nn.Module):
    """`nn.TransformerEncoder` and `nn.TransformerDecoder` with the sizes and weights of `ours`.

    Args:
        ours: a post-norm `TransformerTranslator` with `attention_bias=True`, of one vocabulary.
    """

    def __init__(self, ours):
        super().__init__()
        width = ours.hidden_dim
        options = dict(dropout=ours.dropout, layer_norm_eps=1e-5, batch_first=True)
        sizes = (width, ours.num_heads, ours.intermediate_dim)
        self.tokens = nn.Embedding(ours.vocabulary_size, width)
        table = np.asarray(sinusoidal_encoding(np.arange(ours.max_sequence_length), width))
        self.register_buffer("positions", torch.from_numpy(np.array(table, np.float32)))
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(*sizes, **options) for _ in ours.encoder_blocks
        )
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(*sizes, **options) for _ in ours.decoder_blocks
        )
        self.dropout = nn.Dropout(ours.dropout)
        with torch.no_grad():
            self._take_weights(ours)
        for block in [*self.encoder, *self.decoder]:
            block.dropout = nn.Identity()  # inside of the feed-forward layer ours has none

    def _take_weights(self, ours):
        _copy(self.tokens.weight, ours.target_embedding.get_weights()[0])
        for block, original in zip(self.encoder, ours.encoder_blocks, strict=True):
            norms = (block.norm1, block.norm2)
            _copy_feed_forward(block, norms, original)
        for block, original in zip(self.decoder, ours.decoder_blocks, strict=True):
            _copy_feed_forward(block, (block.norm1, block.norm3), original)
            _copy_attention(block.multihead_attn, original.cross_attention.get_weights())
            _copy_norm(block.norm2, original.cross_attention_normalization)

    def forward(self, source_ids, target_ids):
        """Logits (B, T, V) of ids (B, S) and (B, T)."""
        source_padding, target_padding = source_ids == PADDING, target_ids == PADDING
        length = target_ids.shape[1]
        causal = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        x = self._embed(source_ids)
        for block in self.encoder:
            x = block(x, src_key_padding_mask=source_padding)
        memory, x = x, self._embed(target_ids)
        for block in self.decoder:
            x = block(
                x,
                memory,
                tgt_mask=causal,
                tgt_key_padding_mask=target_padding,
                memory_key_padding_mask=source_padding,
                tgt_is_causal=True,
            )
        return x @ self.tokens.weight.T

    def _embed(self, ids):
        x = self.tokens(ids) * math.sqrt(self.tokens.embedding_dim)
        return self.dropout(x + self.positions[: ids.shape[1]])


def _copy(parameter, array):
    parameter.copy_(torch.from_numpy(np.array(array)))


def _copy_norm(norm, ours):
    for parameter, array in zip((norm.weight, norm.bias), ours.get_weights(), strict=True):
        _copy(parameter, array)


def _copy_attention(attention, weights):
    """From kernels (D, 3 D), or (D, D) and (D, 2 D), to the one of PyTorch, (3 D, D)."""
    *inner, out, out_bias = weights
    _copy(attention.in_proj_weight, np.concatenate(inner[::2], axis=1).T)
    _copy(attention.in_proj_bias, np.concatenate(inner[1::2]))
    _copy(attention.out_proj.weight, out.T)
    _copy(attention.out_proj.bias, out_bias)


def _copy_feed_forward(block, norms, ours):
    """And self-attention, with the norms of both."""
    _copy_attention(block.self_attn, ours.self_attention.get_weights())
    _copy_norm(norms[0], ours.self_attention_normalization)
    _copy_norm(norms[1], ours.feed_forward_normalization)
    for linear, dense in (
        (block.linear1, ours.feed_forward.intermediate),
        (block.linear2, ours.feed_forward.output_projection),
    ):
        kernel, bias = dense.get_weights()
        _copy(linear.weight, kernel.T)
        _copy(linear.bias, bias)


def torch_logits(ours, x):
    """Logits (B, T, V) of PyTorch with the weights of `ours`, without dropout, as NumPy."""
    model = TorchTranslator(ours).eval()
    with torch.no_grad():
        return model(*_tensors(x)).numpy()


def _tensors(x):
    names = ("encoder_token_ids", "decoder_token_ids")
    return [torch.from_numpy(np.asarray(x[name], np.int64)) for name in names]


def torch_train_function(ours, batch, compiled, smoothing):
    """A function that takes steps, as that of `training_step.train_function`; its loss at the end.

    It computes no accuracy: PyTorch users write their own, or none.

    Args:
        ours: the `TransformerTranslator` whose weights it begins with.
        batch: `(x, y)`.
        compiled: whether `torch.compile` makes one program of model and loss.
        smoothing: label smoothing.
    """
    model = TorchTranslator(ours).train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-4, betas=(0.9, 0.98), fused=True)
    loss_function = nn.CrossEntropyLoss(ignore_index=PADDING, label_smoothing=smoothing)
    sources, targets = _tensors(batch[0])
    labels = torch.from_numpy(np.asarray(batch[1], np.int64))

    def forward(sources, targets, labels):
        return loss_function(model(sources, targets).flatten(0, 1), labels.flatten())

    if compiled:
        forward = torch.compile(forward)

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss = forward(sources, targets, labels)
            loss.backward()
            optimizer.step()
        return {"loss": float(loss.detach())}

    run(2)
    return run
