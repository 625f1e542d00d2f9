"""A published checkpoint of a classifier whose config says what its logits mean."""

import json

import keras
import numpy as np

from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import Classifier
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import small_encoder

# Of each head its number of logits, what the config says beside it, and what it then is.
HEADS = {
    "several labels": (3, {"problem_type": "multi_label_classification"}, "multi_label"),
    "one logit": (1, {}, "multi_label"),
    "one logit of one label": (1, {"problem_type": "single_label_classification"}, "multi_label"),
    "regression": (1, {"problem_type": "regression"}, "regression"),
    "two numbers": (2, {"problem_type": "regression"}, "regression"),
    "cross encoder": (
        1,
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
        "regression",
    ),
    "older cross encoder": (
        1,
        {"sbert_ce_default_activation_function": "torch.nn.modules.activation.Sigmoid"},
        "multi_label",
    ),
    "one label": (3, {"problem_type": "single_label_classification"}, "single_label"),
    "nothing said": (3, {"problem_type": None}, "single_label"),
}


def write_checkpoint(directory, head, **more):
    """The directory of one of `HEADS`; returns its path."""
    count, said, _ = HEADS[head]
    keras.utils.set_random_seed(3)
    model = Classifier(small_encoder(), count)
    random = np.random.default_rng(4)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.4, variable.shape))
    save_hugging_face(model, word_piece(), directory)
    path = directory / "config.json"
    config = json.loads(path.read_text())
    config.pop("problem_type", None)
    path.write_text(json.dumps({**config, **said, **more}))
    return directory


def meaning(logits, kind):
    """What logits (N, C) of a kind mean, in NumPy."""
    if kind == "regression":
        return logits
    if kind == "multi_label":
        return 1 / (1 + np.exp(-logits))
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
