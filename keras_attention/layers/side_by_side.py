"""Several matrices in one weight."""

from keras import ops


def side_by_side(initializer, widths):
    """An initializer of (D, sum(widths)) whose parts are each initialised as a matrix (D, width).

    >>> side_by_side(keras.initializers.GlorotUniform(), [4, 4])((8, 8)).shape
    (8, 8)

    Args:
        initializer: `keras.initializers.Initializer`. Each part has a seed of its own, or all parts
            would be equal.
        widths: list of integers.
    """

    def initialize(shape, dtype=None):
        parts = []
        for index, width in enumerate(widths):
            config = initializer.get_config()
            if config.get("seed") is not None:
                config["seed"] = config["seed"] + index
            part = type(initializer).from_config(config)
            parts.append(part((shape[0], width), dtype=dtype))
        return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    return initialize
