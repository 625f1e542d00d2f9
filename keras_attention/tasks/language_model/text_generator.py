"""A language model of strings, by any function from ids to ids."""

import dataclasses

import numpy as np

from keras_attention._validation import InputError, require_positive_integer
from keras_attention.search_options import GREEDY, IMPOSSIBLE, decoding_options, int32_seeds
from keras_attention.tasks.language_model.continuation import Continuation, Ending
from keras_attention.tasks.language_model.next_token import NextToken
from keras_attention.tasks.language_model.prompts import prompt_ids
from keras_attention.tasks.language_model.scored_rows import require_scored_rows
from keras_attention.tasks.language_model.stop_ids import stop_ids
from keras_attention.tasks.language_model.stop_text import require_stop_texts
from keras_attention.tasks.unknown_tokens import UnknownTokens
from keras_attention.token_ids import pad

NEW_TOKENS = 128  # where neither the caller nor the run says how many


class TextGenerator:
    """Goes on with texts.

    Args:
        tokenizer: one of `LANGUAGE_MODEL_TOKENIZERS`.
        run: function `(prompt_ids (B, S), lengths (B,), max_new_tokens (B,)[, seed (B,)])` of int32
            arrays to a dict of "token_ids" (B, T) and "score" (B,), with several hypotheses (B, N,
            T) and (B, N).
        score: function `(token_ids (B, T), lengths (B,))` to a dict of "log_probabilities" (B, T),
            of each token after those before it; T is at most `context` + 1.
        context: the tokens of a prompt and what follows it, at most.
        search: the `SearchOptions` or `SamplingOptions` of `run`.
        special_ids: of the model; the tokenizer's by default.
        forbidden_ids: ids that are never generated.
        reader: function without arguments that returns an object with `start(token_ids) -> logits
            (V,)`, which reads a prompt, `read(token_id) -> logits (V,)`, and `capacity`, how many
            tokens it can read; None where a stream is one piece.
        stops: strings at which every text ends.
        seed: integer, where it samples: the text at index i of a list has the seed `seed + i`.
        batch_size: number of texts at a time.
        run_with: function of a search and of sequences of ids to stop at that returns a `run`; None
            where `run` can do nothing else.

    Attributes:
        strings: the signature of strings, where the runtime has one; else None.
        unknown: the `UnknownTokens` of the prompts so far.

    >>> generator = keras_attention.load("run")
    >>> generator.generate(["To be, or"], max_new_tokens=20)
    [' not to be, that is']
    """

    def __init__(
        self,
        tokenizer,
        run,
        score,
        context,
        search=GREEDY,
        special_ids=None,
        forbidden_ids=(),
        reader=None,
        stops=(),
        seed=0,
        batch_size=8,
        run_with=None,
    ):
        int32_seeds(seed)  # that it is one shows here, not at the first text
        self.tokenizer = tokenizer
        self.run = run
        self.score = score
        self.context = context
        self.search = search
        self.special_ids = tokenizer.special_ids if special_ids is None else special_ids
        self.forbidden_ids = tuple(forbidden_ids)
        self.reader = reader
        self.stops = require_stop_texts(stops)
        self.seed = seed
        self.batch_size = batch_size
        self.run_with = run_with
        self.strings = None
        self.unknown = UnknownTokens()

    def generate(self, texts, max_new_tokens=None, stop=(), seed=None, chat=False, **search):
        """The continuation of each text, without the text itself.

        Args:
            texts: list of strings, none of them empty; one over the context loses its beginning,
                with a warning. With `chat` also lists of messages, dicts of "role" and "content".
            max_new_tokens: tokens of a continuation, at most; by default what the run says, or 128.
            stop: strings at which a text ends, without them.
            seed: integer, where it samples; by default that of `load`.
            chat: whether each text is a user's message to the model, which the model's own chat
                template makes a prompt of.
            **search: how it decodes, over what `load` was told: `sample=True`, `temperature`,
                `top_k`, `top_p`, `beam_size`, `repetition_penalty`, ...; not of an artifact.

        Returns:
            A list of strings.

        Raises:
            ValueError: if `texts` is not a list of strings, or a number is out of range.
            InputError: if a prompt is empty, a stop cannot come, or an artifact cannot do so.
        """
        found = self.continuations(texts, max_new_tokens, stop, seed, chat, **search)
        return [row[0].text for row in found]

    def continuations(
        self,
        texts,
        max_new_tokens=None,
        stop=(),
        seed=None,
        chat=False,
        token_scores=False,
        lines=None,
        **search,
    ):
        """The best continuations of each text, the best first: lists of `Continuation`.

        Args:
            texts, max_new_tokens, stop, seed, chat, **search: see `generate`.
            token_scores: whether each continuation has the log-probability of each of its tokens.
            lines: the number of each text's line in what the texts come from, which its seed and
                messages are of; by default from 1 on.
        """
        asked = self._asked(max_new_tokens, stop, seed, search)
        rows = self.prompt_ids(texts, asked.max_new_tokens, chat, lines)
        found = self._searched(rows, asked, lines)
        if token_scores:
            self._score_tokens(rows, found)
        return found

    def _searched(self, rows, asked, lines=None):
        """The `Continuation`s of prompts, lists of ids."""
        lines = range(1, len(rows) + 1) if lines is None else lines
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        found = [None] * len(rows)
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            prompts = [rows[index] for index in members]
            seeds = {}
            if asked.search.is_sampling:
                seeds["seed"] = int32_seeds([asked.seed + lines[i] - 1 for i in members])
            lengths = np.array([len(row) for row in prompts], "int32")
            limits = np.full(len(prompts), asked.max_new_tokens, "int32")
            outputs = asked.run(
                prompt_ids=pad(prompts), lengths=lengths, max_new_tokens=limits, **seeds
            )
            token_ids, scores = (np.asarray(outputs[name]) for name in ("token_ids", "score"))
            if token_ids.ndim == 2:
                token_ids, scores = token_ids[:, None], scores[:, None]
            limits = np.minimum(limits, self.context + 1 - lengths)
            for row, index in enumerate(members):
                found[index] = [
                    self._continuation(ids[: limits[row]], float(score), asked)
                    for ids, score in zip(token_ids[row].tolist(), scores[row], strict=True)
                    if not score <= IMPOSSIBLE
                ]
        return found

    def stream(self, text, max_new_tokens=None, stop=(), seed=None, chat=False, line=1, **search):
        """The continuation of one text in parts, as they come; joined they are `generate`'s.

        A beam, which may change its mind, gives one part, and so does what would outgrow the caches
        of an artifact. The arguments are those of `generate`, and `line`, as in `continuations`.

        Yields:
            Strings.
        """
        asked = self._asked(max_new_tokens, stop, seed, search)
        (row,) = self.prompt_ids([text], asked.max_new_tokens, chat, [line])
        limit = min(asked.max_new_tokens, self.context + 1 - len(row))
        reader = None
        if self.reader is not None and (asked.search.is_greedy or asked.search.is_sampling):
            reader = self.reader()
        # The last token is not read.
        if reader is None or len(row) + limit - 1 > reader.capacity:
            yield self._searched([row], asked, [line])[0][0].text
            return
        choose = NextToken(
            asked.search, self.special_ids, self.forbidden_ids, row, asked.seed + line - 1
        )
        ending = self._ending(asked)
        logits = reader.start(row)
        while True:
            token_id = choose(logits)
            shown = ending.add(token_id, is_last=len(ending.token_ids) + 1 == limit)
            if shown:
                yield shown
            if ending.finish:
                return
            logits = reader.read(token_id)

    def log_probabilities(self, rows):
        """The log-probability of every token after those before it, as the model itself has it.

        Args:
            rows: lists of ids, each of at least one and at most `context` + 1.

        Returns:
            A list of float32 arrays, as long as the rows; that of a row's first token is 0.

        Raises:
            ValueError: if a row is empty or too long, or an id is not in the vocabulary.
        """
        size = self.tokenizer.vocabulary_size
        require_scored_rows(rows, self.context, size, self.special_ids.ends)
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        found = [None] * len(rows)
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            lengths = np.array([len(rows[index]) for index in members], "int32")
            outputs = self.score(token_ids=pad([rows[i] for i in members]), lengths=lengths)
            values = np.asarray(outputs["log_probabilities"])
            for row, index in enumerate(members):
                found[index] = values[row, : lengths[row]]
        return found

    def prompt_ids(self, texts, max_new_tokens=NEW_TOKENS, chat=False, lines=None):
        """The ids of each prompt: see `prompts.prompt_ids`."""
        rows = prompt_ids(self.tokenizer, texts, self.context, max_new_tokens, chat, lines)
        self.unknown.add(rows, self.tokenizer.special_ids.unknown)
        return rows

    def _asked(self, max_new_tokens, stop, seed, search):
        """What one call asks for: an `_Asked`."""
        options, run = self.search, self.run
        stops = tuple(dict.fromkeys((*self.stops, *require_stop_texts(stop))))
        sequences = stop_ids(self.tokenizer, stops)
        if search:
            options = self._other_search(search)
        most = options.max_length
        if max_new_tokens is None:
            max_new_tokens = NEW_TOKENS if most is None else most
        require_positive_integer("max_new_tokens", max_new_tokens)
        if self.run_with is not None:
            options = dataclasses.replace(options, max_length=None)  # a limit of each call
            run = self.run_with(options, sequences)
        elif most is not None and max_new_tokens > most:
            raise InputError(
                f"`max_new_tokens` must be at most {most:,}, with which the artifact was exported. "
                f"Received: max_new_tokens={max_new_tokens}"
            )
        # No more can come, and a graph counts in int32.
        max_new_tokens = min(max_new_tokens, self.context)
        if seed is not None and not options.is_sampling:
            raise InputError("seed is an option of sampling and needs `sample` beside it.")
        seed = self.seed if seed is None else seed
        return _Asked(run, options, max_new_tokens, stops, sequences, seed)

    def _other_search(self, search):
        own = self.search.to_dict()
        sample = {"sample": True} if self.search.is_sampling else {}
        if search.get("sample", bool(sample)) != bool(sample):
            limits = ("min_length", "max_length", "repetition_penalty")
            own, sample = {name: own[name] for name in limits}, {}
        options = decoding_options({**(own if sample else {}), **sample, **search}, own)
        if self.run_with is None and options != self.search:
            raise InputError(
                f"The artifact was exported with {self.search}, not {options}: what it does is "
                "fixed. Export it again with these options."
            )
        return options

    def _ending(self, asked):
        return Ending(self.tokenizer, self.special_ids.ends, asked.stops, asked.sequences)

    def _continuation(self, ids, score, asked):
        ending, parts = self._ending(asked), []
        for number, token_id in enumerate(ids, start=1):
            parts.append(ending.add(token_id, is_last=number == len(ids)))
            if ending.finish:
                break
        return Continuation("".join(parts), ending.token_ids, score, ending.finish or "length")

    def _score_tokens(self, rows, found):
        several = [(row, each) for row, best in zip(rows, found, strict=True) for each in best]
        whole = [[*row, *each.token_ids] for row, each in several]
        values = self.log_probabilities(whole)
        for (row, each), scores in zip(several, values, strict=True):
            each.log_probabilities = [float(value) for value in scores[len(row) :]]


@dataclasses.dataclass
class _Asked:
    run: object
    search: object
    max_new_tokens: int
    stops: tuple
    sequences: tuple  # the stops as ids
    seed: int
