"""What writes text token by token, whatever runs the model: tokens, choices, and where it ends."""

import argparse
import json
import sys

import numpy as np
from artifact import write_text
from tokenizers import Tokenizer

NEW_TOKENS = 128


class PromptError(Exception):
    """The model cannot go on with a prompt. The program says so, and goes on with the next one."""


class Generation:
    """The tokenizer of an artifact, and how its language model goes on with a text.

    Args:
        manifest: of the artifact.
        files: dict from names to bytes, with `tokenizer/tokenizer.json`.
        steps: object with `start(ids)` and `read(id)`, which give the logits of the next token.
        at_once: function of named arrays to a dict of arrays, the signature `ids`.
    """

    def __init__(self, manifest, files, steps, at_once):
        self.tokenizer = Tokenizer.from_buffer(files["tokenizer/tokenizer.json"])
        self.decoding = manifest["decoding"]
        self.context = self.decoding["context"]
        ends = manifest["special_ids"]["end"]
        self.ends = {None: []}.get(ends, ends if isinstance(ends, list) else [ends])
        self.begin = manifest["special_ids"]["start"]
        # A stop may be the name of a token that no text shows.
        added = self.tokenizer.get_added_tokens_decoder()
        self.stops = [i for i, token in added.items() if token.content in self.decoding["stop"]]
        self.forbidden = manifest["forbidden_ids"]
        self.steps, self.at_once = steps, at_once

    def stream(self, text, max_new_tokens, seed=0):
        """The parts of what follows a text, as they come.

        The parts of greedy search come token by token. A beam and a sample come in one piece, from
        the graph that holds the whole search.

        Raises:
            PromptError: if there is nothing to go on with.
        """
        prompt = self.tokenizer.encode(text).ids
        if not prompt:
            raise PromptError("the prompt is empty.")
        prompt = self.kept(prompt, max_new_tokens)
        limit = min(max_new_tokens, self.context + 1 - len(prompt))
        greedy = self.decoding["method"] == "greedy"
        tokens = (self.greedy if greedy else self.whole)(prompt, limit, seed)
        yield from cut(self.texts(prompt, tokens), self.decoding["stop"])

    def kept(self, prompt, max_new_tokens):
        """The tokens that are read: of a prompt over the context the last, after its start.

        It makes room for what is asked for, but at least half of the context is read.
        """
        if len(prompt) <= self.context:
            return prompt
        count = max(1, self.context + 1 - max_new_tokens, self.context // 2)
        print(
            f"{len(prompt)} tokens are more than the model's context of {self.context}; "
            f"the first {len(prompt) - count} are cut.",
            file=sys.stderr,
        )
        begin = prompt[:1] if prompt[0] == self.begin and count > 1 else []
        return [*begin, *prompt[len(prompt) - count + len(begin) :]]

    def greedy(self, prompt, limit, seed):
        """The most probable tokens, one after the other."""
        seen, new = set(prompt), []
        logits = self.steps.start(prompt)
        while True:
            token = self.choose(logits, seen, len(new))
            new.append(token)
            yield token
            if self.is_last(token) or len(new) == limit:
                return
            seen.add(token)
            logits = self.steps.read(token)

    def choose(self, logits, seen, count):
        """The most probable token of those that may come."""
        logits = np.array(logits)
        penalty = self.decoding.get("repetition_penalty", 1.0)
        if penalty != 1.0:
            values = logits[list(seen)]
            logits[list(seen)] = np.where(values > 0, values / penalty, values * penalty)
        logits[self.forbidden] = -np.inf
        if count < self.decoding["min_length"]:
            logits[self.ends] = -np.inf
        return int(logits.argmax())

    def whole(self, prompt, limit, seed):
        """The tokens that the graph with the whole search gives."""
        inputs = {
            "prompt_ids": np.array([prompt], np.int32),
            "lengths": np.array([len(prompt)], np.int32),
            "max_new_tokens": np.array([limit], np.int32),
        }
        if self.decoding["method"] == "sampling":
            inputs["seed"] = np.array([seed], np.int32)
        found = self.at_once(**inputs)["token_ids"]
        # (1, T), or (1, K, T) of an artifact that gives the K best, the best first.
        for token in found.reshape(-1, found.shape[-1])[0].tolist():
            yield token
            if self.is_last(token):
                return

    def is_last(self, token):
        """Whether a text ends with this token, which is not shown."""
        return token in self.ends or token in self.stops

    def texts(self, prompt, tokens):
        """The text of tokens that follow a prompt, in parts; a part ends with a whole character."""
        before, new, shown = prompt[-8:], [], 0
        start = len(self.tokenizer.decode(before))
        for token in tokens:
            if self.is_last(token):
                break
            new.append(token)
            text = self.tokenizer.decode([*before, *new])[start:]
            whole = len(text.rstrip("\ufffd"))  # what begins a character may come to be one
            if whole > shown:
                yield text[shown:whole]
                shown = whole
        if new:
            yield self.tokenizer.decode([*before, *new])[start + shown :]


def cut(parts, stops):
    """`parts` of a text up to the first of `stops`; what may be the beginning of one waits.

    The first is the one that ends first, of those the longest, however the text comes in parts.
    """
    held, longest = "", max(map(len, stops), default=1) - 1
    for part in parts:
        held += part
        found = [(held.find(stop) + len(stop), held.find(stop)) for stop in stops if stop in held]
        if found:
            yield held[: min(found)[1]]
            return
        ready = len(held) - longest
        if ready > 0:
            yield held[:ready]
            held = held[ready:]
    yield held


def main(description, open_generation):
    """Goes on with each line of standard input; ends with status 1 if one has no continuation.

    Such a line is answered by an empty one, or by null, and by a sentence on standard error.

    Args:
        description: of the program.
        open_generation: function of an artifact's path to a `Generation`.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("artifact")
    parser.add_argument("--max-new-tokens", type=int, default=NEW_TOKENS, metavar="N")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each prompt")
    options = parser.parse_args()
    if options.max_new_tokens < 1:
        parser.error("--max-new-tokens must be at least 1")
    generation = open_generation(options.artifact)
    if sys.stdin is None:
        sys.exit("Standard input is closed: give one text a line.")
    status = 0
    for seed, line in enumerate(sys.stdin.buffer):
        try:
            parts = generation.stream(prompt_of(line), options.max_new_tokens, seed)
            if options.json:
                parts = [to_json({"text": "".join(parts)})]
            for part in parts:
                write_text(part)
        except PromptError as error:
            print(f"Line {seed + 1}: {error}", file=sys.stderr)
            status = 1
            if options.json:
                write_text(to_json({"text": None}))
        write_text("\n")
    sys.exit(status)


def prompt_of(line):
    """The text of a line, bytes."""
    try:
        return line.decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise PromptError("it is not UTF-8 text.") from error


def to_json(value):
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)
