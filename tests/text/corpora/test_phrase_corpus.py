import hashlib
import string

import pytest

from keras_attention.text import phrase_corpus
from keras_attention.text.corpora import phrase_corpus as module
from keras_attention.text.corpora import spoken_forms as spoken
from keras_attention.text.corpora.phrase_corpus import (
    HELD_OUT_COMBINATIONS,
    HELD_OUT_WORDS,
    space_size,
)
from keras_attention.text.corpora.phrase_templates import draw
from tests.text.tokenizers.pure_process import run_without_tensorflow

# Judged by a reader of German, sentence by sentence.
BY_HAND = {
    "I have counted seven people.": "Ich habe sieben Personen gezählt.",
    "If the ship arrives at eight o'clock in the evening, we will be late.": (
        "Wenn das Schiff um acht Uhr abends ankommt, sind wir zu spät."
    ),
    "There are five hundred and eleven players in the hall.": (
        "In der Halle sind fünfhundertelf Spieler."
    ),
    "We are expecting seven thousand four hundred and eighty-four tourists.": (
        "Wir erwarten siebentausendvierhundertvierundachtzig Touristen."
    ),
    "one hundred and seventy euros twenty-six": "einhundertsiebzig Euro sechsundzwanzig",
    "We have already seen the seven hundred and seventy-fourth question.": (
        "Wir haben die siebenhundertvierundsiebzigste Frage schon gesehen."
    ),
    "I bought the picture for ninety-six dollars ninety-six.": (
        "Ich habe das Bild für sechsundneunzig Dollar sechsundneunzig gekauft."
    ),
    "It is twenty-five past eight in the morning.": "Es ist fünf vor halb neun morgens.",
    "The train leaves at ten to nine in the evening.": "Der Zug fährt um zehn vor neun abends ab.",
    "I like the one hundred and forty-third chapter.": (
        "Mir gefällt das einhundertdreiundvierzigste Kapitel."
    ),
    "He wants to sell the clock for fifty-six dollars.": (
        "Er möchte die Uhr für sechsundfünfzig Dollar verkaufen."
    ),
    "We are expecting eight hundred and fifty-five players.": (
        "Wir erwarten achthundertfünfundfünfzig Spieler."
    ),
    "The shop is closed until the seventeenth of August twenty seventy-two.": (
        "Der Laden ist bis zum siebzehnten August zweitausendzweiundsiebzig geschlossen."
    ),
    "If the bus arrives at twenty-five past seven in the morning, we will be late.": (
        "Wenn der Bus um fünf vor halb acht morgens ankommt, sind wir zu spät."
    ),
    "We will take the bus at half past four.": "Wir nehmen den Bus um halb fünf.",
    "This is the six hundred and thirty-sixth film.": (
        "Das ist der sechshundertsechsunddreißigste Film."
    ),
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
    "They have invited thirteen tourists.": "Sie haben dreizehn Touristen eingeladen.",
    "They have invited two hundred and nine students.": (
        "Sie haben zweihundertneun Studenten eingeladen."
    ),
    "I have counted fifteen players.": "Ich habe fünfzehn Spieler gezählt.",
    "six": "sechs",
    "It is twenty-five to nine.": "Es ist fünf nach halb neun.",
    "I bought the ticket for eighty-two pounds ten.": (
        "Ich habe die Karte für zweiundachtzig Pfund zehn gekauft."
    ),
    "fifty francs and seventy-one centimes": "fünfzig Franken und einundsiebzig Rappen",
    "There are two people in the hall.": "In der Halle sind zwei Personen.",
    "The market is on the nineteenth of January nineteen forty-two.": (
        "Der Markt ist am neunzehnten Januar neunzehnhundertzweiundvierzig."
    ),
    "I like the two hundred and seventy-fifth letter.": (
        "Mir gefällt der zweihundertfünfundsiebzigste Brief."
    ),
    "half past eight": "halb neun",
    "I think that the number two is right.": "Ich glaube, dass die Zahl zwei richtig ist.",
    "The answer is ninety-one thousand eight hundred and thirty-eight.": (
        "Die Antwort ist einundneunzigtausendachthundertachtunddreißig."
    ),
    "The market is on Wednesday the twenty-eighth of March twenty forty.": (
        "Der Markt ist am Mittwoch, dem achtundzwanzigsten März zweitausendvierzig."
    ),
    "He is looking for the eight hundred and forty-first room.": (
        "Er sucht den achthunderteinundvierzigsten Raum."
    ),
    "The bag costs eight francs and seventy-two centimes.": (
        "Die Tasche kostet acht Franken und zweiundsiebzig Rappen."
    ),
    "the fourth of September nineteen forty-eight": (
        "der vierte September neunzehnhundertachtundvierzig"
    ),
    "He wants to sell the lamp for sixty pounds forty-two.": (
        "Er möchte die Lampe für sechzig Pfund zweiundvierzig verkaufen."
    ),
    "The taxi leaves at twenty-five to twelve.": "Das Taxi fährt um fünf nach halb zwölf ab.",
    "He is looking for the six hundred and twentieth song.": (
        "Er sucht das sechshundertzwanzigste Lied."
    ),
    "This is the five hundred and twenty-sixth question.": (
        "Das ist die fünfhundertsechsundzwanzigste Frage."
    ),
    "She was born on Wednesday the twentieth of July twenty twenty-two.": (
        "Sie wurde am Mittwoch, dem zwanzigsten Juli zweitausendzweiundzwanzig, geboren."
    ),
    "The shop is closed until the nineteenth of January.": (
        "Der Laden ist bis zum neunzehnten Januar geschlossen."
    ),
    "She missed the bus at twenty to eight in the morning.": (
        "Sie hat den Bus um zwanzig vor acht morgens verpasst."
    ),
    "Saturday the eighth of January nineteen eighty-three": (
        "Samstag, der achte Januar neunzehnhundertdreiundachtzig"
    ),
    "The answer is forty-one thousand two hundred and forty-four.": (
        "Die Antwort ist einundvierzigtausendzweihundertvierundvierzig."
    ),
    "fifty-seven thousand six hundred and sixteen": "siebenundfünfzigtausendsechshundertsechzehn",
    "The market ends at quarter past seven.": "Der Markt endet um Viertel nach sieben.",
    "I think that the number five is right.": "Ich glaube, dass die Zahl fünf richtig ist.",
    "She lives on the forty-second floor.": "Sie wohnt im zweiundvierzigsten Stock.",
    "We will take the bus at quarter to seven.": "Wir nehmen den Bus um Viertel vor sieben.",
    "She missed the bus at half past ten.": "Sie hat den Bus um halb elf verpasst.",
    "Today is the eighth of May twenty forty-three.": (
        "Heute ist der achte Mai zweitausenddreiundvierzig."
    ),
    "He still owes me eighty-two dollars forty-one.": (
        "Er schuldet mir noch zweiundachtzig Dollar einundvierzig."
    ),
    "She was born on Saturday the twenty-ninth of March twenty thirty-one.": (
        "Sie wurde am Samstag, dem neunundzwanzigsten März zweitausendeinunddreißig, geboren."
    ),
    "The exam begins on the third of November nineteen forty-five at half past two.": (
        "Die Prüfung fängt am dritten November neunzehnhundertfünfundvierzig um halb drei an."
    ),
    "Today is Sunday the fifteenth of October twenty fifty-one.": (
        "Heute ist Sonntag, der fünfzehnte Oktober zweitausendeinundfünfzig."
    ),
    "She lives on the tenth floor.": "Sie wohnt im zehnten Stock.",
    "The lesson begins on the twenty-sixth of April nineteen sixty-six at twenty past four.": (
        "Der Unterricht fängt am sechsundzwanzigsten April neunzehnhundertsechsundsechzig um "
        "zwanzig nach vier an."
    ),
    "He still owes me eighty-eight pounds.": "Er schuldet mir noch achtundachtzig Pfund.",
    "She paid three pounds for the table.": "Sie hat drei Pfund für den Tisch bezahlt.",
    "The party ends at five past nine in the evening.": "Das Fest endet um fünf nach neun abends.",
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


def test_every_template_currency_and_magnitude_occurs(parts):
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


def test_few_draws_of_a_hundred_thousand_pairs_are_thrown_away(monkeypatch):
    """So that the time of a corpus grows with its size alone."""
    drawn = []

    def counted(rng):
        drawn.append(1)
        return draw(rng)

    monkeypatch.setattr(module, "draw", counted)
    assert len(phrase_corpus(100_000, seed=3)[0]) == 100_000
    assert 100_000 <= len(drawn) < 200_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "`size` must be a positive integer"), ((5, 0, "dev"), "`split` must be one of")],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        phrase_corpus(*arguments)
