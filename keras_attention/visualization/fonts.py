"""Fonts that have the characters of a picture."""

import functools
import warnings

# Looked into first: one of them has all ideographs, kana and hangul.
PREFERRED = ("Noto Sans CJK", "Noto Sans", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback")
PACKAGES = {"CJK": "fonts-noto-cjk", "HIRAGANA": "fonts-noto-cjk", "KATAKANA": "fonts-noto-cjk"}
PACKAGES |= {"HANGUL": "fonts-noto-cjk"}
OTHER_PACKAGE = "fonts-noto"  # Debian's names, and Ubuntu's


def use_fonts(figure):
    """Has all texts of a figure drawn in fonts of this machine that have their characters.

    Where there are none, a warning says which package brings them.

    Args:
        figure: `matplotlib.figure.Figure`, with all that is written in it.
    """
    texts = _texts(figure)
    characters = {c for text in texts for c in text.get_text() if c.isprintable() and c != " "}
    default = _default()
    families, missing = [default.get_name()], characters - _characters(default.get_file())
    if not missing:
        return
    for name, path in _installed():
        found = missing & _characters(path)
        if found:
            families.append(name)
            missing -= found
        if not missing:
            break
    for text in texts:
        text.set_fontfamily(families)
    if missing:
        # matplotlib warns of each character by itself. For good: see `artifacts/onnx.py`.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ ")
        first, *others = sorted(missing)
        more = f" and {len(others):,} other{'s'[: len(others) != 1]}" if others else ""
        warnings.warn(
            f"No font of this machine has {first}{more} of the picture: they are drawn as boxes. "
            f"Install one that does, such as the package {_package(first)}.",
            stacklevel=3,
        )


def _texts(figure):
    """Everything that is written in a figure, the labels of ticks too."""
    from matplotlib.text import Text

    for axes in figure.axes:  # these get their texts when they are asked for
        axes.get_xticklabels(), axes.get_yticklabels()
    return [text for text in figure.findobj(Text) if text.get_text()]


def _package(character):
    import unicodedata

    script = unicodedata.name(character, "").partition(" ")[0]
    return PACKAGES.get(script, OTHER_PACKAGE)


def _default():
    """The font that matplotlib draws with."""
    from matplotlib.font_manager import FontProperties, findfont

    return FontProperties(fname=findfont(FontProperties()))


def _installed():
    """Names and paths of the other fonts, those first that have most."""
    from matplotlib.font_manager import fontManager

    def rank(font):
        begins = [font.name.startswith(name) for name in PREFERRED]
        return begins.index(True) if True in begins else len(PREFERRED), font.name

    fonts = [font for font in fontManager.ttflist if not font.name.startswith("Last Resort")]
    return [(font.name, font.fname) for font in sorted(fonts, key=rank)]


@functools.cache
def _characters(path):
    """The characters that a font has, a frozenset."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # it has been removed, or is none that FreeType reads
        return frozenset()
