"""Whether the formats of a language model write and score as the Keras model does."""

import time

import numpy as np

from keras_attention._validation import well_formed
from keras_attention.artifacts.parity import ParityError
from keras_attention.tasks.language_model.next_token import NextToken

ROUNDING = 1e-3  # two logits that are nearer are equally good
SCORE_TOLERANCE = 1e-2  # of a continuation's score, which is a sum over its tokens
LOG_PROBABILITY = 2e-3  # of a token
STREAMED = 3  # prompts that are read by `prefill_N` and `decode` too
# In lower precision activations are rounded too, and a runtime sums in another order.
LOWER_STEPS = 0.25


def compare(reference, prompts, expected, found, max_new_tokens):
    """A report of the continuations of prompts.

    Args:
        reference: a `TextGenerator` of the Keras model.
        prompts: list of strings.
        expected, found: lists of lists of `Continuation`, of Keras and of a format.
        max_new_tokens: what these were asked for; it decides how much of a long prompt is read.

    Returns:
        `{"sentences", "agreement", "ties", "equal_tokens", "differences"}`: the share of equal best
        continuations, and of tokens before the first that differs; listed are the indices of those
        that are neither equal nor a tie.
    """
    rows = list(zip(expected, found, strict=True))
    differing = [i for i, (a, b) in enumerate(rows) if _ids(a) != _ids(b)]
    unlike = [i for i, (a, b) in enumerate(rows) if i not in differing and not _same_scores(a, b)]
    is_beam = not (reference.search.is_greedy or reference.search.is_sampling)
    ties = []
    for i in differing:
        a, b = rows[i]
        if is_beam:
            tie = _same_scores(a, b)
        else:
            [row] = reference.prompt_ids([prompts[i]], max_new_tokens)
            tie = _is_tie(reference, row, a[0].token_ids, b[0].token_ids, reference.seed + i)
        ties += [i] if tie else []
    total = sum(len(a[0].token_ids) for a, _ in rows)
    equal = sum(_common(a[0].token_ids, b[0].token_ids) for a, b in rows)
    return {
        "sentences": len(rows),
        "agreement": 1 - len(differing) / max(1, len(rows)),
        "ties": len(ties),
        "equal_tokens": equal / max(1, total),
        "differences": [
            {"prompt": prompts[i], "expected": rows[i][0][0].text, "found": rows[i][1][0].text}
            for i in sorted({*differing, *unlike} - {*ties})
        ],
    }


def require_agreement(report, name, lower):
    """Raises `ParityError` at a difference that is no tie; takes them out of the report.

    A format in lower precision may differ.
    """
    differences = report.pop("differences")
    if differences and not lower:
        first = differences[0]
        raise ParityError(
            f"{name} does not agree with Keras on {len(differences)} of {report['sentences']} "
            f"prompts: after {first['prompt']!r} should come {first['expected']!r}, comes "
            f"{first['found']!r}."
        )


def check_scores(candidate, rows, expected, name, lower):
    """The largest difference of a token's log-probability from Keras'.

    Args:
        candidate: a `TextGenerator` of a format.
        rows: lists of ids.
        expected: the log-probabilities of Keras, arrays.
        name: of the format, for messages.
        lower: whether it is in lower precision.

    Raises:
        ParityError: if one is not finite, or in float32 differs.
    """
    found = candidate.log_probabilities(rows)
    gaps = [np.abs(a - b) for a, b in zip(found, expected, strict=True)]
    largest = max(float(gap.max()) for gap in gaps)
    if not np.isfinite(largest):
        raise ParityError(f"{name} gives log-probabilities that are not finite numbers.")
    if not lower and largest > LOG_PROBABILITY:
        raise ParityError(
            f"{name} does not agree with Keras: a token's log-probability differs by {largest:.2g}."
        )
    return largest


def check_strings(candidate, prompts, found, max_new_tokens, name):
    """Raises `ParityError` unless the signature of strings gives the texts of that of ids."""
    if candidate.strings is None:
        return
    seeds = {}
    if candidate.search.is_sampling:
        seeds["seed"] = np.arange(candidate.seed, candidate.seed + len(prompts), dtype=np.int32)
    limits = np.full(len(prompts), max_new_tokens, np.int32)
    texts = [well_formed(prompt).encode() for prompt in prompts]
    texts = candidate.strings(text=texts, max_new_tokens=limits, **seeds)["text"]
    for prompt, several, row in zip(prompts, texts.reshape(len(texts), -1), found, strict=True):
        text = several[0].decode()
        if text != row[0].text:
            raise ParityError(
                f"{name} gives other texts than ids: after {prompt!r} comes {text!r} and not "
                f"{row[0].text!r}."
            )


def check_steps(candidate, prompts, found, name, lower):
    """Raises `ParityError` unless `prefill_N` and `decode` give the log-probabilities of `score`.

    Args:
        candidate: a `TextGenerator` of a format.
        prompts: list of strings.
        found: its continuations.
        name: of the format, for messages.
        lower: whether it is in lower precision.
    """
    if candidate.reader is None:
        return
    reader = candidate.reader()
    rows = candidate.prompt_ids(prompts, max_new_tokens=1)
    for row, several in list(zip(rows, found, strict=True))[:STREAMED]:
        room = reader.capacity - len(row)
        if room < 0:
            continue
        new = several[0].token_ids[: room + 1]
        [expected] = candidate.log_probabilities([[*row, *new]])
        logits = reader.start(row)
        for place, token in enumerate(new):
            logits = np.asarray(logits, "float64")
            largest = logits.max()
            given = logits[token] - largest - np.log(np.exp(logits - largest).sum())
            gap = abs(given - expected[len(row) + place])
            if not gap <= (LOWER_STEPS if lower else LOG_PROBABILITY):
                raise ParityError(
                    f"{name}: `prefill` and `decode` give a token a log-probability that differs "
                    f"by {gap:.2g} from that of `score`."
                )
            if place + 1 < len(new):
                logits = reader.read(token)


def check_bundle(reference, candidate, prompts, max_new_tokens, name, lower):
    """A list of one report, of what LiteRT-LM itself writes.

    Prompts are shortened to half of what it has room for.

    Args:
        reference: a `TextGenerator` of the Keras model.
        candidate: a `BundleGenerator`.
        prompts: list of strings.
        max_new_tokens: tokens of a continuation, at most.
        name: of the format, for messages.
        lower: whether it is in lower precision.

    Raises:
        ParityError: if a prompt has other ids, or in float32 a text is another.
    """
    room = min(reference.context, candidate.manifest["steps"]["cache_length"]["litertlm"])
    prompts = [shortened_prompt(reference, prompt, max(1, room // 2)) for prompt in prompts]
    rows = reference.prompt_ids(prompts, max_new_tokens=1)
    starts = [1 if row[:1] == [reference.tokenizer.special_ids.start] else 0 for row in rows]
    for prompt, row, start in zip(prompts, rows, starts, strict=True):
        given = candidate.runtime.tokenize(prompt)
        if given not in (row, row[start:]):
            raise ParityError(f"{name}: LiteRT-LM reads {prompt!r} as {given}, and not as {row}.")
    limit = max(1, min(max_new_tokens, room - max(map(len, rows))))
    wanted = [several[0].text for several in reference.continuations(prompts, limit)]
    started = time.perf_counter()
    texts = [candidate.generate([prompt], limit)[0] for prompt in prompts]
    milliseconds = 1000 * (time.perf_counter() - started) / len(prompts)
    differing = [i for i, (a, b) in enumerate(zip(texts, wanted, strict=True)) if a != b]
    if differing and not lower:
        i = differing[0]
        raise ParityError(
            f"{name} does not agree with Keras on {len(differing)} of {len(prompts)} prompts: "
            f"after {prompts[i]!r} should come {wanted[i]!r}, comes {texts[i]!r}."
        )
    return [
        {
            "sentences": len(prompts),
            "agreement": 1 - len(differing) / len(prompts),
            "ties": 0,
            "batch_size": 1,
            "milliseconds_per_sentence": milliseconds,
        }
    ]


def shortened_prompt(reference, prompt, most):
    """The beginning of a text that has at most `most` tokens, and one character at least."""
    while len(prompt) > 1:
        [row] = reference.tokenizer.encode([well_formed(prompt)]).token_ids
        if len(row) <= most:
            break
        prompt = prompt[: len(prompt) * most // len(row)].rstrip() or prompt[:1]
    return prompt


def _ids(several):
    return [each.token_ids for each in several]


def _same_scores(a, b):
    return len(a) == len(b) and all(
        abs(x.score - y.score) < SCORE_TOLERANCE for x, y in zip(a, b, strict=True)
    )


def _common(a, b):
    """How many of the first tokens are the same."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def _is_tie(reference, row, expected, found, seed):
    """Whether Keras would have chosen the other token with logits that are rounded otherwise."""
    search = reference.search
    # Of what a temperature makes of the logits float32 rounds as much, however hot it is.
    rounding = ROUNDING * max(1.0, search.temperature if search.is_sampling else 1.0)
    choose = NextToken(search, reference.special_ids, reference.forbidden_ids, row, seed)
    reader = reference.reader()
    logits = reader.start(row)
    for wanted, given in zip(expected, found, strict=False):
        if wanted != given:
            near = np.array(logits, "float32")
            # Between the two of them.
            near[given] += rounding / 2
            near[wanted] -= rounding / 2
            return choose(near) == given
        choose(logits)
        logits = reader.read(wanted)
    return False
