"""The text of a chat as a published model's own template writes it."""

import json
import subprocess
import sys
from pathlib import Path

from keras_attention._validation import InputError, missing_package, one_line, require
from keras_attention.text import render_chat

LONGEST = 1_000_000  # characters of a chat
SECONDS = 10
MEMORY = 1 << 30  # bytes


def chat_prompt(tokenizer, messages, **variables):
    """The text that a chat model reads before it answers.

    The template is a program of the model's publisher. It runs in Jinja's immutable sandbox, in a
    process of its own, for at most 10 seconds, and its text has at most a million characters.

    The text holds the names of special tokens, and the start where there is one: encode it with
    `add_start=False`.

    Args:
        tokenizer: a `LanguageModelTokenizer` with a `chat_template`.
        messages: list of dicts with "role", such as "user", and "content", a string.
        **variables: further variables of the template, values of JSON.

    Raises:
        ImportError: if the package jinja2 is missing.
        InputError: if the tokenizer has no template, or it cannot be applied.
        ValueError: if `messages` are none.

    >>> chat_prompt(tokenizer, [{"role": "user", "content": "Hello"}])
    '<|im_start|>user\\nHello<|im_end|>\\n<|im_start|>assistant\\n'
    """
    if tokenizer.chat_template is None:
        raise InputError(
            "The model has no chat template: give it a prompt instead of the messages of a chat."
        )
    are_messages = isinstance(messages, (list, tuple)) and all(
        isinstance(message, dict)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
        for message in messages
    )
    require(
        are_messages and messages,
        "messages",
        'a list of dicts with the strings "role" and "content"',
        messages=messages,
    )
    values = {
        **_special_tokens(tokenizer),
        "tools": None,
        "documents": None,
        **variables,
        "messages": list(messages),
        "add_generation_prompt": True,
    }
    request = {
        "template": tokenizer.chat_template,
        "values": values,
        "longest": LONGEST,
        "seconds": SECONDS,
        "memory": MEMORY,
    }
    answer = _run(json.dumps(request))
    if "missing" in answer:
        raise missing_package("jinja2", "chat")
    if "text" not in answer:
        reason = one_line(answer["error"]).rstrip(".")
        raise InputError(f"The chat template cannot be applied: {reason}.")
    return answer["text"]


def _special_tokens(tokenizer):
    """The names of special tokens, as templates call them."""
    special = tokenizer.special_ids
    ids = {"bos_token": special.start, "eos_token": next(iter(special.ends), None)}
    return {
        name: tokenizer.token_bytes(token_id).decode()
        for name, token_id in ids.items()
        if token_id is not None
    }


def _run(request):
    """The answer of `render_chat` to a request, a dict."""
    command = [sys.executable, "-P", str(Path(render_chat.__file__))]
    try:
        found = subprocess.run(
            command, input=request, capture_output=True, timeout=SECONDS + 5, encoding="utf-8"
        )
        return json.loads(found.stdout)
    except (subprocess.TimeoutExpired, ValueError):  # ended before it could answer
        return {"error": f"it takes more than {SECONDS} seconds, or too much memory"}
    except OSError as error:
        return {"error": f"no process could be started ({error.strerror})"}
