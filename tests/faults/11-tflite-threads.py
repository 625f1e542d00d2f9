"""tensorflow/tensorflow#54282, #26365, google-coral/pycoral#76: a TFLite interpreter serves one thread at a time. `keras_attention.load(...,
runtime="tflite")` gives an object like those of the other runtimes, which a threaded server calls from
several threads at once: each text must get its own answer."""
import sys, tempfile
from concurrent.futures import ThreadPoolExecutor
import keras, numpy as np
import keras_attention
from keras_attention import models
from keras_attention import export
from keras_attention.text import WordPieceTokenizer

keras.utils.set_random_seed(0)
letters = "abcdefghijklmnopqrstuvwxyz"
tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters])
encoder = models.BertEncoder(31, num_layers=2, num_heads=2, hidden_dim=32, intermediate_dim=64, max_sequence_length=16)
model = models.Classifier(encoder, 3, pooling="mean")
for weight in [*model.weights, *encoder.weights]:
    if len(weight.shape) > 1:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape) * 0.5)
texts = [" ".join(letters[(i * 7 + j * (i % 5 + 1)) % 26] for j in range(1 + i % 12)) for i in range(300)]
artifact = tempfile.mkdtemp() + "/artifact"
export(model, artifact, tokenizer, ["x", "y", "z"], formats=["tflite"], examples=texts[:20], config={"max_sequence_length": 16})
faults = []
for name, some in (("texts of all lengths", texts), ("texts of one length", [t for t in texts if len(t) == 23] * 12)):
    classifier = keras_attention.load(artifact, runtime="tflite")
    expected = np.stack([classifier.probabilities([t])[0] for t in some])

    def one(text):
        try:
            return classifier.probabilities([text])[0]
        except Exception:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, some))
    errors = sum(f is None for f in found)
    wrong = sum(f is not None and np.abs(f - e).max() > 1e-4 for f, e in zip(found, expected))
    if errors or wrong:
        faults.append(f"{name}: of {len(some)}, {errors} errors, {wrong} with another text's answer")
if faults:
    print("FAULT: from 8 threads, " + "; ".join(faults))
sys.exit(bool(faults))
