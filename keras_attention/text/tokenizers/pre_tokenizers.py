"""How published models split a text into the words within which byte pairs are merged.

Each splits by a regular expression with the classes letters, numbers and blanks of Unicode.
Python's `re` has no such classes: they stand in the pattern as ranges. RE2, which TensorFlow has,
knows them as another Unicode does, and no look-ahead. So the graph splits texts in which one ASCII
character, its mark, stands for each character, and where a bar stands before the last blank of
several that a word follows.
"""

import dataclasses
import functools
import re

from keras_attention.text.tokenizers.unicode_classes import in_pattern

BAR = "|"  # in texts of marks; no mark itself

# The marks of characters. The letters of English contractions are marked by themselves.
LETTER, NUMBER, SPACE, BLANK, LINE_END, APOSTROPHE, OTHER = "x", "0", " ", "_", "~", "'", "."

# "'s" is a word of its own, as in "it's".
_CONTRACTIONS = "'(?:[stmd]|re|ve|ll)"
_ANY_CASE = "'(?:[sS\u017ftTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"  # the third s is the long one


@dataclasses.dataclass(frozen=True)
class PreTokenizer:
    """A way to split texts into words.

    Attributes:
        described: what a tokenizer.json has as its "pre_tokenizer".
        pattern: the pattern of words, in which {letters}, {numbers}, {digits} and {blanks} stand
            for the ranges of these classes; None where a text is one word.
        marked: the same for a text of marks.
        bar: what a bar is put into: a pattern of marks with three groups, of which the first two
            stand before and after it.
        digits: the class of the characters that are marked as numbers.
        line_ends: whether carriage return and line feed are marked as such, not as blanks.
        any_case: whether the capitals of contractions are marked as small letters.
    """

    described: dict
    pattern: str | None = None
    marked: str | None = None
    bar: str | None = None
    digits: str = "numbers"
    line_ends: bool = False
    any_case: bool = False

    def words(self):
        """A function from a text to the list of its words."""
        return _find_all(self.pattern)


@functools.cache
def _find_all(pattern):
    if pattern is None:
        return lambda text: [text] if text else []
    classes = {name: in_pattern(name) for name in ("letters", "numbers", "digits", "blanks")}
    for name, ranges in classes.items():
        pattern = pattern.replace(f"{{{name}}}", ranges)
    return re.compile(pattern).findall


def _byte_level(use_regex):
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

BYTE_LEVEL = _byte_level(True)  # as the "decoder" of a tokenizer.json, where the options do nothing

PRE_TOKENIZERS = {
    "none": PreTokenizer(_byte_level(False)),
    "gpt2": PreTokenizer(
        _byte_level(True),
        pattern=f"{_CONTRACTIONS}| ?[{{letters}}]+| ?[{{numbers}}]+"
        "| ?[^{blanks}{letters}{numbers}]+|[{blanks}]+(?![^{blanks}])|[{blanks}]+",
        marked=f"{_CONTRACTIONS}| ?[a-z]+| ?0+| ?['.]+|[ _]+",
        bar="([ _])([ _])([^ _])",
    ),
    # Digits are set apart one by one before GPT-2's pattern splits what is between them.
    "smollm": PreTokenizer(
        _sequence({"type": "Digits", "individual_digits": True}, _byte_level(True)),
        pattern=f"{_CONTRACTIONS}| ?[{{letters}}]+|[{{digits}}]"
        "| ?[^{blanks}{letters}{digits}]+|[{blanks}]+(?![^{blanks}{digits}])|[{blanks}]+",
        marked=f"{_CONTRACTIONS}| ?[a-z]+|0| ?['.]+|[ _]+",
        bar="([ _])([ _])([^ _0])",
        digits="digits",
    ),
    "llama3": PreTokenizer(
        _sequence(
            {
                "type": "Split",
                "pattern": {"Regex": _LLAMA_3},
                "behavior": "Isolated",
                "invert": False,
            },
            _byte_level(False),
        ),
        pattern=f"{_ANY_CASE}|[^\\r\\n{{letters}}{{numbers}}]?[{{letters}}]+|[{{numbers}}]{{1,3}}"
        "| ?[^{blanks}{letters}{numbers}]+[\\r\\n]*|[{blanks}]*[\\r\\n]+"
        "|[{blanks}]+(?![^{blanks}])|[{blanks}]+",
        marked=f"{_CONTRACTIONS}|[ _'.]?[a-z]+|0{{1,3}}| ?['.]+~*|[ _~]*~+|[ _~]+",
        bar="([ _~])([ _])([^ _~])",
        line_ends=True,
        any_case=True,
    ),
}

PUBLISHED = ("GPT-2", "SmolLM2", "Llama 3")  # whose patterns these are, for messages


def named(described):
    """The name of the pre-tokenizer that a tokenizer.json describes, or None.

    Args:
        described: the JSON value of its "pre_tokenizer".
    """
    for name, known in PRE_TOKENIZERS.items():
        if _essential(described) == _essential(known.described):
            return name
    return None


def _essential(described):
    """A description without what changes no ids, and with the defaults that it leaves out."""
    if not isinstance(described, dict):
        return described
    if described.get("type") == "ByteLevel":
        return {**_byte_level(True), **described, "trim_offsets": True}
    parts = described.get("pretokenizers")
    if described.get("type") == "Sequence" and isinstance(parts, list):
        return {**described, "pretokenizers": [_essential(part) for part in parts]}
    return described
