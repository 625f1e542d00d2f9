"""The tokenizer in a SavedModel, as TensorFlow Serving loads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text

from keras_attention.artifacts import saved_model
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS, graph_of, published, trained

# Of tensorflow_text, what stock TF Serving registers and this tokenizer needs.
SERVED = "FastWordpieceTokenizeWithOffsets"
LIBRARY = Path(tensorflow_text.__file__).parent / "python/ops/_fast_wordpiece_tokenizer.so"


def strings(name):
    return tf.TensorSpec((None,), tf.string, name=name)


def export(tokenizer, directory, max_length):
    graph = tokenizer.in_graph()

    @tf.function(input_signature=[strings("text")], autograph=False)
    def single(text):
        return graph.pack(text, max_length=max_length)

    @tf.function(input_signature=[strings("text"), strings("text_pair")], autograph=False)
    def pair(text, text_pair):
        return graph.pack(text, text_pair, max_length)

    archive = keras.export.ExportArchive()
    archive.track(graph)
    archive.add_endpoint("serving_default", single)
    archive.add_endpoint("pair", pair)
    archive.write_out(str(directory), verbose=False)
    return directory


@pytest.fixture(scope="module", params=["published", pytest.param("cased", marks=pytest.mark.slow)])
def exported(request, tmp_path_factory):
    tokenizer, _ = published() if request.param == "published" else trained(False)
    return tokenizer, export(tokenizer, tmp_path_factory.mktemp("export") / "1", max_length=48)


def check(packed, encoded, padding_id):
    longest = max(map(len, encoded.token_ids))
    for name, rows in packed.items():
        assert rows.shape == (len(encoded.token_ids), longest) and rows.dtype == np.int32, name
    lengths = packed["padding_mask"].sum(1)
    assert lengths.tolist() == [len(row) for row in encoded.token_ids]
    for name, expected in (
        ("token_ids", encoded.token_ids),
        ("segment_ids", encoded.segment_ids),
    ):
        for row, length, ids in zip(packed[name], lengths, expected, strict=True):
            assert row[:length].tolist() == ids
            assert set(row[length:].tolist()) <= {padding_id if name == "token_ids" else 0}


def test_texts_by_the_first_loader(exported):
    tokenizer, directory = exported
    run = saved_model.signature(directory, "serving_default")
    for texts in (BERT_TEXTS, ["one"], ["", "a longer one of more words", "[MASK]"]):
        packed = run(text=[text.encode() for text in texts])
        check(packed, tokenizer.encode(texts, max_length=48), tokenizer.padding_id)


def test_pairs_by_the_first_loader(exported):
    tokenizer, directory = exported
    run = saved_model.signature(directory, "pair")
    pairs = BERT_TEXTS[::-1]
    packed = run(
        text=[text.encode() for text in BERT_TEXTS], text_pair=[text.encode() for text in pairs]
    )
    check(packed, tokenizer.encode(BERT_TEXTS, pairs, 48), tokenizer.padding_id)


def test_only_operators_that_stock_serving_registers(exported):
    operators = saved_model.operators(exported[1])
    assert [name for name in operators if not hasattr(tf.raw_ops, name)] == [SERVED]


def test_constants_are_stored_once(exported):
    size = (exported[1] / "saved_model.pb").stat().st_size
    model = len(graph_of(exported[0])._pieces._model)  # the greatest of them
    assert model < size < model + 1_500_000


def test_with_one_operator_library_and_nothing_else(exported):
    """As a C program does it: no Python of tensorflow_text, no Keras, none of this package."""
    tokenizer, directory = exported
    code = """
import json, sys
import tensorflow as tf
tf.load_op_library(sys.argv[2])
session = tf.compat.v1.Session(graph=tf.Graph())
with session.graph.as_default():
    loaded = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
signature = loaded.signature_def["serving_default"]
texts = [text.encode() for text in json.load(sys.stdin)]
ids = session.run(
    signature.outputs["token_ids"].name, {signature.inputs["text"].name: texts}
)
print(json.dumps(ids.tolist()))
assert "tensorflow_text" not in sys.modules and "keras_attention" not in sys.modules
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(directory), str(LIBRARY)],
        input=json.dumps(BERT_TEXTS),
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": "", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert found.returncode == 0, found.stderr
    expected = tokenizer.pack(BERT_TEXTS, max_length=48)["token_ids"]
    assert json.loads(found.stdout) == expected.tolist()
