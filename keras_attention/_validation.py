"""Error messages in one style: the argument, what is expected, what was received."""

import contextlib
import contextvars
import functools
import importlib.util
import inspect
import numbers
import re
import warnings

# What runs artifacts without this package's own dependencies.
_RUN_ARTIFACTS = ("numpy", "sentencepiece", "onnxruntime", "ai-edge-litert")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # ANSI: colours and the like


class InputError(ValueError):
    """A user's file, text or option cannot be used. The command line prints the message."""


class TruncationWarning(UserWarning):
    """A text is longer than the model's maximum. The message names its line."""


# Of each thread: `warnings.catch_warnings` would change the filters of all of them.
_truncation_is_known = contextvars.ContextVar("truncation_is_known", default=False)


@contextlib.contextmanager
def truncation_is_known():
    """In the block, in this thread alone, `warn_of_truncation` says nothing."""
    token = _truncation_is_known.set(True)
    try:
        yield
    finally:
        _truncation_is_known.reset(token)


def warn_of_truncation(message, stacklevel=1):
    """A `TruncationWarning`; `stacklevel` counts from the function that calls this one."""
    if not _truncation_is_known.get():
        warnings.warn(message, TruncationWarning, stacklevel=stacklevel + 1)


def require(condition, argument, expected, **received):
    """Raises `ValueError` unless `condition` is true.

    >>> require(2 > 1, "num_heads", "a positive integer", num_heads=2)
    """
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"`{argument}` must be {expected}. Received: {values}")


def require_texts(argument, texts):
    """Raises `ValueError` unless `texts` are strings, in a list or another sequence.

    One string is refused: it would be read letter by letter.
    """
    is_sequence = hasattr(texts, "__len__") and not isinstance(texts, (str, bytes))
    received = texts
    if is_sequence:
        received = [text for text in texts if not isinstance(text, str)][:1]
    require(is_sequence and not received, argument, "a list of strings", **{argument: received})


def require_positive_integer(argument, value):
    """Raises `ValueError` unless `value` is an integer above zero."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    require(is_integer and value > 0, argument, "a positive integer", **{argument: value})


def require_seed(argument, value, most=None):
    """Raises `ValueError` unless `value` is an integer from 0 on, and at most `most`."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    expected = "an integer of at least 0" if most is None else f"an integer from 0 to {most}"
    in_range = is_integer and 0 <= value <= (value if most is None else most)
    require(in_range, argument, expected, **{argument: value})


def require_positive_number(argument, value):
    """Raises `ValueError` unless `value` is a finite number above zero."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    holds = is_number and 0 < value < float("inf")
    require(holds, argument, "a number above 0", **{argument: value})


def require_rate(argument, value):
    """Raises `ValueError` unless `value` is a number in [0, 1), as dropout and smoothing need."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    require(is_number and 0 <= value < 1, argument, "a number in [0, 1)", **{argument: value})


def require_parts(argument, values, names):
    """Raises `ValueError` unless `values` are a number from 0 on for each name, one above 0.

    Args:
        argument: what they are called.
        values: a list or a tuple.
        names: of the parts that they weigh, for the message.
    """
    are_numbers = isinstance(values, (list, tuple)) and all(
        isinstance(value, numbers.Real) and not isinstance(value, bool) for value in values
    )
    require(
        are_numbers
        and len(values) == len(names)
        and all(0 <= value < float("inf") for value in values)
        and sum(values) > 0,
        argument,
        f"{len(names)} numbers from 0 on, of {', '.join(names)}, of which one is above 0",
        **{argument: values},
    )


def take_words(layer, arguments, renamed=None, refused=None, nothing=(None, False)):
    """Other words for arguments of a layer, taken out of its further keyword arguments.

    Args:
        layer: name of the layer.
        arguments: dict of the further keyword arguments; what is taken is removed from it.
        renamed: dict from another word to ours and the value that ours has.
        refused: dict from a word to the sentence that names our way.
        nothing: the values of a refused word that ask for nothing, with which it may be given.

    Returns:
        A dict from our words to their values.

    Raises:
        ValueError: if both words are given, or one is refused.
    """
    for word, way in (refused or {}).items():
        value = arguments.pop(word, None)
        if not any(value is each for each in nothing):
            raise ValueError(f"{layer} takes no `{word}`: {way} Received: {word}={value!r}")
    taken = {}
    for word, (ours, given) in (renamed or {}).items():
        value = arguments.pop(word, None)
        require(
            value is None or given is None,
            word,
            f"left out where `{ours}` is given: it is another word for it",
            **{word: value, ours: given},
        )
        taken[ours] = given if value is None else value
    return taken


def with_python_numbers(function):
    """`function`, given Python's numbers in the place of NumPy's: configs are written as JSON."""

    def plain(value):
        if not isinstance(value, numbers.Real) or isinstance(value, (int, float)):
            return value
        return int(value) if isinstance(value, numbers.Integral) else float(value)

    @functools.wraps(function)
    def call(*args, **kwargs):
        kwargs = {name: plain(value) for name, value in kwargs.items()}
        return function(*map(plain, args), **kwargs)

    call.__signature__ = inspect.signature(function)  # Keras reads it to make configs
    return call


def one_line(text, longest=200):
    """`str(text)`, of an error for example, in one line of at most `longest` characters.

    Keras writes its errors in bold and in colours: the escapes for these are left out.
    """
    line = " ".join(_ESCAPES.sub("", str(text)).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def printable(text):
    """The text, with escapes for what a terminal would not show but obey, line ends too.

    >>> printable("a\\x1b[31m b")
    'a\\\\x1b[31m b'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def missing_package(package, extra=None):
    """The `ImportError` for a missing package. It says what to install.

    Args:
        package: name of the module.
        extra: the pip extra that brings an optional package; None for one that
            `pip install keras_attention` brings.
    """
    what = "keras_attention" if extra is None else f"'keras_attention[{extra}]'"
    # Where artifacts run without TensorFlow, an extra of this package would bring it.
    if package in _RUN_ARTIFACTS and importlib.util.find_spec("tensorflow") is None:
        what = package
    return ImportError(
        f"The package `{package}` is needed here and is not installed. "
        f"Install it with: pip install {what}"
    )


def with_article(kind):
    """A noun, such as a kind of task, with its article.

    >>> with_article("encoder")
    'an encoder'
    """
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def well_formed(text):
    """The text as UTF-8 can hold it: with U+FFFD in the place of every half of a surrogate pair.

    Python's strings, and JSON, may hold such a half; UTF-8 may not. Every tokenizer and every
    runtime gets texts that went through here, so that all of them read the same text.

    >>> well_formed("a\\ud83d b")
    'a\ufffd b'
    """
    return text if text.isascii() else _HALF.sub("\ufffd", text)
