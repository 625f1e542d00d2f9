"""Small students and teachers, and batches of theirs."""

import keras
import numpy as np

from keras_attention.models import BertEncoder, Classifier, MaskedLM

VOCABULARY, CLASSES, LENGTH = 19, 3, 7
WEIGHTS = (5.0, 2.0, 1.0)


def encoder(width=8, layers=1, dropout=0.0, seed=0, **options):
    keras.utils.set_random_seed(seed)
    made = BertEncoder(
        VOCABULARY,
        num_layers=layers,
        num_heads=2,
        hidden_dim=width,
        intermediate_dim=width + 3,
        dropout=dropout,
        max_sequence_length=LENGTH + 2,
        **options,
    )
    spread(made, seed)
    return made


def spread(model, seed):
    """Gives weights that are near 0 another size, so that all answers differ."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [w + random.normal(scale=0.3, size=w.shape).astype(w.dtype) for w in model.get_weights()]
    )


def classifier(width=8, layers=1, dropout=0.0, seed=0, classes=CLASSES, **options):
    made = Classifier(
        encoder(width, layers, dropout, seed), classes, classifier_dropout=dropout, **options
    )
    spread(made.classifier, seed)
    return made


def masked_lm(width=8, layers=1, dropout=0.0, seed=0):
    made = MaskedLM(encoder(width, layers, dropout, seed))
    spread(made.masked_lm, seed)
    return made


def texts(rows=5, seed=0):
    """The inputs of encoders: row i has LENGTH - i tokens, one at least."""
    random = np.random.default_rng(seed)
    lengths = np.maximum(1, LENGTH - np.arange(rows))
    mask = (np.arange(LENGTH) < lengths[:, None]).astype("int32")
    ids = random.integers(1, VOCABULARY, (rows, LENGTH)).astype("int32") * mask
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}


def labelled(rows=5, seed=0):
    """Texts, their classes, and weights of which the last is 0."""
    labels = np.random.default_rng(seed).integers(0, CLASSES, rows).astype("int32")
    weights = np.linspace(0.5, 2.0, rows).astype("float32")
    weights[-1] = 0.0
    return texts(rows, seed), labels, weights


def masked(rows=5, slots=3, seed=0):
    """Texts with slots of masked tokens, of which each row has fewer: labels and weights (B, P)."""
    x, random = texts(rows, seed), np.random.default_rng(seed)
    lengths = x["padding_mask"].sum(axis=1, keepdims=True)
    counts = np.minimum(np.arange(rows) % (slots + 1), lengths[:, 0])
    weights = (np.arange(slots) < counts[:, None]).astype("float32")
    x["mask_positions"] = (np.arange(slots) * weights).astype("int32")
    labels = random.integers(0, VOCABULARY, (rows, slots)) * weights
    return x, labels.astype("int32"), weights
