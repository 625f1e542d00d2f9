import json
import shutil

import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import signed
from keras_attention.digests import file_digests
from keras_attention.runs.run_directory import read_config, save_model_atomically, write_digests
from keras_attention.tasks.load import load, load_run
from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece
from tests.text.tokenizers.pure_process import run_without_tensorflow

TEXTS = ["three hundred and two", "", "On Monday."]


@pytest.fixture
def run(run_directory, tmp_path):
    """A copy of the run, to be damaged."""
    return shutil.copytree(run_directory, tmp_path / "run")


@pytest.fixture
def artifact(artifact_directory, tmp_path):
    """A copy of the artifact, to be damaged."""
    return shutil.copytree(artifact_directory, tmp_path / "artifact")


def change_json(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change_manifest(artifact, **values):
    """As somebody does who signs it anew."""
    path = artifact / "manifest.json"
    path.write_text(json.dumps(signed({**json.loads(path.read_text()), **values})))


def test_default_runtimes(run_directory, artifact_directory):
    by_keras = keras_attention.load(run_directory)
    assert by_keras.model.name
    by_artifact = keras_attention.load(str(artifact_directory))
    assert not hasattr(by_artifact, "model")
    assert by_artifact.translate(TEXTS) == by_keras.translate(TEXTS)


def test_unknown_runtime(run_directory):
    with pytest.raises(InputError, match="Unknown runtime 'torch'; expected one of keras, tf_sav"):
        load(run_directory, "torch")


def test_runtimes_of_the_other_kind(run_directory, artifact_directory):
    with pytest.raises(InputError, match="is an artifact; the runtime 'keras' needs a run"):
        load(artifact_directory, "keras")
    with pytest.raises(InputError, match="is no artifact; the runtime 'onnx' needs one: export"):
        load(run_directory, "onnx")


def test_neither_a_run_nor_an_artifact(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="neither a run directory .* nor an artifact"):
            load(path)


def test_another_kind(run, artifact):
    change_json(run / "config.json", kind="parser")
    with pytest.raises(InputError, match="is a run of another kind: 'parser', not a translator"):
        load(run)
    change_manifest(artifact, kind="parser")
    with pytest.raises(InputError, match="is an artifact of another kind: 'parser', not a"):
        load(artifact)


def test_an_unfinished_run(run):
    (run / "model.keras").unlink()
    with pytest.raises(InputError, match="is not finished: there is no model.keras. Train on with"):
        load(run)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", None])
def test_a_damaged_model(run, data):
    path = run / "model.keras"
    path.write_bytes(path.read_bytes()[:100_000] if data is None else data)
    with pytest.raises(InputError, match="run is not as its digests.json says: model.keras has"):
        load(run)
    write_digests(run, path)
    with pytest.raises(InputError, match="model.keras: is not a whole .keras archive"):
        load(run)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[]", "expected a JSON object. Received")]
)
def test_a_damaged_config(run, text, message):
    (run / "config.json").write_text(text)
    with pytest.raises(InputError, match=f"config.json: {message}"):
        load(run)


def test_the_tokenizer_of_another_model(run):
    sources, targets = phrase_corpus(200)
    other = TranslationTokenizer(train_sentencepiece([*sources, *targets], 200))
    other.save(run / "tokenizer")
    with pytest.raises(InputError, match="run is not as its digests.json says: tokenizer/shared"):
        load(run)
    write_digests(run, run / "model.keras")
    with pytest.raises(InputError, match="the tokenizer has 200 tokens and the model 300; they"):
        load(run)


@pytest.mark.parametrize("name", ["translation.json", "shared.model"])
def test_a_missing_tokenizer(run, name):
    (run / "tokenizer" / name).unlink()
    with pytest.raises(InputError, match=f"digests.json says: tokenizer/{name} is missing"):
        load(run)
    write_digests(run, run / "model.keras")
    with pytest.raises(InputError, match="tokenizer: not a tokenizer directory"):
        load(run)


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("tf_saved_model", "saved_model/1/saved_model.pb"),
        ("tflite", "model.tflite"),
        ("onnx", "model.onnx"),
        ("onnx", "tokenizer/shared.model"),
    ],
)
def test_a_damaged_file_of_an_artifact_is_named(artifact, runtime, name):
    path = artifact / name
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=f"{name} has (been changed|[0-9,]+ bytes instead of)"):
        load(artifact, runtime)


def test_one_runtime_needs_its_own_files_only(artifact):
    expected = load(artifact, "onnx").translate(TEXTS)
    (artifact / "model.tflite").unlink()
    shutil.rmtree(artifact / "saved_model")
    assert load(artifact, "onnx").translate(TEXTS) == expected
    with pytest.raises(InputError, match="model.tflite is missing"):
        load(artifact, "tflite")


def test_a_form_that_the_artifact_does_not_hold(artifact):
    change_manifest(artifact, formats=["tflite"])
    (artifact / "model.onnx").unlink()
    change_manifest(artifact, files=file_digests(artifact))
    with pytest.raises(InputError, match="holds no format for the runtime 'onnx'; it holds tflite"):
        load(artifact, "onnx")
    assert load(artifact).translate(["two"]) == load(artifact, "tflite").translate(["two"])


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_translating_needs_neither_tensorflow_nor_keras(artifact_directory, runtime):
    code = f"""
from keras_attention import load
print(load({str(artifact_directory)!r}, {runtime!r}).translate({TEXTS!r}))
"""
    expected = load(artifact_directory, runtime).translate(TEXTS)
    assert run_without_tensorflow(code).strip() == repr(expected)


def test_the_saved_model_file_is_complete_or_absent(run_directory, tmp_path):
    model = load_run(run_directory).model
    left = ".model.keras-attention-0a1b2c3d.keras"  # by a process that was killed
    (tmp_path / left).write_bytes(b"half")
    save_model_atomically(model, tmp_path / "model.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digests.json", "model.keras"]

    class Fails:
        compiled, variables = False, ()

        def save(self, path):
            with open(path, "wb") as file:
                file.write(b"half")
            raise OSError("no space left")

    before = (tmp_path / "model.keras").read_bytes()
    with pytest.raises(InputError, match="model.keras cannot be written: no space left"):
        save_model_atomically(Fails(), tmp_path / "model.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digests.json", "model.keras"]
    assert (tmp_path / "model.keras").read_bytes() == before


def test_the_config_says_how_to_repeat_the_run(run_directory):
    config = read_config(run_directory)
    assert config["kind"] == "translator" and config["seed"] == 0 and config["epochs"] == 3
