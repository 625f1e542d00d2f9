"""`keras-attention generate`: goes on with a prompt, or with each line of a file."""

import json
import sys
import unicodedata

from keras_attention._validation import InputError, well_formed
from keras_attention.cli.options import (
    MODEL_OPTIONS,
    TEXT_OPTIONS,
    add_options,
    answerable,
    custom_objects,
    given,
    read_lines,
    require_output,
    say_unknown,
    text,
    write_output,
)
from keras_attention.cli.streams import emit
from keras_attention.tasks.decoding_options import N_BEST, SAMPLING_OPTIONS, SEED
from keras_attention.tasks.language_model.options import DECODING_NAMES, SEARCH_OPTIONS, STOP
from keras_attention.tasks.option import Option

OPTIONS = (
    *MODEL_OPTIONS,
    Option("prompt", "what to go on with, in the place of an input", text, metavar="TEXT"),
    Option(
        "max_new_tokens",
        "tokens of a continuation, at most (default: what the run says, or 128)",
        int,
        metavar="N",
    ),
    STOP,
    Option(
        "chat",
        "each prompt is a user's message, which the model's own chat template makes a prompt of",
        bool,
        const=True,
    ),
    *SEARCH_OPTIONS,
    N_BEST,
    *SAMPLING_OPTIONS,
    SEED,
    *TEXT_OPTIONS,
    Option(
        "scores",
        "the log-probability of each token: a line for each, before a tab and the token, in which "
        "control characters are escaped",
        bool,
        const=True,
    ),
    Option("json", "one line of JSON a prompt", bool, const=True),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "generate",
        parents=[common],
        help=help,
        description="Goes on with --prompt, or with each line of the input, standard input unless "
        "a file is given. Writes the continuations alone; to a terminal as they come.",
    )
    add_options(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(options):
    """Generates."""
    from keras_attention.tasks.language_model.bundle_generator import refuse_bundle
    from keras_attention.tasks.language_model.continuation import Continuation
    from keras_attention.tasks.load import load

    if options.prompt is not None and options.input:
        raise InputError("`prompt` and `input` cannot be given together.")
    require_output(options)
    prompts = read_lines(options.input) if options.prompt is None else [options.prompt]
    generator = load(
        options.model,
        options.runtime,
        custom_objects(options),
        seed=options.seed,
        kind="language-model",
        **given(options, DECODING_NAMES),
    )
    refuse_bundle(generator)
    faulty = set()
    if options.prompt is None:
        prompts, faulty = answerable(prompts, _requirement(generator.tokenizer, options.chat))
    asked = {"max_new_tokens": options.max_new_tokens, "chat": bool(options.chat)}
    if _is_streamed(options, generator.search):
        for index, prompt in enumerate(prompts):
            parts = () if index in faulty else generator.stream(prompt, **asked, line=index + 1)
            for part in parts:
                emit(part)
            emit("\n")
        say_unknown(generator)
        return
    good = [index for index in range(len(prompts)) if index not in faulty]
    found = generator.continuations(
        [prompts[index] for index in good],
        **asked,
        token_scores=bool(options.scores),
        lines=[index + 1 for index in good],
    )
    found = dict(zip(good, found, strict=True))
    nothing = [Continuation("", [], 0.0, "invalid", [] if options.scores else None)]
    nothing *= options.n_best or generator.search.n_best
    lines = []
    for index, prompt in enumerate(prompts):
        # An artifact gives as many as it was exported for.
        several = found.get(index, nothing)[: options.n_best]
        lines += _lines(options, generator.tokenizer, prompt, several)
    write_output(options, "".join(f"{line}\n" for line in lines).encode())
    say_unknown(generator)


def _requirement(tokenizer, chat):
    """A function of a line and its number that raises `InputError` for one that is no prompt."""
    from keras_attention.tasks.language_model.prompts import require_prompt

    def require(line, number):
        if not chat:  # else the template makes a prompt of any line
            require_prompt(line, tokenizer.encode([well_formed(line)]).token_ids[0], number)

    return require


def _is_streamed(options, search):
    """Whether the text is shown while it is written: on a terminal, where it is all there is."""
    plain = not (options.output or options.json or options.scores)
    return plain and (options.n_best or search.n_best) == 1 and sys.stdout.isatty()


def _lines(options, tokenizer, prompt, several):
    """The lines that are written of one prompt, from its `Continuation`s."""
    if options.json:
        answers = [_answer(tokenizer, each) for each in several]
        yield json.dumps({"prompt": prompt, **answers[0], **_others(answers)}, ensure_ascii=False)
        return
    for each in several:
        if not options.scores:
            yield each.text
            continue
        pieces = tokenizer.pieces(each.token_ids)
        for value, piece in zip(each.log_probabilities, pieces, strict=True):
            yield f"{value:.4f}\t{_on_one_line(piece)}"


def _on_one_line(piece):
    """A token with its control characters, line ends and backslashes escaped as in Python."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter == "\\" or unicodedata.category(letter) in ("Cc", "Zl", "Zp")
        else letter
        for letter in piece
    )


def _others(answers):
    return {"others": answers[1:]} if len(answers) > 1 else {}


def _answer(tokenizer, continuation):
    """What is said of one continuation: a dict of JSON values."""
    scores = continuation.log_probabilities
    return {
        "text": continuation.text,
        "finish": continuation.finish,
        "score": round(continuation.score, 6),
        "token_ids": continuation.token_ids,
        "tokens": tokenizer.pieces(continuation.token_ids),
        **({} if scores is None else {"log_probabilities": [round(x, 6) for x in scores]}),
    }
