"""What the tasks of encoders hand to a model, which may be the user's own."""

from keras_attention._validation import InputError
from keras_attention.json_file import shortened


def encoder_inputs(model, **inputs):
    """Those of `inputs` that a model reads: a dict, or one tensor where it has one input.

    Args:
        model: a functional model that `require_encoder_inputs` let pass.
        **inputs: `token_ids`, `segment_ids` and `padding_mask`, (B, T).
    """
    if not isinstance(model.input, dict):
        return inputs["token_ids"]
    return {name: inputs[name] for name in model.input if name in inputs}


def require_encoder_inputs(path, model):
    """Raises `InputError` unless a model's inputs are those of an encoder, of any length.

    Args:
        path: of the run, for the message.
        model: a Keras model.
    """
    from keras_attention.models import Model
    from keras_attention.models.encoder import INPUTS

    found = symbolic_input(model)
    # A head of this package may be called without those that it adds, such as `mask_positions`.
    own = (*INPUTS, *(model.input_axes if isinstance(model, Model) else ()))
    if isinstance(found, dict):
        holds = "token_ids" in found and all(name in own for name in found)
        received = ", ".join(found)
    else:
        holds = not isinstance(found, (list, tuple))
        received = f"a {type(found).__name__}"
    if not holds:
        raise InputError(
            f"{path}/model.keras: expected a model whose inputs are a dict of token_ids and, if it "
            f"reads them, segment_ids and padding_mask. Received: {shortened(received)}"
        )
    tensors = found if isinstance(found, dict) else {"input": found}
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != (None, None):
            raise InputError(
                f"{path}/model.keras: expected inputs (B, T) of any length, such as "
                f"`keras.Input((None,))`. Received: {name} of shape {tuple(tensor.shape)}"
            )


def symbolic_input(model):
    """`model.input` of a functional model.

    Raises:
        InputError: if the model is not a functional one.
    """
    try:
        return model.input
    except (AttributeError, ValueError) as error:  # Keras raises either, by the class
        raise InputError(
            "The model: expected a functional model with a dict of inputs, such as token_ids and "
            f"padding_mask. Received: a {type(model).__name__}"
        ) from error
