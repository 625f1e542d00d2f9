"""Where special and added tokens stand in a text, without TensorFlow.

Tokens that are not normalized are looked for first, then the others in what is left. Of tokens that
overlap, the one that begins first is found, and of these the longest. The `tokenizers` package
does so.
"""

import re

from keras_attention._validation import require
from keras_attention.text.tokenizers.wordpiece_vocabulary import MOST_ADDED

END_OF_TEXT = "<|endoftext|>"  # GPT-2's name of it


def in_stages(added_tokens):
    """`{content: id}` of the tokens that are looked for together: a list, first those first."""
    stages = [
        {token.content: token.id for token in added_tokens if token.normalized == normalized}
        for normalized in (False, True)
    ]
    return [stage for stage in stages if stage]


def longest_first(contents):
    """The contents of tokens in the order in which an alternation must try them."""
    return sorted(contents, key=lambda content: (-len(content), content))


def token_splitters(added_tokens):
    """For `split_at_tokens`: a list of `(function that splits, {content: id})`, one a stage."""
    splitters = []
    for ids in in_stages(added_tokens):
        pattern = "|".join(map(re.escape, longest_first(ids)))
        splitters.append((re.compile(f"({pattern})").split, ids))
    return splitters


def split_at_tokens(text, splitters):
    """The parts of a text in order: `(part, None)` of text, which may be empty, or `(token, id)`.

    >>> splitters = token_splitters([AddedToken("<end>", 7, special=True)])
    >>> split_at_tokens("a<end>b", splitters)
    [('a', None), ('<end>', 7), ('b', None)]
    """
    parts = [(text, None)]
    for split, ids in splitters:
        found = []
        for part, token_id in parts:
            if token_id is not None:
                found.append((part, token_id))
                continue
            for index, piece in enumerate(split(part)):
                found.append((piece, ids[piece] if index % 2 else None))
        parts = found
    return parts


def require_findable(added_tokens):
    """Raises `ValueError` unless every tokenizer here finds these tokens, in the same places."""
    require(
        len(added_tokens) <= MOST_ADDED,
        "added_tokens",
        f"at most {MOST_ADDED:,} tokens",
        count=len(added_tokens),
    )
    contents = [token.content for token in added_tokens]
    unfit = [content for content in contents if not _is_findable(content)]
    require(not unfit, "added_tokens", "text without half surrogate pairs or NUL", others=unfit[:5])
    twice = sorted({content for content in contents if contents.count(content) > 1})
    require(not twice, "added_tokens", "different tokens", others=twice[:5])


def _is_findable(content):
    return bool(content) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in content)
