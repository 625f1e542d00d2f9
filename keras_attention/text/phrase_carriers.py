"""The sentences of the built-in corpus, each a function of a random number generator.

A carrier takes a `random.Random` and returns (English, German, combination). The combination names
the carrier and its noun, or is None.
"""

from keras_attention.text import spoken_forms as spoken

# English noun, and the German one with its article: nominative, accusative.
_GOODS = [
    ("book", "das Buch", "das Buch"),
    ("coat", "der Mantel", "den Mantel"),
    ("lamp", "die Lampe", "die Lampe"),
    ("table", "der Tisch", "den Tisch"),
    ("clock", "die Uhr", "die Uhr"),
    ("bicycle", "das Fahrrad", "das Fahrrad"),
    ("ticket", "die Karte", "die Karte"),
    ("cheese", "der Käse", "den Käse"),
    ("picture", "das Bild", "das Bild"),
    ("bag", "die Tasche", "die Tasche"),
]
EVENTS = [
    ("meeting", "das Treffen"),
    ("concert", "das Konzert"),
    ("wedding", "die Hochzeit"),
    ("exam", "die Prüfung"),
    ("market", "der Markt"),
    ("lesson", "der Unterricht"),
]
_RIDES = [
    ("train", "der Zug"),
    ("bus", "der Bus"),
    ("ferry", "die Fähre"),
    ("plane", "das Flugzeug"),
]
_PEOPLE = [
    ("people", "Personen"),
    ("children", "Kinder"),
    ("guests", "Gäste"),
    ("players", "Spieler"),
]
# English noun, German article and noun, the article's accusative and the ordinal's ending with it.
_RANKED = [
    ("guest", "der", "Gast", "den", "en"),
    ("page", "die", "Seite", "die", "e"),
    ("letter", "der", "Brief", "den", "en"),
    ("house", "das", "Haus", "das", "e"),
    ("song", "das", "Lied", "das", "e"),
    ("question", "die", "Frage", "die", "e"),
]


def _upper(text):
    return text[0].upper() + text[1:]


def _number(rng):
    """All magnitudes from one to nine digits are equally likely."""
    digits = rng.randint(1, 9)
    return rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def _small_number(rng):
    """2 to 99,999, none of which ends in "one", which would need the noun's gender."""
    digits = rng.randint(1, 5)
    number = max(2, rng.randrange(10 ** (digits - 1), 10**digits))
    return number + 1 if number % 100 == 1 else number


def _time(rng):
    part = rng.choice([None, None, *spoken.DAY_PARTS])
    hours = spoken.DAY_PARTS[part][1] if part else range(1, 13)
    return spoken.clock_time(rng.choice(hours), 5 * rng.randrange(12), part)


def _date(rng, case, inside=False):
    """`inside` a German sentence a comma ends the apposition that follows a weekday."""
    date, weekday, year = spoken.random_date(rng), rng.random() < 0.4, rng.random() < 0.7
    english = spoken.english_date(date, weekday, year)
    german = spoken.german_date(date, case, weekday, year)
    return english, f"{german}," if weekday and inside else german


def _amount(rng, case):
    units = rng.randrange(1, 10 ** rng.randint(1, 5))
    hundredths = rng.choice([0, rng.randrange(1, 100)])
    short = hundredths > 9 and rng.random() < 0.5  # nobody says "three euros five"
    return spoken.amount(rng.choice(sorted(spoken.CURRENCIES)), units, hundredths, case, short)


def _bare(rng):
    kind = rng.randrange(4)
    if kind == 0:
        number = _number(rng)
        return spoken.english_number(number), spoken.german_number(number), None
    if kind == 1:
        return *_amount(rng, "nominative"), None
    if kind == 2:
        return *_time(rng), None
    english, german = _date(rng, "nominative")
    return english, german if german[0].isupper() else f"der {german}", None


def _answer(rng):
    number = _number(rng)
    return (
        f"The answer is {spoken.english_number(number)}.",
        f"Die Antwort ist {spoken.german_number(number)}.",
        None,
    )


def _think(rng):
    number = _number(rng)
    return (
        f"I think that the number {spoken.english_number(number)} is right.",
        f"Ich glaube, dass die Zahl {spoken.german_number(number)} richtig ist.",
        None,
    )


def _counted(rng):
    (english, german), number = rng.choice(_PEOPLE), _small_number(rng)
    return (
        f"I have counted {spoken.english_number(number)} {english}.",
        f"Ich habe {spoken.german_number(number)} {german} gezählt.",
        ("counted", english),
    )


def _there_are(rng):
    (english, german), number = rng.choice(_PEOPLE), _small_number(rng)
    return (
        f"There are {spoken.english_number(number)} {english} in the hall.",
        f"In der Halle sind {spoken.german_number(number)} {german}.",
        ("hall", english),
    )


def _floor(rng):
    number = rng.randint(1, 99)
    return (
        f"She lives on the {spoken.english_ordinal(number)} floor.",
        f"Sie wohnt im {spoken.german_ordinal(number, 'en')} Stock.",
        None,
    )


def _this_is_the(rng):
    english, article, german, _, _ = rng.choice(_RANKED)
    number = rng.randint(1, 999)
    return (
        f"This is the {spoken.english_ordinal(number)} {english}.",
        f"Das ist {article} {spoken.german_ordinal(number)} {german}.",
        ("rank", english),
    )


def _read(rng):
    english, _, german, article, ending = rng.choice(_RANKED)
    number = rng.randint(1, 999)
    return (
        f"We have already seen the {spoken.english_ordinal(number)} {english}.",
        f"Wir haben {article} {spoken.german_ordinal(number, ending)} {german} schon gesehen.",
        ("read", english),
    )


def _price(rng):
    (english, german, _), (money, geld) = rng.choice(_GOODS), _amount(rng, "accusative")
    return f"The {english} costs {money}.", f"{_upper(german)} kostet {geld}.", ("price", english)


def _paid(rng):
    (english, _, german), (money, geld) = rng.choice(_GOODS), _amount(rng, "accusative")
    return (
        f"She paid {money} for the {english}.",
        f"Sie hat {geld} für {german} bezahlt.",
        ("paid", english),
    )


def _owes(rng):
    money, geld = _amount(rng, "accusative")
    return f"He still owes me {money}.", f"Er schuldet mir noch {geld}.", None


def _leaves(rng):
    (english, german), (time, zeit) = rng.choice(_RIDES), _time(rng)
    return (
        f"The {english} leaves at {time}.",
        f"{_upper(german)} fährt um {zeit} ab."
        if english != "plane"
        else f"{_upper(german)} fliegt um {zeit} ab.",
        ("leaves", english),
    )


def _if_arrives(rng):
    (english, german), (time, zeit) = rng.choice(_RIDES), _time(rng)
    return (
        f"If the {english} arrives at {time}, we will be late.",
        f"Wenn {german} um {zeit} ankommt, sind wir zu spät.",
        ("arrives", english),
    )


def _it_is(rng):
    time, zeit = _time(rng)
    return f"It is {time}.", f"Es ist {zeit}.", None


def _starts(rng):
    (english, german), (date, datum) = rng.choice(EVENTS), _date(rng, "dative")
    return f"The {english} is on {date}.", f"{_upper(german)} ist am {datum}.", ("starts", english)


def _born(rng):
    date, datum = _date(rng, "dative", inside=True)
    return f"She was born on {date}.", f"Sie wurde am {datum} geboren.", None


def _today(rng):
    date, datum = _date(rng, "nominative")
    article = "" if datum[0].isupper() else "der "
    return f"Today is {date}.", f"Heute ist {article}{datum}.", None


def _until(rng):
    date, datum = _date(rng, "dative", inside=True)
    return (
        f"The shop is closed until {date}.",
        f"Der Laden ist bis zum {datum} geschlossen.",
        None,
    )


def _date_and_time(rng):
    (english, german), (time, zeit) = rng.choice(EVENTS), _time(rng)
    date, datum = _date(rng, "dative", inside=True)
    return (
        f"The {english} begins on {date} at {time}.",
        f"{_upper(german)} fängt am {datum} um {zeit} an.",
        ("begins", english),
    )


CARRIERS = (
    _bare,
    _answer,
    _think,
    _counted,
    _there_are,
    _floor,
    _this_is_the,
    _read,
    _price,
    _paid,
    _owes,
    _leaves,
    _if_arrives,
    _it_is,
    _starts,
    _born,
    _today,
    _until,
    _date_and_time,
)
# Bare phrases, of four kinds, are drawn more often; phrases with few fillings less.
DRAWS = [c for c in CARRIERS for _ in range({_bare: 6, _floor: 1, _it_is: 1}.get(c, 3))]
