"""A translator that ends on several ids, one of which is its tokenizer's end."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_attention
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy
from tests.tasks.own_translators import OwnTranslator
from tests.tasks.small_translator import tokenizer

END, OTHER, WORD = 3, 17, 20  # the other end is a word to the tokenizer
CHOICES = ("tf_saved_model", "onnx")
TEXTS = ["one", "", "three hundred and two"]


@keras.saving.register_keras_serializable(package="tests")
class TwoEnds(OwnTranslator):
    """It says one word, and ends by the other end."""

    def step(self, token, position, state, constants):
        logits, state = super().step(token, position, state, constants)
        wanted = ops.where(position < 1, WORD, OTHER)
        numbers = ops.arange(self.vocabulary_size, dtype="int32")
        return logits * 0.01 + 30 * ops.cast(numbers == wanted, "float32"), state


MINE = {"TwoEnds": TwoEnds}


def model(ends):
    keras.utils.set_random_seed(1)
    size = tokenizer().target.vocabulary_size
    return TwoEnds(size, special_ids=SpecialIds(end=ends))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("ends") / "run"
    return keras_attention.save_run(model((END, OTHER)), tokenizer(), path)


SEARCHES = [{}, dict(beam_size=2, n_best=2), dict(sample=True)]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_its_translations_show_no_end(run, search):
    found = keras_attention.load(run, custom_objects=MINE, **search).translate(TEXTS)
    word = tokenizer().target.decode([WORD])
    assert found == [word, "", word] and word


# What a model ends on does not depend on the search.
@pytest.mark.parametrize(
    "search",
    [pytest.param(s, marks=() if "n_best" in s else pytest.mark.slow) for s in SEARCHES],
    ids=str,
)
def test_its_artifacts_end_on_the_tokenizers_end(run, search, tmp_path):
    artifact = tmp_path / "artifact"
    keras_attention.export(
        run, artifact, formats=CHOICES, examples=TEXTS, search=search, custom_objects=MINE
    )
    assert read_manifest(artifact)["special_ids"]["end"] == END
    word = tokenizer().target.decode([WORD])
    for name in CHOICES:
        assert keras_attention.load(artifact, name).translate(TEXTS) == [word, "", word]
        outputs = FORMATS[name].signature(artifact, "ids", ("token_ids",))
        seed = {"seed": np.zeros(1, "int32")} if "sample" in search else {}
        source = np.array([[5, 9, END]], "int32")
        found = outputs(source_ids=source, **seed)["token_ids"].reshape(-1)
        assert found[:2].tolist() == [WORD, END] and OTHER not in found
    assert to_numpy(model((END, OTHER)).generate(source)["token_ids"])[0, 1] == OTHER


@pytest.mark.parametrize("ends", [(OTHER, 18), OTHER])
def test_the_tokenizers_end_must_be_among_them(ends, tmp_path):
    with pytest.raises(InputError, match="end is 3 in the tokenizer and .*17.* in the model"):
        keras_attention.save_run(model(ends), tokenizer(), tmp_path / "run")
