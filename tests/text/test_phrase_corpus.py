import hashlib
import string
import time

import pytest

from keras_attention.text import phrase_corpus
from keras_attention.text import spoken_forms as spoken
from keras_attention.text.phrase_corpus import (
    HELD_OUT_COMBINATIONS,
    HELD_OUT_WORDS,
    space_size,
)
from tests.text.pure_process import run_without_tensorflow

# Judged by a reader of German, sentence by sentence.
BY_HAND = {
    "I have counted seven people.": "Ich habe sieben Personen gezählt.",
    "If the tram arrives at eight o'clock in the evening, we will be late.": (
        "Wenn die Bahn um acht Uhr abends ankommt, sind wir zu spät."
    ),
    "She was born on the eighth of December twenty fifty-six.": (
        "Sie wurde am achten Dezember zweitausendsechsundfünfzig geboren."
    ),
    "We have already seen the five hundred and ninety-eighth song.": (
        "Wir haben das fünfhundertachtundneunzigste Lied schon gesehen."
    ),
    "I like the four hundred and fiftieth house.": "Mir gefällt das vierhundertfünfzigste Haus.",
    "He is looking for the four hundred and sixth question.": (
        "Er sucht die vierhundertsechste Frage."
    ),
    "one hundred and seventy euros twenty-six": "einhundertsiebzig Euro sechsundzwanzig",
    "The lesson is on the fifteenth of February twenty ten.": (
        "Der Unterricht ist am fünfzehnten Februar zweitausendzehn."
    ),
    "I like the fifty-seventh letter.": "Mir gefällt der siebenundfünfzigste Brief.",
    "This is the five hundred and ninth house.": "Das ist das fünfhundertneunte Haus.",
    "The train leaves at ten to nine in the evening.": "Der Zug fährt um zehn vor neun abends ab.",
    "This is the eight hundred and thirty-seventh song.": (
        "Das ist das achthundertsiebenunddreißigste Lied."
    ),
    "She missed the bus at quarter to one at night.": (
        "Sie hat den Bus um Viertel vor eins nachts verpasst."
    ),
    "He is looking for the seven hundred and eighty-fifth letter.": (
        "Er sucht den siebenhundertfünfundachtzigsten Brief."
    ),
    "The wedding is on the fifth of June.": "Die Hochzeit ist am fünften Juni.",
    "seven thousand eight hundred and eighty-two francs": (
        "siebentausendachthundertzweiundachtzig Franken"
    ),
    "If the bus arrives at twenty-five past seven in the morning, we will be late.": (
        "Wenn der Bus um fünf vor halb acht morgens ankommt, sind wir zu spät."
    ),
    "We will take the bus at half past four.": "Wir nehmen den Bus um halb fünf.",
    "fifty-three": "dreiundfünfzig",
    "We have already seen the six hundred and fifteenth page.": (
        "Wir haben die sechshundertfünfzehnte Seite schon gesehen."
    ),
    "She paid three pounds and seventy-five pence for the clock.": (
        "Sie hat drei Pfund und fünfundsiebzig Pence für die Uhr bezahlt."
    ),
    "The clock costs forty-two thousand four hundred and thirty-four francs forty.": (
        "Die Uhr kostet zweiundvierzigtausendvierhundertvierunddreißig Franken vierzig."
    ),
    "They have invited thirteen guests.": "Sie haben dreizehn Gäste eingeladen.",
    "the ninth of July twenty thirty": "der neunte Juli zweitausenddreißig",
    "They have invited five thousand six hundred and eighty guests.": (
        "Sie haben fünftausendsechshundertachtzig Gäste eingeladen."
    ),
    "the twenty-sixth of October nineteen seventy": (
        "der sechsundzwanzigste Oktober neunzehnhundertsiebzig"
    ),
    "six": "sechs",
    "It is twenty-five to nine.": "Es ist fünf nach halb neun.",
    "The exam ends at twenty past eleven at night.": (
        "Die Prüfung endet um zwanzig nach elf nachts."
    ),
    "He still owes me fifty-seven thousand four hundred and seventy-seven dollars.": (
        "Er schuldet mir noch siebenundfünfzigtausendvierhundertsiebenundsiebzig Dollar."
    ),
    "thirty": "dreißig",
    "ninety-three thousand nine hundred and forty-seven francs twenty-five": (
        "dreiundneunzigtausendneunhundertsiebenundvierzig Franken fünfundzwanzig"
    ),
    "He wants to sell the coat for four pounds.": "Er möchte den Mantel für vier Pfund verkaufen.",
    "I think that the number two is right.": "Ich glaube, dass die Zahl zwei richtig ist.",
    "The answer is ninety-one thousand eight hundred and thirty-eight.": (
        "Die Antwort ist einundneunzigtausendachthundertachtunddreißig."
    ),
    "We are expecting sixty-seven thousand and fifty-nine people.": (
        "Wir erwarten siebenundsechzigtausendneunundfünfzig Personen."
    ),
    "We are expecting one thousand nine hundred and ninety-five children.": (
        "Wir erwarten eintausendneunhundertfünfundneunzig Kinder."
    ),
    "The bag costs eight francs and seventy-two centimes.": (
        "Die Tasche kostet acht Franken und zweiundsiebzig Rappen."
    ),
    "She was born on the fourteenth of February.": "Sie wurde am vierzehnten Februar geboren.",
    "The shop is closed until Monday the twenty-sixth of December.": (
        "Der Laden ist bis zum Montag, dem sechsundzwanzigsten Dezember, geschlossen."
    ),
    "She lives on the thirty-third floor.": "Sie wohnt im dreiunddreißigsten Stock.",
    "The tram leaves at twenty-five to twelve.": "Die Bahn fährt um fünf nach halb zwölf ab.",
    "It is half past eleven at night.": "Es ist halb zwölf nachts.",
    "The lesson begins on Saturday the twenty-eighth of March at five past one.": (
        "Der Unterricht fängt am Samstag, dem achtundzwanzigsten März, um fünf nach eins an."
    ),
    "The wedding ends at five to eleven.": "Die Hochzeit endet um fünf vor elf.",
    "The shop is closed until the twenty-seventh of February nineteen thirty.": (
        "Der Laden ist bis zum siebenundzwanzigsten Februar neunzehnhundertdreißig geschlossen."
    ),
    "I have counted four hundred and eighty-three people.": (
        "Ich habe vierhundertdreiundachtzig Personen gezählt."
    ),
    "There are two thousand and seventy-eight people in the hall.": (
        "In der Halle sind zweitausendachtundsiebzig Personen."
    ),
    "I think that the number five is right.": "Ich glaube, dass die Zahl fünf richtig ist.",
    "She lives on the forty-second floor.": "Sie wohnt im zweiundvierzigsten Stock.",
    "He wants to sell the coat for sixty-nine francs.": (
        "Er möchte den Mantel für neunundsechzig Franken verkaufen."
    ),
    "We will take the bus at quarter to seven.": "Wir nehmen den Bus um Viertel vor sieben.",
    "She missed the bus at half past ten.": "Sie hat den Bus um halb elf verpasst.",
    "He still owes me two euros fourteen.": "Er schuldet mir noch zwei Euro vierzehn.",
    "There are one hundred and twelve children in the hall.": (
        "In der Halle sind einhundertzwölf Kinder."
    ),
    "She paid two thousand nine hundred and sixty-seven dollars and ten cents for the cheese.": (
        "Sie hat zweitausendneunhundertsiebenundsechzig Dollar und zehn Cent für den Käse bezahlt."
    ),
    "The answer is four million two hundred and ten thousand eight hundred and forty-three.": (
        "Die Antwort ist vier Millionen zweihundertzehntausendachthundertdreiundvierzig."
    ),
    "I bought the ticket for seven francs and ninety-five centimes.": (
        "Ich habe die Karte für sieben Franken und fünfundneunzig Rappen gekauft."
    ),
    "The lesson begins on the third of November nineteen forty-five at half past two.": (
        "Der Unterricht fängt am dritten November neunzehnhundertfünfundvierzig um halb drei an."
    ),
    "I bought the picture for ninety euros and eighty cents.": (
        "Ich habe das Bild für neunzig Euro und achtzig Cent gekauft."
    ),
    "Today is the second of May nineteen ninety-two.": (
        "Heute ist der zweite Mai neunzehnhundertzweiundneunzig."
    ),
    "Today is the eighteenth of January nineteen hundred.": (
        "Heute ist der achtzehnte Januar neunzehnhundert."
    ),
}


@pytest.fixture(scope="module")
def parts():
    return {"train": phrase_corpus(40_000), "valid": part("valid"), "test": part("test")}


def part(split):
    return phrase_corpus(4000, seed=1, split=split)


def sources_of(parts, *splits):
    return [source for split in splits for source in parts[split][0]]


def test_pairs_by_hand():
    corpus = dict(zip(*phrase_corpus(4000), strict=True))
    assert len(BY_HAND) >= 40
    assert {source: corpus.get(source) for source in BY_HAND} == BY_HAND


def test_a_part_has_the_size_asked_for_and_no_sentence_twice(parts):
    for split, size in (("train", 40_000), ("valid", 4000), ("test", 4000)):
        sources, targets = parts[split]
        assert len(set(sources)) == len(targets) == size


def test_parts_are_disjoint_whatever_the_seed(parts):
    train, valid, test = (set(parts[split][0]) for split in ("train", "valid", "test"))
    train |= set(phrase_corpus(20_000, seed=7)[0])
    assert not train & valid and not train & test and not valid & test


def test_a_source_has_one_target_and_a_target_one_source(parts):
    pairs = {pair for part in parts.values() for pair in zip(*part, strict=True)}
    assert len({source for source, _ in pairs}) == len(pairs)
    assert len({target for _, target in pairs}) == len(pairs)


def test_no_digits_no_double_spaces_and_only_known_characters(parts):
    for sources, targets in parts.values():
        assert set("".join(sources)) <= set(string.ascii_letters + " -.,'")
        assert set("".join(targets)) <= set(string.ascii_letters + "äöüß .,")
        for text in (*sources, *targets):
            assert text == " ".join(text.split())


def test_sentences_are_short(parts):
    lengths = sorted(len(source.split()) for source in parts["train"][0])
    assert lengths[len(lengths) // 20] >= 4
    assert lengths[len(lengths) * 9 // 10] <= 16
    assert lengths[-1] <= 24


def test_the_test_part_holds_a_length_that_training_never_shows(parts):
    shown = {len(source.split()) for source in sources_of(parts, "train", "valid")}
    assert {HELD_OUT_WORDS - 1, HELD_OUT_WORDS + 1} <= shown
    assert HELD_OUT_WORDS not in shown
    held_out = [s for s in parts["test"][0] if len(s.split()) == HELD_OUT_WORDS]
    assert 150 < len(held_out) < 300


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("The lamp costs", ""),
        ("She paid", "for the bicycle."),
        ("The exam is on", ""),
        ("The ferry leaves", ""),
        ("We have already seen", "letter."),
        ("I have counted", "guests."),
    ],
)
def test_the_test_part_holds_combinations_that_training_never_shows(parts, start, end):
    def holds(source):
        return source.startswith(start) and source.endswith(end)

    assert not any(map(holds, sources_of(parts, "train", "valid")))
    assert sum(map(holds, parts["test"][0])) >= 20


def test_each_word_of_a_held_out_combination_is_known_from_training(parts):
    assert len(HELD_OUT_COMBINATIONS) == 6
    words = {word for source in parts["train"][0] for word in source.strip(".").split()}
    assert {"lamp", "bicycle", "exam", "ferry", "letter", "guests"} <= words


def test_every_carrier_currency_and_magnitude_occurs(parts):
    sources = " ".join(parts["train"][0])
    for word in ("million", "euros", "dollars", "pounds", "francs", "yen", "o'clock", "penny"):
        assert word in sources
    starts = {" ".join(source.split()[:2]) for source in parts["train"][0] if source[0].isupper()}
    assert {
        "I think",
        "I have",
        "There are",
        "She lives",
        "This is",
        "We have",
        "She paid",
    } <= starts
    assert {
        "He still",
        "If the",
        "It is",
        "She was",
        "Today is",
        "The shop",
        "The answer",
    } <= starts


def test_there_are_more_than_ten_million_pairs():
    assert space_size() > 10**7
    assert len(set(map(spoken.english_number, range(0, 10**9, 99_991)))) == 10_001


def test_the_corpus_is_the_same_in_every_process():
    code = """
import hashlib
from keras_attention.text import phrase_corpus
from keras_attention.text import spoken_forms as spoken
for seed, split in ((0, "train"), (5, "test")):
    print(hashlib.sha256(repr(phrase_corpus(2000, seed, split)).encode()).hexdigest())
"""
    here = [
        hashlib.sha256(repr(phrase_corpus(2000, seed, split)).encode()).hexdigest()
        for seed, split in ((0, "train"), (5, "test"))
    ]
    for hash_seed in (1, 2):
        assert run_without_tensorflow(code, hash_seed).split() == here
    assert here[0] != here[1]


def test_a_longer_corpus_begins_with_the_shorter_and_seeds_differ():
    assert phrase_corpus(500)[0] == phrase_corpus(700)[0][:500]
    assert phrase_corpus(500)[0] != phrase_corpus(500, seed=1)[0]


def test_a_hundred_thousand_pairs_are_made_quickly():
    started = time.process_time()
    phrase_corpus(100_000, seed=3)
    assert time.process_time() - started < 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "`size` must be a positive integer"), ((5, 0, "dev"), "`split` must be one of")],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        phrase_corpus(*arguments)
