"""How the formats of a language model are compared with Keras, and scored."""

import math
import time

import numpy as np

from keras_attention._validation import InputError, truncation_is_known
from keras_attention.artifacts.parity import BATCH_SIZES
from keras_attention.artifacts.precision_loss import Measure
from keras_attention.tasks.comparison import Comparison
from keras_attention.tasks.language_model import parity
from keras_attention.tasks.language_model.bundle_generator import BundleGenerator

PROMPTS = 32  # texts of which each format writes on
NEW_TOKENS = 24
SCORED_TOKENS = 2**14  # of which the log-probabilities are compared
PROMPT_CHARACTERS = 80


class LanguageModelComparison(Comparison):
    """Compares what a format writes after the beginnings of texts, and the scores of their tokens.

    A float32 format must write Keras' tokens but for ties, and give each token of the texts Keras'
    log-probability. A format in lower precision may differ; what it loses is measured in nats a
    token of the texts.
    """

    measure = Measure("nats a token", {"float16": 0.01, "int8": 0.1}, "texts", digits=4)

    def __init__(self, user, texts):
        self._reference = user
        texts = [text for text in texts if text.strip()]
        if not texts:
            raise InputError("There is no text to compare the exported formats with Keras on.")
        self._prompts = [_beginning(text) for text in texts[:PROMPTS]]
        self._new_tokens = max(1, min(NEW_TOKENS, user.context // 2))
        self._rows = _windows(user, texts)
        if not self._rows:
            raise InputError(
                "The texts to compare the exported formats with Keras on have no two tokens."
            )
        with truncation_is_known():
            self._expected = user.continuations(self._prompts, self._new_tokens)
        self._scores = user.log_probabilities(self._rows)
        self.count = len(self._prompts)

    def check(self, candidate, name, lower):
        if isinstance(candidate, BundleGenerator):
            return parity.check_bundle(
                self._reference, candidate, self._prompts, self._new_tokens, name, lower
            )
        difference = parity.check_scores(candidate, self._rows, self._scores, name, lower)
        reports = []
        with truncation_is_known():
            for size in BATCH_SIZES:
                candidate.batch_size = size
                candidate.continuations(self._prompts[:1], self._new_tokens)  # the first allocates
                started = time.perf_counter()
                found = candidate.continuations(self._prompts, self._new_tokens)
                milliseconds = 1000 * (time.perf_counter() - started) / self.count
                report = parity.compare(
                    self._reference, self._prompts, self._expected, found, self._new_tokens
                )
                parity.require_agreement(report, name, lower)
                reports.append(
                    {
                        **report,
                        "batch_size": size,
                        "milliseconds_per_sentence": milliseconds,
                        "largest_score_difference": difference,
                    }
                )
            parity.check_strings(candidate, self._prompts, found, self._new_tokens, name)
            if candidate is not self._reference:  # Keras has no `prefill` and `decode`
                parity.check_steps(candidate, self._prompts, found, name, lower)
        return reports

    def scores(self, candidate=None):
        found = self._scores
        if isinstance(candidate, BundleGenerator):
            candidate = candidate.inner()
        if candidate is not None:
            found = candidate.log_probabilities(self._rows)
        count = sum(len(row) - 1 for row in self._rows)
        loss = -sum(float(np.sum(row, dtype="float64")) for row in found) / count
        return {"loss": loss, "perplexity": math.exp(min(loss, 700)), "tokens": count}

    def points(self, scores):
        return -scores["loss"]


def _beginning(text):
    """The first words of a text, for a prompt."""
    start = text.strip()[:PROMPT_CHARACTERS]
    return start.rsplit(maxsplit=1)[0] if len(start) == PROMPT_CHARACTERS else start


def _windows(user, texts):
    """Rows of at most the context + 1 tokens, of which each but the first of a text is scored."""
    rows, count = [], 0
    for ids in user.tokenizer.encode(texts).token_ids:
        for start in range(0, len(ids) - 1, user.context):
            row = ids[start : start + user.context + 1]
            rows.append(row[: SCORED_TOKENS - count + 1])
            count += len(rows[-1]) - 1
            if count >= SCORED_TOKENS:
                return rows
    return rows
