"""Recurrent translators in all three formats, alignments included."""

import keras
import numpy as np
import pytest

from keras_attention.artifacts.manifest import read_manifest
from keras_attention.decoding import SearchOptions, search
from keras_attention.models import RNNTranslator
from keras_attention.tasks.export import export
from tests.tasks.small_translator import TEXTS, tokenizer

SIZES = {
    "small": dict(units=16, embedding_dim=12),
    "rnnencdec": dict(units=16, embedding_dim=12, maxout_units=6),
    "rnnsearch": dict(units=16, embedding_dim=12, maxout_units=6, attention_units=10),
    "gnmt": dict(units=16, num_layers=3),
}


BEAM = SearchOptions(beam_size=3, n_best=2, length_penalty=0.6)


FORMATS = ("tf_saved_model", "tflite", "onnx")


@pytest.mark.parametrize(
    "preset, options, formats",
    [
        # `test_rnn_run.py` exports this one greedily too, from the command line.
        pytest.param("small", SearchOptions(), FORMATS, marks=pytest.mark.slow),
        # Its layers are those of rnnsearch, but for the attention.
        pytest.param("rnnencdec", SearchOptions(), FORMATS, marks=pytest.mark.slow),
        pytest.param("rnnsearch", SearchOptions(), FORMATS, marks=pytest.mark.slow),
        # `test_rnn_run.py` exports to TFLite.
        ("gnmt", SearchOptions(), ("onnx",)),
        pytest.param("gnmt", SearchOptions(), FORMATS, marks=pytest.mark.slow),
        # `test_own_translator.py` exports another recurrent model with a beam.
        pytest.param("small", BEAM, FORMATS, marks=pytest.mark.slow),
    ],
)
def test_every_form_gives_keras_answers(preset, options, formats, tmp_path):
    keras.utils.set_random_seed(1)
    model = RNNTranslator.from_preset(
        preset,
        vocabulary_size=tokenizer().source.vocabulary_size,
        max_sequence_length=24,
        **SIZES[preset],
    )
    attends = model.decoder.attention is not None
    artifact = tmp_path / "artifact"
    given = dict(search=options.to_dict(), with_alignments=attends, formats=formats)
    export(model, artifact, tokenizer(), examples=TEXTS, **given)
    manifest = read_manifest(artifact)
    for reports in manifest["parity"].values():
        assert [report["agreement"] for report in reports] == [1.0, 1.0]
    for name, ops in manifest["ops"].items():
        assert not [op for op in ops if "custom" in op or "flex" in op.lower()], name
    if attends:
        _check_alignment(model, options, artifact / "model.onnx")


def _check_alignment(model, options, path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in ((1, 4), (3, 9)):
        ids = np.random.default_rng(shape[0]).integers(4, 100, shape).astype("int32")
        ids[:, -1] = 3
        expected = search(model, ids, options, return_alignment=True)
        names = ("token_ids", "alignment")
        found = session.run(list(names), {"source_ids": ids})
        for name, array in zip(names, found, strict=True):
            np.testing.assert_allclose(array, np.asarray(expected[name]), atol=1e-4)
