"""Numbers, dates, times and amounts as words, in English and in correct German."""

import datetime
import functools

from babel.dates import get_day_names, get_month_names
from num2words import num2words

# English plural, German plural, German gender, and the same for the hundredth part.
CURRENCIES = {
    "euro": ("euros", "Euro", "Euro", "m", ("cent", "cents", "Cent", "Cent", "m")),
    "dollar": ("dollars", "Dollar", "Dollar", "m", ("cent", "cents", "Cent", "Cent", "m")),
    "pound": ("pounds", "Pfund", "Pfund", "n", ("penny", "pence", "Penny", "Pence", "m")),
    "franc": (
        "francs",
        "Franken",
        "Franken",
        "m",
        ("centime", "centimes", "Rappen", "Rappen", "m"),
    ),
    "yen": ("yen", "Yen", "Yen", "m", None),
}
# The German adverb and the hours that it goes with.
DAY_PARTS = {
    "in the morning": ("morgens", (5, 6, 7, 8, 9)),
    "in the afternoon": ("nachmittags", (1, 2, 3, 4, 5)),
    "in the evening": ("abends", (6, 7, 8, 9, 10)),
    "at night": ("nachts", (11, 12, 1, 2, 3, 4)),
}
_PAST = {
    5: ("five past", "fünf nach", 0),
    10: ("ten past", "zehn nach", 0),
    15: ("quarter past", "Viertel nach", 0),
    20: ("twenty past", "zwanzig nach", 0),
    25: ("twenty-five past", "fünf vor halb", 1),
    30: ("half past", "halb", 1),
    35: ("twenty-five to", "fünf nach halb", 1),
    40: ("twenty to", "zwanzig vor", 1),
    45: ("quarter to", "Viertel vor", 1),
    50: ("ten to", "zehn vor", 1),
    55: ("five to", "fünf vor", 1),
}


@functools.cache
def _below_thousand(number):
    return num2words(number), num2words(number, lang="de")


def english_number(number):
    """0 to 999,999,999 in words, without commas.

    >>> english_number(302)
    'three hundred and two'
    """
    if number < 1000:
        return _below_thousand(number)[0]
    parts, rest = [], number % 1000
    if number >= 1_000_000:
        parts.append(f"{_below_thousand(number // 1_000_000)[0]} million")
    if number // 1000 % 1000:
        parts.append(f"{_below_thousand(number // 1000 % 1000)[0]} thousand")
    if rest:
        # "and" comes before a rest below a hundred, as it does after "hundred".
        parts.append(("and " if rest < 100 else "") + _below_thousand(rest)[0])
    return " ".join(parts)


def german_number(number, attributive=False):
    """0 to 999,999,999 in words. `attributive` numbers stand before a noun: "ein", not "eins".

    num2words writes "einhunderteinstausend" and "einhunderteins Millionen", which is not German.
    Only numbers below a thousand are therefore taken from it.

    >>> german_number(302), german_number(101_000)
    ('dreihundertzwei', 'einhunderteintausend')
    """
    millions, thousands, rest = number // 1_000_000, number // 1000 % 1000, number % 1000
    words = ""
    if millions == 1:
        words = "eine Million"
    elif millions:
        count = _below_thousand(millions)[1]
        words = f"{count.removesuffix('s') + 'e' if count.endswith('eins') else count} Millionen"
    below = ""
    if thousands:
        count = _below_thousand(thousands)[1]
        below = f"{count.removesuffix('s') if count.endswith('eins') else count}tausend"
    if rest or not number:
        below += _below_thousand(rest)[1]
    if attributive and below.endswith("eins"):
        below = below.removesuffix("s")
    return f"{words} {below}".strip()


@functools.cache
def english_ordinal(number):
    """1 to 999: "twenty-third"."""
    return num2words(number, to="ordinal")


@functools.cache
def german_ordinal(number, ending="e"):
    """1 to 999 with an adjective's ending: "dreiundzwanzigste", "dreiundzwanzigsten"."""
    if number == 100:  # num2words drops the "ein" here and only here
        return f"einhundertst{ending}"
    return num2words(number, lang="de", to="ordinal").removesuffix("e") + ending


@functools.cache
def _names(language):
    months = get_month_names("wide", locale=language)
    days = get_day_names("wide", locale=language)
    return [months[i] for i in range(1, 13)], [days[i] for i in range(7)]


@functools.cache
def _year(year, language):
    return num2words(year, to="year", lang=language).replace("oh-", "oh ")


def english_date(date, weekday=False, year=True):
    """A date in words.

    >>> english_date(datetime.date(1905, 3, 3))
    'the third of March nineteen oh five'
    """
    months, days = _names("en")
    text = f"the {english_ordinal(date.day)} of {months[date.month - 1]}"
    if weekday:
        text = f"{days[date.weekday()]} {text}"
    return f"{text} {_year(date.year, 'en')}" if year else text


def german_date(date, case, weekday=False, year=True):
    """A date in words, after "am", "seit" and "bis zum" (dative) or as a subject (nominative).

    >>> german_date(datetime.date(1905, 3, 3), "dative")
    'dritten März neunzehnhundertfünf'
    >>> german_date(datetime.date(1905, 3, 3), "nominative", weekday=True)
    'Freitag, der dritte März neunzehnhundertfünf'
    """
    months, days = _names("de")
    ending, article = {"dative": ("en", "dem"), "nominative": ("e", "der")}[case]
    text = f"{german_ordinal(date.day, ending)} {months[date.month - 1]}"
    if weekday:
        text = f"{days[date.weekday()]}, {article} {text}"
    return f"{text} {_year(date.year, 'de')}" if year else text


def random_date(random):
    """A day from 1900-01-01 to 2099-12-31."""
    first = datetime.date(1900, 1, 1).toordinal()
    return datetime.date.fromordinal(first + random.randrange(73_049))


def clock_time(hour, minute, part=None):
    """The time on a twelve-hour clock, minutes in fives, as (English, German).

    >>> clock_time(3, 30), clock_time(12, 25)
    (('half past three', 'halb vier'), ('twenty-five past twelve', 'fünf vor halb eins'))
    """
    after = hour % 12 + 1
    if minute == 0:
        english, german = f"{english_number(hour)} o'clock", f"{german_number(hour, True)} Uhr"
    else:
        english, german, following = _PAST[minute]
        to = minute > 30
        english = f"{english} {english_number(after if to else hour)}"
        german = f"{german} {german_number(after if following else hour)}"
    if part is not None:
        english, german = f"{english} {part}", f"{german} {DAY_PARTS[part][0]}"
    return english, german


def _counted(number, english, english_plural, german, german_plural, gender, case):
    one = "einen" if (gender, case) == ("m", "accusative") else "ein"
    if number == 1:
        return f"one {english}", f"{one} {german}"
    return (
        f"{english_number(number)} {english_plural}",
        f"{german_number(number, attributive=True)} {german_plural}",
    )


def amount(currency, units, hundredths, case, short=False):
    """An amount of money as (English, German), "nominative" or "accusative".

    `short` omits the name of the hundredths.

    >>> amount("euro", 1, 50, "accusative")
    ('one euro and fifty cents', 'einen Euro und fünfzig Cent')
    >>> amount("euro", 3, 50, "nominative", short=True)
    ('three euros fifty', 'drei Euro fünfzig')
    """
    english_plural, german, german_plural, gender, part = CURRENCIES[currency]
    english_text, german_text = _counted(
        units, currency, english_plural, german, german_plural, gender, case
    )
    if hundredths and part is not None and short:
        english_text = f"{english_text} {english_number(hundredths)}"
        german_text = f"{german_text} {german_number(hundredths)}"
    elif hundredths and part is not None:
        english_part, german_part = _counted(hundredths, *part, case)
        english_text, german_text = (
            f"{english_text} and {english_part}",
            f"{german_text} und {german_part}",
        )
    return english_text, german_text
