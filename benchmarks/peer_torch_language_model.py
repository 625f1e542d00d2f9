"""The language model of the benchmarks, made of PyTorch's layers as nanoGPT is."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """A pre-norm block without biases: causal self-attention and a feed-forward layer."""

    def __init__(self, width, heads, inner, epsilon):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=epsilon, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm2 = nn.LayerNorm(width, eps=epsilon, bias=False)
        self.inner = nn.Linear(width, inner, bias=False)
        self.outer = nn.Linear(inner, width, bias=False)
        self.gelu = nn.GELU()

    def forward(self, x):
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).split(width, dim=2)
        q, k, v = (p.view(rows, length, self.heads, -1).transpose(1, 2) for p in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(rows, length, width))
        return x + self.outer(self.gelu(self.inner(self.norm2(x))))


class TorchLanguageModel(nn.Module):
    """A GPT without biases and dropout, with the sizes and the weights of `ours`.

    Args:
        ours: a `keras_attention.models.GPT` of the preset "nano".
    """

    def __init__(self, ours):
        super().__init__()
        width = ours.hidden_dim
        sizes = (width, ours.num_heads, ours.intermediate_dim, ours.layer_norm_epsilon)
        self.tokens = nn.Embedding(ours.vocabulary_size, width)
        self.positions = nn.Embedding(ours.max_sequence_length, width)
        self.blocks = nn.ModuleList(Block(*sizes) for _ in ours.blocks)
        self.norm = nn.LayerNorm(width, eps=ours.layer_norm_epsilon, bias=False)
        with torch.no_grad():
            self._take_weights(ours)

    def _take_weights(self, ours):
        tokens, positions = ours.embedding.get_weights()
        _copy(self.tokens.weight, tokens)
        _copy(self.positions.weight, positions)
        _copy(self.norm.weight, ours.normalization.get_weights()[0])
        for block, own in zip(self.blocks, ours.blocks, strict=True):
            qkv, out = own.self_attention.get_weights()
            _copy(block.qkv.weight, qkv.T)
            _copy(block.out.weight, out.T)
            _copy(block.norm1.weight, own.self_attention_normalization.get_weights()[0])
            _copy(block.norm2.weight, own.feed_forward_normalization.get_weights()[0])
            _copy(block.inner.weight, own.feed_forward.intermediate.get_weights()[0].T)
            _copy(block.outer.weight, own.feed_forward.output_projection.get_weights()[0].T)

    def forward(self, token_ids):
        """Logits (B, T, V) of ids (B, T)."""
        places = torch.arange(token_ids.shape[1])
        x = self.tokens(token_ids) + self.positions(places)
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def _copy(parameter, array):
    parameter.copy_(torch.from_numpy(np.array(array)))


def torch_logits(ours, token_ids):
    """Logits (B, T, V) of PyTorch with the weights of `ours`, as NumPy."""
    with torch.no_grad():
        return TorchLanguageModel(ours)(_ids(token_ids)).numpy()


def _ids(array):
    return torch.from_numpy(np.asarray(array, np.int64))


class TorchTraining:
    """A training of `TorchLanguageModel` as nanoGPT makes it: AdamW, clipped gradients, a cosine.

    Args:
        ours: the `GPT` whose weights it begins with.
        rates: the learning rate of every step.
        weight_decay, beta_2, clip_norm: those of ours.
        compiled: whether `torch.compile` makes one program of model and loss.
    """

    def __init__(self, ours, rates, weight_decay, beta_2, clip_norm, compiled):
        self.model, self.rates, self.clip_norm = TorchLanguageModel(ours), rates, clip_norm
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() == 1]
        groups = [
            {"params": matrices, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        betas = (0.9, beta_2)
        self.optimizer = torch.optim.AdamW(groups, lr=rates[0], betas=betas, fused=True)
        self.step = 0
        self.forward = torch.compile(self._loss) if compiled else self._loss

    def _loss(self, token_ids, targets):
        logits = self.model(token_ids)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def train(self, batches):
        """Takes a step on each of `batches`: pairs of ids and targets (B, T)."""
        for token_ids, targets in batches:
            for group in self.optimizer.param_groups:
                group["lr"] = self.rates[self.step]
            loss = self.forward(_ids(token_ids), _ids(targets))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()
            self.step += 1
        return float(loss.detach())

    def valid_loss(self, batches):
        """The mean cross-entropy of a token, in nats, over (ids, targets, weights)."""
        total = count = 0.0
        with torch.no_grad():
            for token_ids, targets, weights in batches:
                logits = self.model(_ids(token_ids)).flatten(0, 1)
                losses = functional.cross_entropy(
                    logits, _ids(targets).flatten(), reduction="none"
                ).numpy()
                total += math.fsum((losses * weights.reshape(-1)).tolist())
                count += weights.sum()
        return float(total / count)
