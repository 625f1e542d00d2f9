"""Parity: what every comparison of an artifact with its Keras model shares."""

BATCH_SIZES = (1, 32)


class ParityError(RuntimeError):
    """An exported file does not give the answers of the model that it was made from."""


def check_operators(operators):
    """Raises `ParityError` if a format needs more than its runtime's own operators.

    Args:
        operators: dict from the name of a format to its operators: see `Format.operators`.
    """
    for name, found in operators.items():
        foreign = [op for op in found if ":" in op and not op.startswith("ai.onnx:")]
        if foreign:
            raise ParityError(f"{name} needs operators that are not standard: {', '.join(foreign)}")
