import hashlib
import re
import time

import pytest

from keras_attention.text import phrase_corpus
from keras_attention.text.phrase_corpus import (
    HELD_OUT_COMBINATIONS,
    HELD_OUT_WORDS,
    SPLITS,
    space_size,
)
from tests.text.pure_process import run_without_tensorflow

SIZE = 20_000
# Judged by a reader of German, sentence by sentence.
BY_HAND = {
    "forty-seven": "siebenundvierzig",
    "four hundred and fourteen": "vierhundertvierzehn",
    "sixty-seven thousand and fifty-three": "siebenundsechzigtausenddreiundfünfzig",
    "ten past six": "zehn nach sechs",
    "five to three": "fünf vor drei",
    "twenty-five to twelve": "fünf nach halb zwölf",
    "the sixth of January nineteen twenty-nine": "der sechste Januar neunzehnhundertneunundzwanzig",
    "Monday the twenty-seventh of August nineteen twenty-eight": (
        "Montag, der siebenundzwanzigste August neunzehnhundertachtundzwanzig"
    ),
    "thirty-four francs and eighty centimes": "vierunddreißig Franken und achtzig Rappen",
    "The answer is zero.": "Die Antwort ist null.",
    "The answer is five hundred and eleven.": "Die Antwort ist fünfhundertelf.",
    "I think that the number two is right.": "Ich glaube, dass die Zahl zwei richtig ist.",
    "I have counted eleven players.": "Ich habe elf Spieler gezählt.",
    "I have counted fifty-seven thousand two hundred and thirty-one people.": (
        "Ich habe siebenundfünfzigtausendzweihunderteinunddreißig Personen gezählt."
    ),
    "There are two guests in the hall.": "In der Halle sind zwei Gäste.",
    "There are sixteen children in the hall.": "In der Halle sind sechzehn Kinder.",
    "She lives on the third floor.": "Sie wohnt im dritten Stock.",
    "She lives on the thirty-ninth floor.": "Sie wohnt im neununddreißigsten Stock.",
    "This is the second song.": "Das ist das zweite Lied.",
    "This is the sixty-first guest.": "Das ist der einundsechzigste Gast.",
    "This is the two hundred and eighth letter.": "Das ist der zweihundertachte Brief.",
    "This is the six hundred and sixtieth page.": "Das ist die sechshundertsechzigste Seite.",
    "We have already seen the five hundred and fifty-ninth guest.": (
        "Wir haben den fünfhundertneunundfünfzigsten Gast schon gesehen."
    ),
    "We have already seen the three hundred and fortieth page.": (
        "Wir haben die dreihundertvierzigste Seite schon gesehen."
    ),
    "The bag costs eight euros.": "Die Tasche kostet acht Euro.",
    "The coat costs four euros and thirty-eight cents.": (
        "Der Mantel kostet vier Euro und achtunddreißig Cent."
    ),
    "She paid three yen for the ticket.": "Sie hat drei Yen für die Karte bezahlt.",
    "She paid three yen for the coat.": "Sie hat drei Yen für den Mantel bezahlt.",
    "He still owes me one dollar.": "Er schuldet mir noch einen Dollar.",
    "He still owes me ninety-seven euros.": "Er schuldet mir noch siebenundneunzig Euro.",
    "The plane leaves at three o'clock in the afternoon.": (
        "Das Flugzeug fliegt um drei Uhr nachmittags ab."
    ),
    "The bus leaves at quarter past six in the evening.": (
        "Der Bus fährt um Viertel nach sechs abends ab."
    ),
    "If the plane arrives at twenty to nine in the morning, we will be late.": (
        "Wenn das Flugzeug um zwanzig vor neun morgens ankommt, sind wir zu spät."
    ),
    "It is half past three.": "Es ist halb vier.",
    "The lesson is on the twenty-third of July.": "Der Unterricht ist am dreiundzwanzigsten Juli.",
    "The wedding is on Wednesday the fifteenth of May twenty thirty.": (
        "Die Hochzeit ist am Mittwoch, dem fünfzehnten Mai zweitausenddreißig."
    ),
    "She was born on the fourteenth of January.": "Sie wurde am vierzehnten Januar geboren.",
    "She was born on Tuesday the ninth of June nineteen sixty-four.": (
        "Sie wurde am Dienstag, dem neunten Juni neunzehnhundertvierundsechzig, geboren."
    ),
    "Today is the twentieth of August.": "Heute ist der zwanzigste August.",
    "Today is Saturday the sixth of May twenty forty-five.": (
        "Heute ist Samstag, der sechste Mai zweitausendfünfundvierzig."
    ),
    "The shop is closed until Thursday the twenty-seventh of May.": (
        "Der Laden ist bis zum Donnerstag, dem siebenundzwanzigsten Mai, geschlossen."
    ),
    "The exam begins on the twenty-sixth of November at five to nine in the evening.": (
        "Die Prüfung fängt am sechsundzwanzigsten November um fünf vor neun abends an."
    ),
}


class Script:
    """A `random.Random` that takes every choice once, so that one sentence can be asked for."""


@pytest.fixture(scope="module")
def parts():
    return {split: phrase_corpus(SIZE if split == "train" else 3000, 0, split) for split in SPLITS}


def patterns(sentence):
    """The sentence with the words that vary left out."""
    return re.sub(r"[^ ]*(one|two|three)[^ ]*", "#", sentence)


def test_pairs_by_hand():
    assert len(BY_HAND) >= 40
    found, seed = {}, 0
    while len(found) < len(BY_HAND) and seed < 12:
        for split in SPLITS:
            size = 100_000 if split == "train" else 4000
            pairs = zip(*phrase_corpus(size, seed, split), strict=True)
            found.update((source, target) for source, target in pairs if source in BY_HAND)
        seed += 1
    assert found == {source: BY_HAND[source] for source in found}
    print(sorted(set(BY_HAND)-set(found)), seed)
