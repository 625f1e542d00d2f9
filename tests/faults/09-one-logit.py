"""huggingface/sentence-transformers#581, huggingface/transformers#10417: a checkpoint with one output (a
cross-encoder's score) or of several labels at once is no softmax classifier. It must be refused where
probabilities are made, or get a sigmoid: a softmax over one logit is 1.0 for every text."""
import json, sys, tempfile
from pathlib import Path
import numpy as np
from keras_attention import checkpoints, export, models
from keras_attention.tasks.classification.text_classifier import keras_classifier
from keras_attention.text import WordPieceTokenizer

tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"])
encoder = models.BertEncoder(11, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8, max_sequence_length=8)
faults = []
for name, count, problem in (("regression", 1, "regression"), ("multi-label", 3, "multi_label_classification")):
    d = Path(tempfile.mkdtemp()) / "hf"
    checkpoints.save_hugging_face(models.Classifier(encoder, count), tokenizer, d)
    config = json.loads((d / "config.json").read_text())
    (d / "config.json").write_text(json.dumps({**config, "problem_type": problem}))
    try:
        model = checkpoints.load_hugging_face(d)
        labels = model.labels
        found = keras_classifier(model, tokenizer, labels, 8).probabilities(["a b", "c d"])
        export(model, d.parent / "art", tokenizer, labels, examples=["a b"], formats=["tf_saved_model"])
        if np.allclose(found.sum(axis=1), 1, atol=1e-3):  # a softmax
            faults.append(f"{name}: exported, each text's scores add up to {found.sum(axis=1).tolist()}")
    except ValueError:  # InputError is one
        pass
if faults:
    print("FAULT: " + "; ".join(faults))
sys.exit(bool(faults))
