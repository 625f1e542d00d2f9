import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.text.corpora import spoken_forms as spoken

# Written out by hand, so that the words are checked against German and not against num2words.
UNITS = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()
TEENS = "dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
ENGLISH_UNITS = "zero one two three four five six seven eight nine ten eleven twelve".split()
ENGLISH_TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def german_below_thousand(number):
    if number >= 100:
        hundreds = "ein" if number < 200 else UNITS[number // 100]
        return f"{hundreds}hundert" + (german_below_thousand(number % 100) if number % 100 else "")
    if number < 20:
        return (UNITS + TEENS)[number]
    unit = {0: "", 1: "einund"}.get(number % 10, f"{UNITS[number % 10]}und")
    return unit + TENS[number // 10 - 2]


def english_value(words):
    """The number that English words stand for."""
    total = value = 0
    for word in re.split(r"[ -]", words):
        if word == "and":
            continue
        if word in ENGLISH_UNITS + ENGLISH_TEENS:
            value += (ENGLISH_UNITS + ENGLISH_TEENS).index(word)
        elif word in ENGLISH_TENS:
            value += 10 * ENGLISH_TENS.index(word) + 20
        elif word == "hundred":
            value *= 100
        else:
            total, value = total + value * {"thousand": 1000, "million": 10**6}[word], 0
    return total + value


def german_value(words):
    """The number that German words stand for."""
    small = {german_below_thousand(number): number for number in range(1000)}
    small |= {"ein": 1, "eine": 1, "": 0}
    small |= {w.removesuffix("s"): n for w, n in list(small.items()) if w.endswith("eins")}
    small |= {f"{w.removesuffix('s')}e": n for w, n in list(small.items()) if w.endswith("eins")}
    millions, rest = 0, words
    if "Million" in words:
        count, rest = re.fullmatch(r"(\w+) Million(?:en)? ?(\w*)", words).groups()
        millions = small[count]
    thousands = 0
    if "tausend" in rest:
        count, rest = rest.split("tausend")
        thousands = small[count]
    return millions * 10**6 + thousands * 1000 + small[rest]


def test_every_number_below_a_thousand():
    for number in range(1000):
        assert spoken.german_number(number) == german_below_thousand(number)
        assert english_value(spoken.english_number(number)) == number


@given(st.integers(0, 999_999_999))
def test_a_number_can_be_read_back_in_both_languages(number):
    assert english_value(spoken.english_number(number)) == number
    assert german_value(spoken.german_number(number)) == number
    assert not re.search(r"\d", spoken.english_number(number) + spoken.german_number(number))


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [
        (101, "one hundred and one", "einhunderteins"),
        (302, "three hundred and two", "dreihundertzwei"),
        (1_000, "one thousand", "eintausend"),
        (1_001, "one thousand and one", "eintausendeins"),
        (1_100, "one thousand one hundred", "eintausendeinhundert"),
        (21_000, "twenty-one thousand", "einundzwanzigtausend"),
        (101_000, "one hundred and one thousand", "einhunderteintausend"),
        (1_000_000, "one million", "eine Million"),
        (1_000_001, "one million and one", "eine Million eins"),
        (2_000_000, "two million", "zwei Millionen"),
        (21_000_000, "twenty-one million", "einundzwanzig Millionen"),
        (101_000_000, "one hundred and one million", "einhunderteine Millionen"),
        (
            999_999_999,
            "nine hundred and ninety-nine million nine hundred and ninety-nine thousand "
            "nine hundred and ninety-nine",
            "neunhundertneunundneunzig Millionen neunhundertneunundneunzigtausend"
            "neunhundertneunundneunzig",
        ),
    ],
)
def test_numbers_by_hand(number, english, german):
    assert (spoken.english_number(number), spoken.german_number(number)) == (english, german)


def test_a_number_before_a_noun_loses_its_s():
    assert spoken.german_number(1, attributive=True) == "ein"
    assert spoken.german_number(101, attributive=True) == "einhundertein"
    assert spoken.german_number(2, attributive=True) == "zwei"


def test_every_german_ordinal():
    irregular = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}
    for number in range(1, 1000):
        rest = number % 100
        stem = german_below_thousand(number - rest) if number > rest else ""
        if rest in irregular:
            expected = stem + irregular[rest]
        else:
            expected = german_below_thousand(number) + ("te" if 0 < rest < 20 else "ste")
        assert spoken.german_ordinal(number) == expected
    assert spoken.german_ordinal(23, "en") == "dreiundzwanzigsten"


@pytest.mark.parametrize(
    ("number", "english"),
    [(1, "first"), (2, "second"), (5, "fifth"), (8, "eighth"), (9, "ninth"), (12, "twelfth")]
    + [(20, "twentieth"), (23, "twenty-third"), (100, "one hundredth")]
    + [(101, "one hundred and first"), (345, "three hundred and forty-fifth")],
)
def test_english_ordinals(number, english):
    assert spoken.english_ordinal(number) == english


@pytest.mark.parametrize(
    ("year", "english", "german"),
    [
        (1900, "nineteen hundred", "neunzehnhundert"),
        (1905, "nineteen oh five", "neunzehnhundertfünf"),
        (1999, "nineteen ninety-nine", "neunzehnhundertneunundneunzig"),
        (2000, "two thousand", "zweitausend"),
        (2004, "two thousand and four", "zweitausendvier"),
        (2010, "twenty ten", "zweitausendzehn"),
        (2099, "twenty ninety-nine", "zweitausendneunundneunzig"),
    ],
)
def test_years(year, english, german):
    date = datetime.date(year, 3, 3)
    assert spoken.english_date(date) == f"the third of March {english}"
    assert spoken.german_date(date, "dative") == f"dritten März {german}"


def test_every_german_year():
    for year in range(1900, 2100):
        century, rest = (
            ("neunzehnhundert", year - 1900) if year < 2000 else ("zweitausend", year - 2000)
        )
        words = century + (german_below_thousand(rest) if rest else "")
        assert spoken.german_date(datetime.date(year, 1, 1), "dative") == f"ersten Januar {words}"


def test_a_weekday_agrees_with_the_date_in_case():
    date = datetime.date(1905, 3, 3)
    assert spoken.english_date(date, weekday=True, year=False) == "Friday the third of March"
    assert spoken.german_date(date, "dative", True, False) == "Freitag, dem dritten März"
    assert spoken.german_date(date, "nominative", True, False) == "Freitag, der dritte März"


@pytest.mark.parametrize(
    ("hour", "minute", "part", "english", "german"),
    [
        (1, 0, None, "one o'clock", "ein Uhr"),
        (3, 30, None, "half past three", "halb vier"),
        (12, 30, None, "half past twelve", "halb eins"),
        (12, 25, None, "twenty-five past twelve", "fünf vor halb eins"),
        (12, 45, None, "quarter to one", "Viertel vor eins"),
        (6, 35, None, "twenty-five to seven", "fünf nach halb sieben"),
        (6, 15, "in the morning", "quarter past six in the morning", "Viertel nach sechs morgens"),
        (10, 55, "in the evening", "five to eleven in the evening", "fünf vor elf abends"),
    ],
)
def test_clock_times(hour, minute, part, english, german):
    assert spoken.clock_time(hour, minute, part) == (english, german)


@pytest.mark.parametrize(
    ("arguments", "english", "german"),
    [
        (("euro", 1, 50, "nominative"), "one euro and fifty cents", "ein Euro und fünfzig Cent"),
        (("euro", 1, 1, "accusative"), "one euro and one cent", "einen Euro und einen Cent"),
        (("pound", 1, 2, "accusative"), "one pound and two pence", "ein Pfund und zwei Pence"),
        (
            ("franc", 2, 1, "accusative"),
            "two francs and one centime",
            "zwei Franken und einen Rappen",
        ),
        (("dollar", 101, 0, "accusative"), "one hundred and one dollars", "einhundertein Dollar"),
        (("yen", 7, 30, "accusative"), "seven yen", "sieben Yen"),
        (("euro", 3, 50, "accusative", True), "three euros fifty", "drei Euro fünfzig"),
    ],
)
def test_amounts(arguments, english, german):
    assert spoken.amount(*arguments) == (english, german)
