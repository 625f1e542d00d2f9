"""A translator with random weights and a made-up shortlist, as a run: what decoding costs."""

import numpy as np

SYLLABLES = [first + vowel for first in "bdfghklmnprstvwz" for vowel in "aeiou"]
WORDS = 6000
CANDIDATES = 50  # of a source token, and as many frequent ones: what `--shortlist 50` learns
LENGTHS = (3, 13)  # words of a sentence, at least, and one more than at most


def write_random_translator(run, vocabulary_size=8000, seed=0):
    """Writes a run of preset tiny.

    The weights are random, so a translation hardly ever ends by itself: give it a limit. The words
    are made up of syllables, and some are frequent, as in a language.

    Args:
        run: path of the directory to make.
        vocabulary_size: number of tokens, the same for source and target.
        seed: of weights, words and shortlist.

    Returns:
        A list of 500 sentences to translate.

    >>> sentences = write_random_translator("run")
    >>> keras_attention.load("run").translate(sentences[:1], max_length=20)
    """
    import keras_attention
    from keras_attention.models import TransformerTranslator
    from keras_attention.text import TranslationTokenizer, train_sentencepiece
    from keras_attention.text.tokenizers.lexical_shortlist import LexicalShortlist

    import keras

    random = np.random.default_rng(seed)
    lines = _sentences(random, 6000)
    model = train_sentencepiece(lines, vocabulary_size)
    size = TranslationTokenizer(model).source.vocabulary_size
    candidates = random.integers(4, size, (size, CANDIDATES))
    frequent = random.choice(np.arange(4, size), CANDIDATES, replace=False)
    tokenizer = TranslationTokenizer(model, shortlist=LexicalShortlist(candidates, frequent))
    keras.utils.set_random_seed(seed)
    translator = TransformerTranslator.from_preset(
        "tiny", vocabulary_size=size, normalize_first=True
    )
    keras_attention.save_run(translator, tokenizer, run)
    return lines[:500]


def _sentences(random, count):
    """Lines of made-up words; the word n comes as often as 1 / n."""
    words = sorted({"".join(random.choice(SYLLABLES, random.integers(1, 5))) for _ in range(WORDS)})
    random.shuffle(words)
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    lengths = random.integers(*LENGTHS, count)
    return [" ".join(random.choice(words, length, p=weights)) for length in lengths]
