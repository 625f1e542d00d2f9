"""The sentences of the built-in corpus: templates for a noun and a number, date, time or amount.

`draw(random)` gives (English, German, combination). The combination is the name of the template and
its noun. It is None if the template has no noun.
"""

import dataclasses
from collections.abc import Callable

from keras_attention.text.corpora import spoken_forms as spoken

# English noun, and the German one with its article: nominative, accusative.
GOODS = (
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
)
EVENTS = (
    ("meeting", "das Treffen", "das Treffen"),
    ("concert", "das Konzert", "das Konzert"),
    ("wedding", "die Hochzeit", "die Hochzeit"),
    ("exam", "die Prüfung", "die Prüfung"),
    ("market", "der Markt", "den Markt"),
    ("lesson", "der Unterricht", "den Unterricht"),
    ("party", "das Fest", "das Fest"),
    ("lecture", "der Vortrag", "den Vortrag"),
)
RIDES = (
    ("train", "der Zug", "den Zug"),
    ("bus", "der Bus", "den Bus"),
    ("ferry", "die Fähre", "die Fähre"),
    ("tram", "die Bahn", "die Bahn"),
    ("ship", "das Schiff", "das Schiff"),
    ("taxi", "das Taxi", "das Taxi"),
)
PEOPLE = (
    ("people", "Personen", "Personen"),
    ("children", "Kinder", "Kinder"),
    ("guests", "Gäste", "Gäste"),
    ("players", "Spieler", "Spieler"),
    ("tourists", "Touristen", "Touristen"),
    ("students", "Studenten", "Studenten"),
)
# Here the article stands before the ordinal: English noun, German noun, the two articles.
RANKED = (
    ("page", "Seite", "die", "die"),
    ("letter", "Brief", "der", "den"),
    ("house", "Haus", "das", "das"),
    ("song", "Lied", "das", "das"),
    ("question", "Frage", "die", "die"),
    ("chapter", "Kapitel", "das", "das"),
    ("film", "Film", "der", "den"),
    ("room", "Raum", "der", "den"),
)


def number(rng):
    """A number of one to nine digits, all magnitudes equally likely."""
    digits = rng.randint(1, 9)
    value = rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)
    return spoken.english_number(value), spoken.german_number(value)


def count(rng):
    """A number from 2 to 99,999 that does not end in "one", which would need the noun's gender."""
    digits = rng.randint(1, 5)
    value = max(2, rng.randrange(10 ** (digits - 1), 10**digits))
    value += value % 100 == 1
    return spoken.english_number(value), spoken.german_number(value)


def time(rng):
    """A time on the clock, sometimes with the part of the day."""
    part = rng.choice([None, None, *spoken.DAY_PARTS])
    hours = spoken.DAY_PARTS[part][1] if part else range(1, 13)
    return spoken.clock_time(rng.choice(hours), 5 * rng.randrange(12), part)


def date(rng, case, inside=False):
    """A date. `inside` a German sentence, a comma follows a date with a weekday."""
    day, weekday, year = spoken.random_date(rng), rng.random() < 0.4, rng.random() < 0.7
    english = spoken.english_date(day, weekday, year)
    german = spoken.german_date(day, case, weekday, year)
    return english, f"{german}," if weekday and inside else german


def last_date(rng):
    """A date in the dative at the end of a sentence."""
    return date(rng, "dative")


def inner_date(rng):
    """A date in the dative within a sentence."""
    return date(rng, "dative", inside=True)


def subject_date(rng):
    """A date in the nominative, with its article."""
    english, german = date(rng, "nominative")
    return english, german if german[0].isupper() else f"der {german}"


def date_and_time(rng):
    """A date and a time, within a sentence."""
    (day, tag), (hour, uhr) = inner_date(rng), time(rng)
    return f"{day} at {hour}", f"{tag} um {uhr}"


def amount(rng, case="accusative"):
    """An amount of money."""
    units = rng.randrange(1, 10 ** rng.randint(1, 5))
    hundredths = rng.choice([0, rng.randrange(1, 100)])
    short = hundredths > 9 and rng.random() < 0.5  # nobody says "three euros five"
    return spoken.amount(rng.choice(sorted(spoken.CURRENCIES)), units, hundredths, case, short)


def subject_amount(rng):
    """An amount of money in the nominative."""
    return amount(rng, "nominative")


def floor(rng):
    """An ordinal in the dative."""
    value = rng.randint(1, 99)
    return spoken.english_ordinal(value), spoken.german_ordinal(value, "en")


def rank(rng):
    """An ordinal without its German ending, which depends on the noun's gender and case."""
    value = rng.randint(1, 999)
    return spoken.english_ordinal(value), spoken.german_ordinal(value, "")


@dataclasses.dataclass(frozen=True)
class Template:
    """A sentence pair with slots: {noun} and {x} in English; {nom}, {acc} and {x} in German."""

    name: str
    english: str
    german: str
    fill: Callable
    nouns: tuple = ()
    weight: int = 2

    def draw(self, rng):
        """(English, German, combination)."""
        english, german = self.fill(rng)
        if not self.nouns:
            return self.english.format(x=english), self.german.format(x=german), None
        noun, *forms = rng.choice(self.nouns)
        if self.fill is rank:
            german_noun, nominative, accusative = forms
            ending = "en" if accusative == "den" else "e"
            forms = (
                f"{nominative} {german}e {german_noun}",
                f"{accusative} {german}{ending} {german_noun}",
            )
        text = self.german.format(nom=forms[0], acc=forms[1], x=german)
        pair = self.english.format(noun=noun, x=english), text[0].upper() + text[1:]
        return *pair, (self.name, noun)


TEMPLATES = (
    Template("number", "{x}", "{x}", number, weight=3),
    Template("amount", "{x}", "{x}", subject_amount),
    Template("time", "{x}", "{x}", time, weight=1),
    Template("date", "{x}", "{x}", subject_date),
    Template("answer", "The answer is {x}.", "Die Antwort ist {x}.", number),
    Template(
        "think",
        "I think that the number {x} is right.",
        "Ich glaube, dass die Zahl {x} richtig ist.",
        number,
    ),
    Template("count", "I have counted {x} {noun}.", "Ich habe {x} {nom} gezählt.", count, PEOPLE),
    Template(
        "hall", "There are {x} {noun} in the hall.", "In der Halle sind {x} {nom}.", count, PEOPLE
    ),
    Template("expect", "We are expecting {x} {noun}.", "Wir erwarten {x} {nom}.", count, PEOPLE),
    Template(
        "invite", "They have invited {x} {noun}.", "Sie haben {x} {nom} eingeladen.", count, PEOPLE
    ),
    Template("floor", "She lives on the {x} floor.", "Sie wohnt im {x} Stock.", floor, weight=1),
    Template("this", "This is the {x} {noun}.", "Das ist {nom}.", rank, RANKED),
    Template(
        "seen",
        "We have already seen the {x} {noun}.",
        "Wir haben {acc} schon gesehen.",
        rank,
        RANKED,
    ),
    Template("like", "I like the {x} {noun}.", "Mir gefällt {nom}.", rank, RANKED),
    Template("seek", "He is looking for the {x} {noun}.", "Er sucht {acc}.", rank, RANKED),
    Template("price", "The {noun} costs {x}.", "{nom} kostet {x}.", amount, GOODS),
    Template(
        "paid", "She paid {x} for the {noun}.", "Sie hat {x} für {acc} bezahlt.", amount, GOODS
    ),
    Template(
        "buy", "I bought the {noun} for {x}.", "Ich habe {acc} für {x} gekauft.", amount, GOODS
    ),
    Template(
        "sell",
        "He wants to sell the {noun} for {x}.",
        "Er möchte {acc} für {x} verkaufen.",
        amount,
        GOODS,
    ),
    Template("owe", "He still owes me {x}.", "Er schuldet mir noch {x}.", amount),
    Template("leave", "The {noun} leaves at {x}.", "{nom} fährt um {x} ab.", time, RIDES),
    Template("take", "We will take the {noun} at {x}.", "Wir nehmen {acc} um {x}.", time, RIDES),
    Template(
        "miss", "She missed the {noun} at {x}.", "Sie hat {acc} um {x} verpasst.", time, RIDES
    ),
    Template(
        "arrive",
        "If the {noun} arrives at {x}, we will be late.",
        "Wenn {nom} um {x} ankommt, sind wir zu spät.",
        time,
        RIDES,
    ),
    Template("now", "It is {x}.", "Es ist {x}.", time, weight=1),
    Template("on", "The {noun} is on {x}.", "{nom} ist am {x}.", last_date, EVENTS),
    Template("end", "The {noun} ends at {x}.", "{nom} endet um {x}.", time, EVENTS, weight=1),
    Template("begin", "The {noun} begins on {x}.", "{nom} fängt am {x} an.", date_and_time, EVENTS),
    Template("born", "She was born on {x}.", "Sie wurde am {x} geboren.", inner_date),
    Template("today", "Today is {x}.", "Heute ist {x}.", subject_date),
    Template(
        "until",
        "The shop is closed until {x}.",
        "Der Laden ist bis zum {x} geschlossen.",
        inner_date,
    ),
)
_DRAWS = [template for template in TEMPLATES for _ in range(template.weight)]


def draw(rng):
    """A pair of sentences: (English, German, combination)."""
    return rng.choice(_DRAWS).draw(rng)
