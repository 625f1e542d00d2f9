"""One form for every error message: name the argument, say what is expected, show what came."""


class InputError(ValueError):
    """A user's file, text or option is unusable. The command line prints its one sentence."""


class TruncationWarning(UserWarning):
    """A text is longer than the model's maximum; the message names its line."""


def require(condition, argument, expected, **received):
    """Raises `ValueError` in the package's one sentence form unless `condition` holds.

    >>> require(2 > 1, "num_heads", "a positive integer", num_heads=2)
    """
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"`{argument}` must be {expected}. Received: {values}")


def require_positive_integer(argument, value):
    """Raises `ValueError` unless `value` is an integer above zero."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    require(is_integer and value > 0, argument, "a positive integer", **{argument: value})


def require_positive_number(argument, value):
    """Raises `ValueError` unless `value` is a finite number above zero."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    holds = is_number and 0 < value < float("inf")
    require(holds, argument, "a number above 0", **{argument: value})


def require_rate(argument, value):
    """Raises `ValueError` unless `value` is a number in [0, 1), as dropout and smoothing need."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    require(is_number and 0 <= value < 1, argument, "a number in [0, 1)", **{argument: value})


def one_line(text, longest=200):
    """A text of anything, an error for one, in one line; what is longer than `longest` is cut."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def missing_package(package, extra):
    """The `ImportError` for an optional `package`, naming the pip extra that installs it."""
    return ImportError(
        f"The package `{package}` is needed here and is not installed. "
        f"Install it with: pip install 'keras_attention[{extra}]'"
    )
