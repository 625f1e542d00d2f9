import pytest

from keras_attention._validation import InputError
from keras_attention.text import TranslationTokenizer, read_parallel, train_sentencepiece
from keras_attention.token_ids import SpecialIds

SPECIAL = SpecialIds()

ENGLISH = ["the red house", "a red car", "the old car"] * 5
GERMAN = ["das rote haus", "ein rotes auto", "das alte auto"] * 5


@pytest.fixture(scope="module")
def models():
    return [train_sentencepiece(lines, 40) for lines in (ENGLISH, GERMAN)]


def test_one_model_for_both(models, tmp_path):
    tokenizer = TranslationTokenizer(models[0])
    assert tokenizer.shared
    assert tokenizer.source is tokenizer.target
    tokenizer.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shared.model", "translation.json"]
    loaded = TranslationTokenizer.load(tmp_path)
    assert loaded.shared
    assert loaded.source.model == models[0]


def test_a_model_each(models, tmp_path):
    tokenizer = TranslationTokenizer(*models)
    tokenizer.save(tmp_path)
    loaded = TranslationTokenizer.load(tmp_path)
    assert not loaded.shared
    assert [loaded.source.model, loaded.target.model] == models
    ids = loaded.target.encode("das rote auto")
    assert ids[-1] == SPECIAL.end
    assert loaded.target.decode(ids) == "das rote auto"


def test_saving_over_another_kind_leaves_only_the_new_files(models, tmp_path):
    TranslationTokenizer(*models).save(tmp_path)
    TranslationTokenizer(models[0]).save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shared.model", "translation.json"]


def test_in_the_graph_as_outside(models):
    import tensorflow as tf

    tokenizer = TranslationTokenizer(*models)
    source, target = tokenizer.in_graph()
    rows = source.tokenize(tf.constant(ENGLISH[:3])).to_list()
    assert rows == [tokenizer.source.encode(text) for text in ENGLISH[:3]]
    ids = target.tokenize(tf.constant(GERMAN[:3])).to_tensor()
    assert [t.decode() for t in target.detokenize(ids).numpy()] == GERMAN[:3]


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: (d / "translation.json").unlink(),
        lambda d: (d / "translation.json").write_text("{"),
        lambda d: (d / "translation.json").write_text("[]"),
        lambda d: (d / "translation.json").write_text("{}"),
        lambda d: (d / "shared.model").unlink(),
        lambda d: (d / "shared.model").write_bytes(b"no model"),
    ],
)
def test_a_damaged_directory_is_refused(models, tmp_path, damage):
    TranslationTokenizer(models[0]).save(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=f"^{tmp_path}: not a tokenizer directory"):
        TranslationTokenizer.load(tmp_path)


def test_a_thousand_real_sentences_come_back(real_data):
    folder = real_data / "multi30k"
    sources, targets = read_parallel(
        folder / "val.lc.norm.tok.en.gz", folder / "val.lc.norm.tok.de.gz"
    )
    model = train_sentencepiece(sources + targets, 2000, normalization="identity")
    tokenizer = TranslationTokenizer(model)
    for text in (sources + targets)[:1000]:
        assert tokenizer.source.decode(tokenizer.source.encode(text)) == text
