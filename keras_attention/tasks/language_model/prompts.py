"""Prompts: texts, or conversations, as the ids that a language model reads."""

from keras_attention._validation import (
    InputError,
    require_texts,
    warn_of_truncation,
    well_formed,
)


def prompt_ids(tokenizer, texts, context, max_new_tokens, chat=False, lines=None):
    """The ids of each prompt; of one over the context the last, with a warning of its line.

    Args:
        tokenizer: of the model.
        texts: list of strings; with `chat` also lists of messages, dicts of "role" and "content".
        context: the tokens of a prompt and what follows it, at most.
        max_new_tokens: for which a prompt over the context makes room.
        chat: whether the model's chat template makes the prompts.
        lines: the number of each text's line, for messages; by default from 1 on.

    Returns:
        A list of lists of ids.

    Raises:
        ValueError: if `texts` is not a list of strings.
        InputError: if a prompt is empty, or the model has no chat template.
    """
    if chat:
        texts = [_chat_prompt(tokenizer, messages) for messages in texts]
    require_texts("texts", texts)
    # A chat template writes the start itself.
    encoded = tokenizer.encode([well_formed(text) for text in texts], add_start=not chat)
    rows = []
    lines = range(1, len(texts) + 1) if lines is None else lines
    for line, text, row in zip(lines, texts, encoded.token_ids, strict=True):
        require_prompt(text, row, line)
        kept = _kept(len(row), context, max_new_tokens)
        if kept < len(row):
            warn_of_truncation(
                f"line {line}: {len(row):,} tokens are more than the model's context of "
                f"{context:,}; the first {len(row) - kept:,} are cut.",
                stacklevel=5,
            )
            has_start = row[0] == tokenizer.special_ids.start and kept > 1
            start = row[:1] if has_start else []
            row = [*start, *row[len(row) - kept + len(start) :]]
        rows.append(row)
    return rows


def require_prompt(text, row, line):
    """Raises `InputError` if the text of a line, or its ids, are none."""
    if not text or not row:
        raise InputError(f"line {line}: the prompt is empty; expected text to go on with.")


def _kept(length, context, max_new_tokens):
    """How many tokens of a prompt are read.

    One over the context makes room for what is asked for, but at least half of the context is read.
    """
    if length <= context:
        return length
    return max(1, context + 1 - max_new_tokens, context // 2)


def _chat_prompt(tokenizer, messages):
    from keras_attention.text.chat_template import chat_prompt

    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return chat_prompt(tokenizer, messages)
