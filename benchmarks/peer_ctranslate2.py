"""The weights of a `TransformerTranslator` as a CTranslate2 model."""

import tempfile
from pathlib import Path

from keras_attention.layers.sinusoidal_position_encoding import sinusoidal_encoding

import numpy as np


def write_ctranslate2(model, pieces, directory, shortlist=None):
    """Writes a CTranslate2 model with the weights of `model`, by its public TransformerSpec.

    Args:
        model: a pre-norm `TransformerTranslator` with ReLU, one shared vocabulary and no biases in
            the attention: what `from_preset(..., normalize_first=True)` makes.
        pieces: list of strings, the vocabulary.
        directory: where to; must not exist.
        shortlist: a `LexicalShortlist`, which becomes the model's vocabulary map, or None.
    """
    import ctranslate2

    spec = ctranslate2.specs.TransformerSpec.from_config(
        (model.num_layers, model.num_decoder_layers),
        model.num_heads,
        pre_norm=model.normalize_first,
        activation=ctranslate2.specs.common_spec.Activation.RELU,
    )
    table = np.asarray(model.target_embedding.token_embeddings, "float32")
    length = model.max_sequence_length
    positions = np.asarray(sinusoidal_encoding(np.arange(length), model.hidden_dim), "float32")
    for side in (spec.encoder, spec.decoder):
        embeddings = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        embeddings.weight = table
        side.scale_embeddings = True
        side.position_encodings.encodings = positions
    spec.decoder.projection.weight = table
    _norm(spec.encoder.layer_norm, model.encoder_norm)
    _norm(spec.decoder.layer_norm, model.decoder_norm)
    for layer, block in zip(spec.encoder.layer, model.encoder_blocks, strict=True):
        _self_attention(layer, block)
        _feed_forward(layer, block)
    for layer, block in zip(spec.decoder.layer, model.decoder_blocks, strict=True):
        _self_attention(layer, block)
        attention = block.cross_attention
        _linear(layer.attention.linear[0], attention.query_kernel)
        _linear(layer.attention.linear[1], attention.key_value_kernel)
        _linear(layer.attention.linear[2], attention.output_kernel)
        _norm(layer.attention.layer_norm, block.cross_attention_normalization)
        _feed_forward(layer, block)
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = pieces[1:4]
    spec.config.decoder_start_token = spec.config.bos_token
    spec.config.add_source_bos = spec.config.add_source_eos = False
    spec.config.layer_norm_epsilon = 1e-5
    with tempfile.TemporaryDirectory() as folder:
        if shortlist is not None:
            path = Path(folder) / "vmap.txt"
            _write_vocabulary_map(shortlist, pieces, path)
            spec.register_vocabulary_mapping(str(path))
        spec.validate()
        Path(directory).mkdir()
        spec.save(str(directory))


def _write_vocabulary_map(shortlist, pieces, path):
    """A line for each source token, a tab, and its candidates; that of no token is for all."""
    lines = ["\t" + " ".join(pieces[i] for i in shortlist.frequent)]
    for source, candidates in enumerate(shortlist.candidates):
        named = dict.fromkeys(pieces[i] for i in candidates)
        lines.append(f"{pieces[source]}\t{' '.join(named)}")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _self_attention(layer, block):
    attention = block.self_attention
    _linear(layer.self_attention.linear[0], attention.query_key_value_kernel)
    _linear(layer.self_attention.linear[1], attention.output_kernel)
    _norm(layer.self_attention.layer_norm, block.self_attention_normalization)


def _feed_forward(layer, block):
    ours = block.feed_forward
    _linear(layer.ffn.linear_0, ours.intermediate.kernel, ours.intermediate.bias)
    _linear(layer.ffn.linear_1, ours.output_projection.kernel, ours.output_projection.bias)
    _norm(layer.ffn.layer_norm, block.feed_forward_normalization)


def _linear(spec, kernel, bias=None):
    spec.weight = np.ascontiguousarray(np.asarray(kernel, "float32").T)
    if bias is not None:
        spec.bias = np.asarray(bias, "float32")


def _norm(spec, norm):
    spec.gamma, spec.beta = np.asarray(norm.gamma, "float32"), np.asarray(norm.beta, "float32")
