"""What a precision below float32 costs, and whether a format may be shipped with it."""

import dataclasses
import math
import warnings

from keras_attention._validation import InputError, require
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.quantization import PRECISIONS

LOWER_FORMATS = tuple(fmt.name for fmt in FORMATS.values() if fmt.has_precisions)


@dataclasses.dataclass(frozen=True)
class Measure:
    """What the loss of a lower precision is measured in: each task has its own.

    Args:
        unit: what one is called, such as "BLEU" or "points of accuracy".
        bounds: dict from a precision to what it may lose.
        needs: what it takes to know the loss, for messages.
        digits: behind the point of a score, for people.
    """

    unit: str
    bounds: dict
    needs: str
    digits: int = 2


class PrecisionError(ValueError):
    """A format in lower precision loses more BLEU or accuracy than it may."""


class PrecisionWarning(UserWarning):
    """The loss of a format in lower precision is not known, or is over its bound and allowed."""


def require_precision(precision, allow_loss, formats):
    """Raises `InputError` or `ValueError` unless these can be exported together."""
    if precision not in PRECISIONS:
        raise InputError(
            f"Unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}."
        )
    if precision != "float32" and not set(formats) & set(LOWER_FORMATS):
        exact = [name for name in FORMATS if name not in LOWER_FORMATS]
        raise InputError(
            f"The precision {precision} concerns {' and '.join(LOWER_FORMATS)}, of which none is "
            f"asked for; {' and '.join(exact)} stays float32."
        )
    if allow_loss is not None:
        is_number = isinstance(allow_loss, (int, float)) and not isinstance(allow_loss, bool)
        require(
            is_number and 0 <= allow_loss < math.inf,
            "allow_loss",
            "a number of at least 0",
            allow_loss=allow_loss,
        )
        if precision == "float32":
            raise InputError("`allow_loss` needs `precision` float16 or int8: float32 loses none.")


def loss_report(precision, measure, score=None, float32_score=None):
    """What the manifest says of a format's loss.

    Args:
        precision: "float16" or "int8".
        measure: a `Measure`.
        score: of the format, or None where it is not known.
        float32_score: of the model.
    """
    report = {"measure": measure.unit, "loss_bound": measure.bounds[precision]}
    if measure.digits != 2:
        report["digits"] = measure.digits
    if score is None:
        return {**report, "loss": None}
    return {
        **report,
        "score": score,
        "float32_score": float32_score,
        "loss": float32_score - score,
    }


def check_losses(measure, precision, reports, texts, allow_loss=None):
    """Warns of the formats that lose more than they may, or raises an error.

    Args:
        measure: the `Measure` of the reports.
        precision: "float16" or "int8".
        reports: dict of a format's name to its `loss_report`.
        texts: number of texts that they are of.
        allow_loss: what may be lost, in the place of the bound.

    Raises:
        PrecisionError: if one loses more than the bound, or than `allow_loss` where it is given.
    """
    unit, bound = measure.unit, measure.bounds[precision]
    losses = {name: report["loss"] for name, report in reports.items()}
    if None in losses.values():
        warnings.warn(
            f"the loss of {precision} in {unit} was not compared with its bound of {bound:g}: "
            f"that takes {measure.needs}.",
            PrecisionWarning,
            stacklevel=3,
        )
        return
    limit = bound if allow_loss is None else allow_loss
    over = {name: loss for name, loss in losses.items() if loss > limit}
    if over:
        unit_of_last = 10**measure.digits
        needed = math.ceil(unit_of_last * max(over.values())) / unit_of_last
        which = f"its bound of {bound:g} {unit}"
        if limit != bound:
            which = f"the {limit:g} {unit} allowed"
        raise PrecisionError(
            f"{precision} loses more than {which} "
            f"{_losses(over, reports, texts, measure.digits)}. Nothing was written; choose another "
            f"precision, or accept it with `allow_loss` {needed:g}."
        )
    over = {name: loss for name, loss in losses.items() if loss > bound}
    if over:
        warnings.warn(
            f"{precision} loses more than its bound of {bound:g} {unit} "
            f"{_losses(over, reports, texts, measure.digits)}; allowed by `allow_loss` "
            f"{allow_loss:g}.",
            PrecisionWarning,
            stacklevel=3,
        )


def _losses(over, reports, texts, digits):
    formats = ", ".join(
        f"{name} {loss:.{digits}f} ({reports[name]['score']:.{digits}f} instead of "
        f"{reports[name]['float32_score']:.{digits}f})"
        for name, loss in over.items()
    )
    return f"on {texts:,} texts: {formats}"
