"""tensorflow/tensorflow#38495, #33484, keras-team/keras#16552: a model made with
dtype="mixed_float16" must be trained with loss scaling, as under the global policy and as
KerasHub's; without it small gradients become zero."""

import sys

import keras

from keras_attention.models import BertEncoder, Classifier, TransformerTranslator

sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=8)
encoder = BertEncoder(20, **sizes, dtype="mixed_float16")
models = {
    "TransformerTranslator": TransformerTranslator(
        vocabulary_size=20, **sizes, dtype="mixed_float16"
    ),
    "BertClassifier": Classifier(encoder, 2),
}
found = {}
for name, model in models.items():
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    found[name] = type(model.optimizer).__name__
bad = [name for name, kind in found.items() if kind != "LossScaleOptimizer"]
if bad:
    print(f'FAULT: compiled without loss scaling although dtype="mixed_float16": {", ".join(bad)}')
sys.exit(bool(bad))
