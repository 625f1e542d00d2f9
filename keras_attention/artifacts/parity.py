"""What every proof that an artifact answers as the Keras model does has in common."""

BATCH_SIZES = (1, 32)


class ParityError(RuntimeError):
    """An exported file does not give the answers of the model that it was made from."""


def check_ops(ops):
    """Raises `ParityError` if a form needs more than its runtime's own operators.

    Args:
        ops: dict of a form's name to its operators, as `tflite_ops` and `onnx_ops` list them.
    """
    for name, found in ops.items():
        foreign = [op for op in found if ":" in op and not op.startswith("ai.onnx:")]
        if foreign:
            raise ParityError(f"{name} needs operators that are not standard: {', '.join(foreign)}")
