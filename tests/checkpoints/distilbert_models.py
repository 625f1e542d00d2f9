"""The DistilBERTs in `golden/distilbert`, which `make_golden.py` there made."""

import numpy as np

from tests.checkpoints.golden_models import GOLDEN

DISTILBERT = GOLDEN / "distilbert"
TINY = dict(np.load(DISTILBERT / "tiny.npz"))
HEADS = ("encoder", "masked_lm", "sequence_classification", "token_classification")
MASK = TINY["attention_mask"].astype(bool)
INPUTS = {
    "token_ids": TINY["input_ids"],
    "segment_ids": np.arange(MASK.size, dtype="int32").reshape(MASK.shape) % 2,  # not read
    "padding_mask": TINY["attention_mask"],
}
