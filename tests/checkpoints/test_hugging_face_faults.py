"""What cannot be read or written is refused in one sentence that names all of it."""

import json
import shutil
import struct

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.models import BertEncoder, Classifier, MaskedLM
from tests.checkpoints.golden_models import GOLDEN

ENCODER = dict(
    vocabulary_size=9, num_layers=1, num_heads=2, hidden_dim=4, intermediate_dim=6, dropout=0.0
)


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of a directory that may be spoiled."""
    directory = tmp_path / "checkpoint"
    shutil.copytree(GOLDEN / "pretraining", directory)
    return directory


def change_config(directory, **changes):
    path = directory / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v != "absent"}))


def change_tensors(directory, change):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_all_tensors_that_do_not_fit_are_named_at_once(checkpoint):
    def spoil(tensors):
        del tensors["bert.encoder.layer.1.attention.self.key.weight"]
        del tensors["bert.pooler.dense.bias"]
        tensors["bert.encoder.layer.2.output.dense.bias"] = np.zeros(16, "float32")
        tensors["bert.embeddings.extra"] = np.zeros(1, "float32")
        tensors["bert.encoder.layer.0.intermediate.dense.weight"] = np.zeros((16, 24), "float32")
        tensors["bert.embeddings.word_embeddings.weight"] = np.zeros((36, 16), "float32")
        tensors["bert.embeddings.LayerNorm.bias"] = np.zeros(16, "int8")

    change_tensors(checkpoint, spoil)
    with pytest.raises(InputError) as caught:
        load_hugging_face(checkpoint, "encoder")
    assert str(caught.value) == (
        f"{checkpoint}/model.safetensors does not hold the tensors that are needed; "
        "missing: encoder.layer.1.attention.self.key.weight, pooler.dense.bias; "
        "unknown: embeddings.extra, encoder.layer.2.output.dense.bias; "
        "misshapen: embeddings.word_embeddings.weight is (36, 16), not (37, 16), "
        "encoder.layer.0.intermediate.dense.weight is (16, 24), not (24, 16); "
        "not floating point: embeddings.LayerNorm.bias is I8."
    )


def test_a_head_that_is_not_there(checkpoint, tmp_path):
    with pytest.raises(InputError) as caught:
        load_hugging_face(checkpoint, "classifier")
    assert str(caught.value) == (
        f"{checkpoint}/model.safetensors does not hold the head for the task 'classifier': "
        "classifier.weight is missing. It can be read for the task 'encoder' or 'masked-lm'."
    )
    save_hugging_face(BertEncoder(**ENCODER), None, tmp_path / "encoder")
    with pytest.raises(InputError, match="for the task 'masked-lm': cls.predictions.transform.*'e"):
        load_hugging_face(tmp_path / "encoder", "masked-lm")
    with pytest.raises(InputError, match="classifier.weight belongs to the head for another task"):
        load_hugging_face(GOLDEN / "sequence_classification", "token-classifier")


def test_a_head_that_is_not_whole(checkpoint):
    def spoil(tensors):
        del tensors["cls.predictions.bias"]
        tensors["cls.extra.weight"] = np.zeros(1, "float32")

    change_tensors(checkpoint, spoil)
    with pytest.raises(InputError, match="missing: cls.predictions.bias; unknown: cls.extra.weig"):
        load_hugging_face(checkpoint)


def test_a_head_that_no_model_has(checkpoint):
    change_config(checkpoint, architectures=["BertForQuestionAnswering"])
    sentence = (
        r'names \["BertForQuestionAnswering"\] in architectures, of which only "BertModel" or '
    )
    with pytest.raises(InputError, match=sentence):
        load_hugging_face(checkpoint)
    assert type(load_hugging_face(checkpoint, "encoder")) is BertEncoder
    with pytest.raises(ValueError, match="`task` must be None or one of .'encoder', 'masked-lm'"):
        load_hugging_face(checkpoint, "translator")


def test_a_tokenizer_of_no_known_family(checkpoint):
    change_config(checkpoint, model_type="roberta")
    with pytest.raises(InputError, match='model_type is "roberta", of which only "bert" or "dis'):
        load_tokenizer(checkpoint)


def absurd_header(data):
    return struct.pack("<Q", 1 << 62) + data[8:]


def long_header(data):
    return struct.pack("<Q", 99_000_000) + data[8:]


DAMAGES = {
    "absurd header": absurd_header,
    "header longer than the file": long_header,
    "truncated": lambda data: data[:-100],
    "cut in the header": lambda data: data[:40],
    "empty": lambda data: b"",
    "no header": lambda data: struct.pack("<Q", 16) + b"\x80" * (len(data) - 8),
    "an archive": lambda data: b"PK\x03\x04" + data[4:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file(damage, checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError, match=r"model\.safetensors is not a whole .safetensors file: "):
        load_hugging_face(checkpoint)


def test_files_that_are_missing(checkpoint, tmp_path):
    with pytest.raises(InputError, match="config.json cannot be read: No such file"):
        load_hugging_face(tmp_path / "nothing")
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model.safetensors does not exist\.$"):
        load_hugging_face(checkpoint)
    (checkpoint / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="pytorch_model.bin is a pickle, which may run code"):
        load_hugging_face(checkpoint)


UNSUPPORTED = {
    "model_type": (
        "roberta",
        'model_type is "roberta", of which only "bert" or "distilbert" or "big_',
    ),
    "position_embedding_type": (
        "relative_key",
        'position_embedding_type is "relative_key", of which only "absolute" is supported',
    ),
    "hidden_act": ("silu", 'hidden_act is "silu", of which only "gelu" or "gelu_python" or '),
    "is_decoder": (True, "is_decoder is true, of which only false is supported"),
    "add_cross_attention": (True, "add_cross_attention is true, of which only false is supported"),
    "pruned_heads": ({"1": [0]}, 'pruned_heads is {"1": [0]}, of which only {} is supported'),
    "tie_word_embeddings": (False, "tie_word_embeddings is false, of which only true is supported"),
    "quantization_config": ({"bits": 4}, "of which only null is supported"),
    "vocab_size": ("37", 'vocab_size is "37", not a positive integer'),
    "num_hidden_layers": (0, "num_hidden_layers is 0, not a positive integer"),
    "hidden_size": ("absent", "hidden_size is missing"),
    "num_attention_heads": (3, "num_attention_heads does not divide hidden_size"),
    "hidden_dropout_prob": (1.5, "hidden_dropout_prob is 1.5, not a rate in [0, 1)"),
    "classifier_dropout": ("x", 'classifier_dropout is "x", not a rate in [0, 1)'),
    "layer_norm_eps": (-1, "layer_norm_eps is -1, not a positive number"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_config_that_is_not_supported(name, checkpoint):
    value, sentence = UNSUPPORTED[name]
    change_config(checkpoint, **{name: value})
    with pytest.raises(InputError) as caught:
        load_hugging_face(checkpoint)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{checkpoint}/config.json is not of a BERT that can be ")


def test_all_that_a_config_lacks_is_named_at_once(checkpoint):
    change_config(checkpoint, model_type="absent", vocab_size="absent", is_decoder=True)
    sentence = "is_decoder is true, .*; model_type is missing; vocab_size is missing"
    with pytest.raises(InputError, match=sentence):
        load_hugging_face(checkpoint)


def test_sizes_that_fit_no_memory_are_those_of_no_tensor(checkpoint):
    change_config(checkpoint, vocab_size=10**12, hidden_size=10**6)
    sentence = r"word_embeddings.weight is \(37, 16\), not \(1000000000000, 1000000\)"
    with pytest.raises(InputError, match=sentence):
        load_hugging_face(checkpoint)


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "config.json: not JSON"), ("[1]", "expected a JSON object")]
)
def test_a_config_that_is_no_json_object(text, sentence, checkpoint):
    (checkpoint / "config.json").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_hugging_face(checkpoint)


def test_labels_that_are_not_one_a_class(tmp_path):
    shutil.copytree(GOLDEN / "sequence_classification", tmp_path / "checkpoint")
    change_config(tmp_path / "checkpoint", id2label={"0": "bad", "1": "good"})
    with pytest.raises(InputError, match="must name 3 labels in id2label.*good"):
        load_hugging_face(tmp_path / "checkpoint")
    change_config(tmp_path / "checkpoint", id2label={"0": "bad", "1": "good", "2": "bad"})
    with pytest.raises(InputError, match="must name 3 different labels in id2label.*good"):
        load_hugging_face(tmp_path / "checkpoint")
    for wrong in ("half a \ud83d pair", "", "two\nlines", "one line\r\n"):
        change_config(tmp_path / "checkpoint", id2label={"0": "bad", "1": "good", "2": wrong})
        with pytest.raises(InputError, match="must name 3 different labels in id2label.*good"):
            load_hugging_face(tmp_path / "checkpoint")


def test_what_huggingface_has_no_model_for(tmp_path):
    encoder = BertEncoder(**ENCODER, activation="silu")
    with pytest.raises(ValueError, match="'gelu_new' or 'relu' to be written. Received: activ"):
        save_hugging_face(encoder, None, tmp_path / "saved")
    encoder = BertEncoder(**ENCODER)
    for options in (dict(pooling="mean"), dict(classifier_dim=3)):
        model = Classifier(encoder, 2, **options)
        with pytest.raises(ValueError, match="of the pooled output by one layer.*Received: "):
            save_hugging_face(model, None, tmp_path / "saved")
    for labels in (["a"], ["a", "a"], "ab", ["a", "b\nc"], ["a", ""]):
        with pytest.raises(ValueError, match="as many different names as there are classes"):
            save_hugging_face(Classifier(encoder, 2), None, tmp_path / "saved", labels)
    for model in (encoder, MaskedLM(encoder)):
        with pytest.raises(InputError, match="^`labels` are names of classes; a .* has no classes"):
            save_hugging_face(model, None, tmp_path / "saved", labels=["a"])
    with pytest.raises(ValueError, match="`model` must be a BERT or DistilBERT or .* or Llama. Re"):
        save_hugging_face(keras.Sequential(), None, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_subclass_is_not_written_as_what_it_derives_from(tmp_path):
    """It may have other weights, or other arithmetic."""

    class OwnEncoder(BertEncoder):
        pass

    class OwnClassifier(Classifier):
        pass

    for model, name in (
        (OwnEncoder(**ENCODER), "BertEncoder itself"),
        (Classifier(OwnEncoder(**ENCODER), 2), "BertEncoder itself"),
        (OwnClassifier(BertEncoder(**ENCODER), 2), "Classifier or MaskedLM"),
    ):
        with pytest.raises(ValueError, match=rf"`model` must be made of .*{name}.*Received: model"):
            save_hugging_face(model, None, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []
