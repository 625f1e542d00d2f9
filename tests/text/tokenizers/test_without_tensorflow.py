"""What texts need where there is neither TensorFlow nor Keras."""

import json
from pathlib import Path

import tensorflow as tf

import keras_attention
from keras_attention.text import SentencePieceTokenizer, TranslationTokenizer
from tests.text.tokenizers.pure_process import run_without_tensorflow
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS, model
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS, graph_of, published

ROOT = Path(keras_attention.__file__).parent


def test_every_module_of_text_is_imported_without_tensorflow():
    modules = sorted(
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for path in (ROOT / "text").rglob("*.py")
        if path.name != "__init__.py"
    )
    assert "keras_attention.text.tokenizers.wordpiece_graph" in modules
    code = f"""
import importlib, sys
sys.modules["sentencepiece"] = None
for name in {modules}:
    importlib.import_module(name)
    print(name)
"""
    assert run_without_tensorflow(code).split() == modules


def test_word_pieces(tmp_path):
    tokenizer, _ = published()
    tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "texts.json").write_text(json.dumps(BERT_TEXTS))
    code = f"""
import json, pathlib, sys
sys.modules["sentencepiece"] = None  # only translators need it
from keras_attention.text import WordPieceTokenizer
tokenizer = WordPieceTokenizer.load({str(tmp_path / "tokenizer")!r})
texts = json.loads(pathlib.Path({str(tmp_path / "texts.json")!r}).read_text())
rows = tokenizer.encode(texts, texts[::-1], 64).token_ids
lengths = tokenizer.pack(texts)["padding_mask"].sum(axis=1).tolist()
print(json.dumps([rows, [tokenizer.decode(row) for row in rows], lengths]))
"""
    rows, texts, lengths = json.loads(run_without_tensorflow(code))
    strings = tf.constant(BERT_TEXTS), tf.constant(BERT_TEXTS[::-1])
    packed = graph_of(tokenizer).pack(*strings, max_length=64)
    assert tf.ragged.constant(rows).to_tensor().numpy().tolist() == (
        packed["token_ids"].numpy().tolist()
    )
    assert texts == [tokenizer.decode(row) for row in packed["token_ids"].numpy()]
    whole = graph_of(tokenizer).pack(strings[0])["padding_mask"]
    assert lengths == whole.numpy().sum(axis=1).tolist()


def test_sentence_pieces(tmp_path):
    TranslationTokenizer(model()).save(tmp_path / "tokenizer")
    (tmp_path / "texts.json").write_text(json.dumps(DIFFICULT_TEXTS))
    code = f"""
import json, pathlib
from keras_attention.text import TranslationTokenizer
tokenizer = TranslationTokenizer.load({str(tmp_path / "tokenizer")!r})
texts = json.loads(pathlib.Path({str(tmp_path / "texts.json")!r}).read_text())
rows = tokenizer.source.encode_all(texts)
print(json.dumps([rows, [tokenizer.target.decode(row) for row in rows]]))
"""
    rows, texts = json.loads(run_without_tensorflow(code))
    graph = SentencePieceTokenizer(model())
    assert rows == graph.tokenize(tf.constant(DIFFICULT_TEXTS)).to_list()
    found = graph.detokenize(tf.ragged.constant(rows).to_tensor()).numpy()
    assert texts == [text.decode() for text in found]
