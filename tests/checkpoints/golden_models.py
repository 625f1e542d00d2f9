"""The checkpoints and outputs in `golden`, which `golden/make_golden.py` made."""

import functools
import json
from pathlib import Path

import numpy as np

from keras_attention.checkpoints import load_hugging_face

GOLDEN = Path(__file__).parent / "golden"
TINY = dict(np.load(GOLDEN / "tiny.npz"))
HEADS = ("pretraining", "masked_lm", "sequence_classification", "token_classification")


@functools.cache
def loaded(directory, task=None):
    """The model of a published directory, read once in a process. Not to be changed."""
    return load_hugging_face(directory, task)


def model_inputs(arrays, prefix=""):
    """Our models' inputs from HuggingFace's names."""
    return {
        "token_ids": arrays[f"{prefix}input_ids"],
        "segment_ids": arrays[f"{prefix}token_type_ids"],
        "padding_mask": arrays[f"{prefix}attention_mask"],
    }


INPUTS = model_inputs(TINY)
MASK = INPUTS["padding_mask"].astype(bool)
SENTENCES = json.loads(
    (GOLDEN / "sentences.json").read_text(encoding="utf-8")
)  # minilm.npz is of them
POSITIONS = np.array([[0, 6, 3], [2, 1, 0], [5, 0, 4]], "int32")  # at tokens of each row
