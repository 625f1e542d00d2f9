"""The checkpoints and outputs in `golden`, which `golden/make_golden.py` made."""

from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"
TINY = dict(np.load(GOLDEN / "tiny.npz"))
HEADS = ("pretraining", "masked_lm", "sequence_classification", "token_classification")


def model_inputs(arrays, prefix=""):
    """Our models' inputs from HuggingFace's names."""
    return {
        "token_ids": arrays[f"{prefix}input_ids"],
        "segment_ids": arrays[f"{prefix}token_type_ids"],
        "padding_mask": arrays[f"{prefix}attention_mask"],
    }


INPUTS = model_inputs(TINY)
MASK = INPUTS["padding_mask"].astype(bool)
# What minilm.npz is of; `make_golden.py` has the same, where nothing of ours can be imported.
SENTENCES = [
    "A man is riding a bicycle.",
    "Somebody rides a bike through the streets of a large city on a rainy morning in November.",
    "The stock market fell sharply.",
    "",
    "Déjà vu: naïve café owners — 3,141.59 € — won't antidisestablishmentarianise!",
]
POSITIONS = np.array([[0, 6, 3], [2, 1, 0], [5, 0, 4]], "int32")  # at tokens of each row
