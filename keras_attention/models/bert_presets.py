"""The published sizes of BERT.

Tiny to medium are those of Turc et al. 2019, "Well-Read Students Learn Better",
https://arxiv.org/abs/1908.08962; base and large those of Devlin et al. 2018,
https://arxiv.org/abs/1810.04805. All have heads of width 64 and feed-forward layers four times as
wide as the model.
"""


def _sizes(num_layers, hidden_dim):
    return dict(
        num_layers=num_layers,
        num_heads=hidden_dim // 64,
        hidden_dim=hidden_dim,
        intermediate_dim=4 * hidden_dim,
    )


PRESETS = {
    "tiny": _sizes(2, 128),
    "mini": _sizes(4, 256),
    "small": _sizes(4, 512),
    "medium": _sizes(8, 512),
    "base": _sizes(12, 768),
    "large": _sizes(24, 1024),
}
