"""The sentence pairs that a translator is trained and validated on."""

from keras_attention._validation import InputError
from keras_attention.text.corpora.phrase_corpus import phrase_corpus
from keras_attention.text.corpora.shards import find_parallel_shards
from keras_attention.text.corpora.text_files import drop_empty_pairs, read_parallel

VALIDATION_FRACTION = 0.02  # of the training data, where no validation data is given
SCORED_SENTENCES = 500  # validation sentences that are translated after every epoch


def _find_pairs(config, part):
    """The shards of a part that `config` names, and both names; None if not given."""
    source, target = getattr(config, f"{part}_source"), getattr(config, f"{part}_target")
    if source is None and target is None:
        return None
    if source is None or target is None:
        raise InputError(f"`{part}_source` and `{part}_target` must be given together.")
    return find_parallel_shards(source, target), source, target


def _read_pairs(config, part, say):
    """The pairs of a part that `config` names, without empty ones; None if not given."""
    found = _find_pairs(config, part)
    if found is None:
        return None
    shards, source, target = found
    parts = [drop_empty_pairs(*read_parallel(*paths)) for paths in shards]
    sources, targets = ([text for part in parts for text in part[side]] for side in (0, 1))
    dropped = sum(part[2] for part in parts)
    if dropped:
        say(f"{source}: {dropped:,} pairs with an empty side are left out.")
    if not sources:
        raise InputError(f"{source} and {target} hold no pair with text on both sides.")
    return sources, targets


def load_pairs(config, say=print):
    """The training and the validation pairs of `config`: two pairs of lists of strings."""
    train, valid = _read_pairs(config, "train", say), _read_pairs(config, "valid", say)
    if train is None:
        if valid is None:
            valid = phrase_corpus(SCORED_SENTENCES, seed=config.seed, split="valid")
        return phrase_corpus(config.corpus_size, seed=config.seed), valid
    if valid is None:
        sources, targets = train
        if len(sources) < 2:
            raise InputError(
                "The corpus has one pair; give two or more, or validation files, so that one is "
                "left to validate on."
            )
        step = max(2, round(1 / VALIDATION_FRACTION))
        start = config.seed % min(step, len(sources))
        held_out = set(range(start, len(sources), step))
        valid = [sources[i] for i in sorted(held_out)], [targets[i] for i in sorted(held_out)]
        train = tuple([x for i, x in enumerate(side) if i not in held_out] for side in train)
    return train, valid


def stream_pairs(config, run):
    """The training pairs of `config` as a `StreamedCorpus`, and the validation pairs."""
    from keras_attention.runs.streamed_corpus import StreamedCorpus

    valid = _read_pairs(config, "valid", run.say)
    corpus = StreamedCorpus(run, _find_pairs(config, "train")[0], hold_out=valid is None)
    return corpus, valid or corpus.held_out
