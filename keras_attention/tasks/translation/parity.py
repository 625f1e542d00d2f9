"""Whether the formats of a translator translate as the Keras model does."""

import math
import statistics
import time

from keras_attention._validation import truncation_is_known
from keras_attention.artifacts.parity import BATCH_SIZES, ParityError
from keras_attention.tasks.translation.sampling_ties import SamplingTies

COMPARED_SENTENCES = 200  # are enough to see that two formats of one model agree
TIE = 1e-3  # two sentences whose scores differ by less are equally good
SCORE_TOLERANCE = 1e-2  # of one sentence's score, which is a sum over all its tokens
# A runtime sums in another order in another batch, after which a value may round to its neighbour.
DIFFERING_IN_BATCH = 0.01
# Where no scores tell a tie from an error, so many sentences may differ.
DIFFERING_WITHOUT_SCORES = 0.01
SANE = 0.25  # of the median score, by which scores may change


def compare(reference, translator, texts, batch_size, tie=TIE):
    """Translates `texts` with both and compares texts and scores, of all hypotheses.

    Args:
        reference: a `TextTranslator` of the Keras model.
        translator: a `TextTranslator` of the artifact.
        texts: list of strings.
        batch_size: sentences at a time, for `translator`.
        tie: another text whose score differs by less is as good.

    Returns:
        `{"sentences", "batch_size", "agreement", "ties", "milliseconds_per_sentence",
        "largest_score_difference", "differences"}`; listed is every difference that is no tie, and
        every same text of another score. Of a translator without scores it is every other text.
    """
    expected, _ = translate_timed(reference, texts)
    found, milliseconds = translate_timed(translator, texts, batch_size)
    if not translator.has_scores:
        expected, found, tie = _without_scores(expected), _without_scores(found), 0
    return {
        **difference_report(expected, found, texts, tie),
        "batch_size": batch_size,
        "milliseconds_per_sentence": milliseconds,
    }


class Remembered:
    """A translator that translates every text once: a sentence's answer is always the same.

    But a sample's only at the same index of a list, from the start of which on it is kept.
    """

    def __init__(self, translator):
        self.translator = translator
        self.known = {}

    def translate_n_best(self, texts):
        """As the translator's own."""
        if self.translator.seed is not None:
            return self._samples(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known |= zip(new, self.translator.translate_n_best(new), strict=True)
        return [self.known[text] for text in texts]

    def _samples(self, texts):
        lines = list(enumerate(texts))
        if not all(line in self.known for line in lines):
            self.known |= zip(lines, self.translator.translate_n_best(texts), strict=True)
        return [self.known[line] for line in lines]


def _without_scores(found):
    return [[(text, 0.0) for text, _ in row] for row in found]


def translate_timed(translator, texts, batch_size=None):
    """What `translate_n_best` gives, in batches of `batch_size`, and milliseconds per sentence."""
    with truncation_is_known():
        if batch_size is not None:
            translator.batch_size = batch_size
            translator.translate_n_best(texts[:1])  # the first call allocates
        started = time.perf_counter()
        found = translator.translate_n_best(texts)
    return found, 1000 * (time.perf_counter() - started) / max(1, len(texts))


def best(translator, texts):
    """The best translation of every text."""
    return [row[0][0] for row in translate_timed(translator, texts)[0]]


def difference_report(expected, found, texts, tie=TIE):
    """The part of `compare` that is not about speed, given what both have translated."""
    differing = {i for i in range(len(texts)) if _texts(found[i]) != _texts(expected[i])}
    gaps = [_gap(a, b) for a, b in zip(found, expected, strict=True)]
    # Written so that a score that is not a number agrees with nothing.
    listed = [
        i for i, gap in enumerate(gaps) if not gap < (tie if i in differing else SCORE_TOLERANCE)
    ]
    return {
        "sentences": len(texts),
        "agreement": 1 - len(differing) / max(1, len(texts)),
        "ties": len(differing - set(listed)),
        "largest_score_difference": max(
            (gap for i, gap in enumerate(gaps) if i not in differing), default=0.0
        ),
        "differences": [
            {
                "index": i,
                "text": texts[i],
                "expected": wanted[0],
                "found": given[0],
                "expected_score": wanted[1],
                "score": given[1],
            }
            for i in listed
            for given, wanted in [_first_difference(found[i], expected[i])]
        ],
    }


def _texts(hypotheses):
    return [text for text, _ in hypotheses]


def _gap(found, expected):
    """The largest difference of the scores of the same rank; infinite if one has more of them."""
    if len(found) != len(expected):
        return math.inf
    gaps = [abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True)]
    return math.nan if any(map(math.isnan, gaps)) else max(gaps)


def _first_difference(found, expected):
    """The first pairs of text and score that differ; where one has none at all, of no score."""
    for one, other in zip(found, expected, strict=False):
        if one[0] != other[0] or not abs(one[1] - other[1]) < TIE:
            return one, other
    return [several[0] if several else ("", math.nan) for several in (found, expected)]


def check_parity(reference, translator, texts, name):
    """`compare` at batch 1 and 32; raises `ParityError` at any difference that is not a tie.

    Without scores ties cannot be told, and one sentence of a hundred may differ.
    """
    reports = [compare(reference, translator, texts, size) for size in BATCH_SIZES]
    may_differ = 0 if translator.has_scores else DIFFERING_WITHOUT_SCORES * len(texts)
    for report in reports:
        if len(report["differences"]) > may_differ:
            _raise_differences(report["differences"], texts, name)
        del report["differences"]
    return reports


def _raise_differences(differences, texts, name):
    first = differences[0]
    raise ParityError(
        f"{name} does not agree with Keras on {len(differences)} of "
        f"{len(texts)} sentences: {first['text']!r} should give {first['expected']!r} "
        f"(score {first['expected_score']:.4f}), gives {first['found']!r} "
        f"({first['score']:.4f})."
    )


def check_samples(reference, translator, texts, name, sampling_ties=None):
    """`compare` at batch 1 and 32; raises `ParityError` if samples of the same seeds differ.

    Every format draws the same random words, bit by bit. Only where two tokens come within the
    rounding of a logit of each other may it draw the other one, and from there on another sentence:
    a tie is what Keras itself draws when its logits are rounded otherwise.

    Args:
        reference: a `Remembered` translator of the Keras model.
        translator: a `TextTranslator` of the artifact.
        texts: list of strings.
        name: of the format, for messages.
        sampling_ties: function of a text and its seed that gives a set of texts; `SamplingTies` by
            default.
    """
    reports = [compare(reference, translator, texts, size, tie=0) for size in BATCH_SIZES]
    for report in reports:
        differences = report.pop("differences")
        for order, other in enumerate(differences):
            sampling_ties = sampling_ties or SamplingTies(reference.translator)
            near = sampling_ties(other["text"], translator.seed + other["index"])
            # The same text of another score is no other draw.
            is_near = other["found"] in near - {other["expected"]}
            if not (is_near and math.isfinite(other["score"] - other["expected_score"])):
                _raise_differences([*differences[order:], *differences[:order]], texts, name)
        report["ties"] = len(differences)
    return reports


def measure_precision(reference, translator, texts, name):
    """Runs a format in lower precision on `texts`, and on some of them in another batch size.

    Args:
        reference: a `TextTranslator` of the Keras model.
        translator: a `TextTranslator` of the format.
        texts: list of strings.
        name: of the format, for messages.

    Returns:
        Two reports, as those of `check_parity`, but of the best translations only.

    Raises:
        ParityError: if a score is not a finite number, if the batch changes translations, or if the
        scores are far from those of Keras.
    """
    some = texts[:COMPARED_SENTENCES]
    expected, _ = translate_timed(reference, texts)
    expected = [row[:1] for row in expected]
    if not translator.has_scores:
        expected = _without_scores(expected)
    tie = TIE if translator.has_scores else 0
    reports, found = [], {}
    for size, given in ((1, some), (32, texts)):
        several, milliseconds = translate_timed(translator, given, size)
        found[size] = [row[:1] for row in several]
        if not translator.has_scores:
            found[size] = _without_scores(found[size])
        elif not all(row and math.isfinite(row[0][1]) for row in found[size]):
            raise ParityError(f"{name} gives scores that are not finite numbers.")
        report = difference_report(expected[: len(given)], found[size], given, tie)
        del report["differences"]
        report |= {"batch_size": size, "milliseconds_per_sentence": milliseconds}
        reports.append(report)
    _check_batches(found[1], found[32][: len(some)], some, name, tie)
    if translator.has_scores:
        _check_scores(expected, found[32], name)
    return reports


def _check_batches(alone, together, texts, name, tie):
    report = difference_report(together, alone, texts, tie)
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
