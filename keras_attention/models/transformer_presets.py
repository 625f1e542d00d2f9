"""The sizes of transformer translators."""

PRESETS = {
    # Wu et al. 2021, section 4.1 (fairseq's transformer_tiny)
    "tiny": dict(num_layers=4, hidden_dim=128, intermediate_dim=256, num_heads=4, dropout=0.3),
    # The width of tiny with one decoder layer for four and twice the encoder: Kasai et al. 2021,
    # "Deep Encoder, Shallow Decoder", https://arxiv.org/abs/2006.10369
    "fast": dict(
        num_layers=8,
        num_decoder_layers=1,
        hidden_dim=128,
        intermediate_dim=256,
        num_heads=4,
        dropout=0.3,
    ),
    # Vaswani et al. 2017, table 3
    "base": dict(num_layers=6, hidden_dim=512, intermediate_dim=2048, num_heads=8, dropout=0.1),
    "big": dict(num_layers=6, hidden_dim=1024, intermediate_dim=4096, num_heads=16, dropout=0.3),
}
