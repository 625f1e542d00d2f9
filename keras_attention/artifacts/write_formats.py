"""The formats of an artifact, written from one graph."""

import shutil

from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.parity import check_operators

SAVED_MODEL = FORMATS["tf_saved_model"]


def write_formats(directory, formats, model, graph, precision, say):
    """Writes formats into the directory of an artifact.

    Args:
        directory: path.
        formats: names of formats.
        model: the Keras model.
        graph: the `keras_attention.tasks.task.Graph` that every format holds.
        precision: in which the weights of formats that have precisions are stored.
        say: function that is told of progress.

    Returns:
        Two dicts by the format's name: its operators, and how one in lower precision is stored.

    Raises:
        ParityError: if a format holds operators that are not standard.
    """
    # The SavedModel is always made, because TFLite is converted from it.
    say("writing the SavedModel")
    SAVED_MODEL.write(directory, model, graph, "float32")
    operators, storage = {}, {}
    for name in FORMATS:
        if name not in formats:
            continue
        if name != SAVED_MODEL.name:
            say(f"converting to {name}")
            storage[name] = FORMATS[name].write(directory, model, graph, precision)
        operators[name] = FORMATS[name].operators(directory)
    check_operators({name: found for name, found in operators.items() if name in storage})
    if SAVED_MODEL.name not in formats:
        shutil.rmtree(directory / SAVED_MODEL.root)
    return operators, {name: stored for name, stored in storage.items() if stored}
