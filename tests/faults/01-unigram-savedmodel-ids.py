"""huggingface/tokenizers#1213, google/sentencepiece#747: ties in a unigram vocabulary are broken
differently by different implementations. The text signature of a SavedModel and the Python tokenizer
(Keras, TFLite, ONNX, training) must give the same ids."""
import sys
import tensorflow as tf
from keras_attention import text as X
from keras_attention.text import SentencePieceProcessor, SentencePieceTokenizer

lines = [*sum(X.phrase_corpus(1500, seed=1), [])] + ["a rule ---- or ==== then .... and !!!! hahaha 1000000"] * 50
model = X.train_sentencepiece(lines, 900, model_type="unigram")
python, graph = SentencePieceProcessor(model), SentencePieceTokenizer(model)
tests = [c * n for c in "-=.!0ha" for n in range(2, 41)] + ["wait ----", "so ....", "chapter ===== one"]
ours, theirs = [python.encode(t) for t in tests], graph.tokenize(tf.constant(tests)).to_list()
bad = [t for t, a, b in zip(tests, ours, theirs) if a != b]
if bad:
    print(f"FAULT: {len(bad)} of {len(tests)} texts get other ids in the SavedModel's graph, e.g. {bad[0]!r}")
sys.exit(bool(bad))
