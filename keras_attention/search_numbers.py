"""What the numbers of a search may be."""

import math

from keras_attention._validation import require, require_positive_integer


def require_search(beam_size, length_penalty, coverage_penalty, n_best):
    """Raises `ValueError` unless these are options of `beam_search`."""
    require_positive_integer("beam_size", beam_size)
    require_positive_integer("n_best", n_best)
    require(
        n_best <= beam_size, "n_best", "at most `beam_size`", n_best=n_best, beam_size=beam_size
    )
    for name, value in (
        ("length_penalty", length_penalty),
        ("coverage_penalty", coverage_penalty),
    ):
        require(_is_number(value) and value >= 0, name, "a number of at least 0", **{name: value})


def require_penalty(repetition_penalty):
    """Raises `ValueError` unless this is a repetition penalty."""
    is_one = _is_number(repetition_penalty) and 0 < repetition_penalty < math.inf
    expected = "a finite number above 0; 1 penalises nothing"
    require(is_one, "repetition_penalty", expected, repetition_penalty=repetition_penalty)


def require_limits(min_length, max_length):
    """Raises `ValueError` unless these are limits of a search."""
    if max_length is not None:
        require_positive_integer("max_length", max_length)
    require(
        isinstance(min_length, int) and min_length >= 0,
        "min_length",
        "an integer of at least 0",
        min_length=min_length,
    )


def require_sampling(temperature, top_k, top_p):
    """Raises `ValueError` unless these are options of `sample`."""
    require(
        _is_number(temperature) and 0 < temperature < math.inf,
        "temperature",
        "a finite number above 0",
        temperature=temperature,
    )
    if top_k is not None:
        require_positive_integer("top_k", top_k)
    require(
        top_p is None or (_is_number(top_p) and 0 < top_p <= 1),
        "top_p",
        "a number in (0, 1]",
        top_p=top_p,
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
