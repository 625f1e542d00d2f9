"""What a precision below float32 costs, and whether a form may be shipped with it."""

import math
import statistics
import warnings

from keras_attention._validation import InputError, require
from keras_attention.exporting.parity import (
    COMPARED_SENTENCES,
    ParityError,
    difference_report,
    translate_timed,
)
from keras_attention.exporting.quantization import PRECISIONS
from keras_attention.search_options import GREEDY
from keras_attention.training import translation_scores

LOWER_FORMATS = ("tflite", "onnx")
BOUNDS = {"float16": 0.05, "int8": 0.3}  # of the loss in BLEU

# A runtime sums in another order in another batch, after which a value may round to its neighbour.
DIFFERING_IN_BATCH = 0.01
SANE = 0.25  # of the median score, by which scores may change


class PrecisionError(ValueError):
    """A form in lower precision loses more BLEU than it may."""


class PrecisionWarning(UserWarning):
    """What a form in lower precision loses is not known, or more than its bound and allowed."""


def require_precision(precision, allow_loss, formats, search=GREEDY):
    """Raises `InputError` or `ValueError` unless these can be exported together."""
    if precision not in PRECISIONS:
        raise InputError(
            f"Unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}."
        )
    if precision != "float32" and not set(formats) & set(LOWER_FORMATS):
        raise InputError(
            f"The precision {precision} concerns {' and '.join(LOWER_FORMATS)}, of which none is "
            "asked for; tf_saved_model stays float32."
        )
    # What a precision may lose is bounded in BLEU, and samples lose more of it by chance than by
    # rounding; by how many sentences are the same it is not bounded.
    if precision != "float32" and search.is_sampling:
        raise InputError(
            f"Sampling is exported in float32 only, not in {precision}: what a precision loses is "
            "measured in BLEU, which says nothing of samples."
        )
    if allow_loss is not None:
        is_number = isinstance(allow_loss, (int, float)) and not isinstance(allow_loss, bool)
        require(
            is_number and 0 <= allow_loss < math.inf,
            "allow_loss",
            "a number of at least 0, in BLEU",
            allow_loss=allow_loss,
        )
        if precision == "float32":
            raise InputError("--allow-loss needs --precision float16 or int8: float32 loses none.")


def measure_precision(reference, translator, texts, name):
    """Runs a form in lower precision on `texts`, and on some of them in another batch size.

    Args:
        reference: a `TextTranslator` of the Keras model.
        translator: a `TextTranslator` of the form.
        texts: list of strings.
        name: of the form, for messages.

    Returns:
        Two reports, as those of `check_parity`, but of the best translations only.

    Raises:
        ParityError: if a score is not a finite number, if the batch changes translations, or if the
        scores are far from those of Keras.
    """
    some = texts[:COMPARED_SENTENCES]
    expected, _ = translate_timed(reference, texts)
    expected = [row[:1] for row in expected]
    reports, found = [], {}
    for size, given in ((1, some), (32, texts)):
        several, milliseconds = translate_timed(translator, given, size)
        found[size] = [row[:1] for row in several]
        if not all(row and math.isfinite(row[0][1]) for row in found[size]):
            raise ParityError(f"{name} gives scores that are not finite numbers.")
        report = difference_report(expected[: len(given)], found[size], given)
        del report["differences"]
        report |= {"batch_size": size, "milliseconds_per_sentence": milliseconds}
        reports.append(report)
    _check_batches(found[1], found[32][: len(some)], some, name)
    _check_scores(expected, found[32], name)
    return reports


def _check_batches(alone, together, texts, name):
    report = difference_report(together, alone, texts)
    differing = round((1 - report["agreement"]) * len(texts)) - report["ties"]
    if differing > max(1, DIFFERING_IN_BATCH * len(texts)):
        raise ParityError(
            f"{name} gives other translations of {differing} of {len(texts)} sentences alone than "
            "in a batch."
        )


def _check_scores(expected, found, name):
    size = statistics.median(abs(row[0][1]) for row in expected)
    gap = statistics.median(abs(a[0][1] - b[0][1]) for a, b in zip(expected, found, strict=True))
    if gap > SANE * size:
        raise ParityError(
            f"{name} does not compute what Keras does: half of the scores differ by more than "
            f"{gap:.2f}, where half are below {size:.2f}."
        )


def loss_report(precision, scores, expected, references, tokenize):
    """What the manifest says of a form's loss in BLEU.

    Args:
        precision: "float16" or "int8".
        scores: the form's `translation_scores`, or None where there are no references.
        expected: list of strings, the translations in float32.
        references: list of strings, or None.
        tokenize: of `translation_scores`.
    """
    report = {"bleu_loss_bound": BOUNDS[precision]}
    if references is None:
        return {**report, "bleu_loss": None}
    bleu = translation_scores(expected, references, tokenize)["bleu"]
    return {
        **report,
        "bleu": scores["bleu"],
        "float32_bleu": bleu,
        "bleu_loss": bleu - scores["bleu"],
    }


def check_losses(precision, reports, sentences, allow_loss=None):
    """Says loudly which forms lose more than they may.

    Args:
        precision: "float16" or "int8".
        reports: dict of a form's name to its `loss_report`.
        sentences: number of sentences that they are of.
        allow_loss: BLEU that may be lost, in the place of the bound.

    Raises:
        PrecisionError: if one loses more than the bound, or than `allow_loss` where it is given.
    """
    bound = BOUNDS[precision]
    losses = {name: report["bleu_loss"] for name, report in reports.items()}
    if None in losses.values():
        warnings.warn(
            f"the loss of {precision} in BLEU was not compared with its bound of {bound:g}: that "
            "takes references (--valid-source and --valid-target).",
            PrecisionWarning,
            stacklevel=3,
        )
        return
    limit = bound if allow_loss is None else allow_loss
    over = {name: loss for name, loss in losses.items() if loss > limit}
    if over:
        needed = math.ceil(100 * max(over.values())) / 100
        which = f"its bound of {bound:g} BLEU" if limit == bound else f"the {limit:g} BLEU allowed"
        raise PrecisionError(
            f"{precision} loses more than {which} {_losses(over, reports, sentences)}. Nothing was "
            "written; choose another precision, or accept it with --allow-loss "
            f"{needed:g}."
        )
    over = {name: loss for name, loss in losses.items() if loss > bound}
    if over:
        warnings.warn(
            f"{precision} loses more than its bound of {bound:g} BLEU "
            f"{_losses(over, reports, sentences)}; allowed by --allow-loss {allow_loss:g}.",
            PrecisionWarning,
            stacklevel=3,
        )


def _losses(over, reports, sentences):
    forms = ", ".join(
        f"{name} {loss:.2f} ({reports[name]['bleu']:.2f} instead of "
        f"{reports[name]['float32_bleu']:.2f})"
        for name, loss in over.items()
    )
    return f"on {sentences:,} sentences: {forms}"
