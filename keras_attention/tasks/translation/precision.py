"""What becomes of translations in a precision below float32."""

import math
import statistics

from keras_attention.tasks.translation.parity import (
    COMPARED_SENTENCES,
    ParityError,
    difference_report,
    translate_timed,
)

# A runtime sums in another order in another batch, after which a value may round to its neighbour.
DIFFERING_IN_BATCH = 0.01
SANE = 0.25  # of the median score, by which scores may change


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
