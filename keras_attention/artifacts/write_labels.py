"""labels.txt of an artifact: the name of one class a line, in the order of the logits."""

from pathlib import Path

from keras_attention.files import write_atomically


def write_labels(directory, labels):
    """Writes labels.txt into the directory of an artifact; names are of one line each."""
    text = "".join(f"{label}\n" for label in labels)
    write_atomically(Path(directory) / "labels.txt", text.encode())
