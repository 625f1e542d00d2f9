"""What `export` makes of models that compute in half precision, by their layers' policies."""

import keras
import pytest

from keras_attention import export
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import require_dtypes
from keras_attention.artifacts.parity import ParityError
from keras_attention.models import BertEncoder, Classifier
from keras_attention.tasks.ids_comparison import IdsComparison
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import LENGTH, TEXTS, small_encoder


def encoder(dtype):
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8)
    size = word_piece().vocabulary_size
    return BertEncoder(size, **sizes, max_sequence_length=LENGTH, dtype=dtype)


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def policy(request):
    """A global policy, which the test may not leave behind."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("dtype", "runtime", "name"),
    [
        ("mixed_float16", "LiteRT (ai-edge-litert)", "tflite"),
        ("mixed_bfloat16", "LiteRT (ai-edge-litert)", "tflite"),
        ("mixed_bfloat16", "ONNX Runtime", "onnx"),
    ],
)
def test_what_a_runtime_does_not_compute_in_is_refused_at_once(tmp_path, dtype, runtime, name):
    with pytest.raises(InputError) as refusal:
        export(encoder(dtype), tmp_path / "art", word_piece(), formats=(name,), examples=TEXTS)
    half = dtype.removeprefix("mixed_")
    assert str(refusal.value) == (
        f"{runtime} does not compute in {half}, as the model does: make it with "
        f'`dtype="float32"` and the same weights, or leave out {name}.'
    )
    assert list(tmp_path.iterdir()) == []


def test_the_global_policy_is_of_no_meaning_where_layers_have_their_own(policy):
    """Keras gives it to inputs, and to models within."""
    model = Classifier(encoder("float32"), 2, dtype="float32")
    assert {layer.compute_dtype for layer in model.layers} > {"float32"}
    require_dtypes(("tf_saved_model", "tflite", "onnx"), model)
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    with pytest.raises(InputError, match=policy.removeprefix("mixed_")):
        require_dtypes(("tflite",), Classifier(encoder(policy), 2))


@pytest.mark.parametrize("dtype", ["mixed_float16", None])
def test_half_precision_is_named_where_answers_differ(tmp_path, monkeypatch, dtype):
    def check(self, candidate, name, lower):
        if name != "Keras":  # which agrees with itself
            raise ParityError("It does not agree with Keras.")

    monkeypatch.setattr(IdsComparison, "check", check)
    model = small_encoder() if dtype is None else encoder(dtype)
    options = dict(formats=("tf_saved_model",), examples=TEXTS)
    with pytest.raises(ParityError) as error:
        export(model, tmp_path / "art", word_piece(), **options)
    more = (
        " It computes in float16, which each runtime rounds in its own way: make it with "
        '`dtype="float32"` and the same weights.'
    )
    assert str(error.value) == "It does not agree with Keras." + more * (dtype is not None)
    assert list(tmp_path.iterdir()) == []
