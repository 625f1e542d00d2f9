"""What a manifest of a language model must say: one sentence that names the field."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import require_artifact
from keras_attention.search_options import GREEDY
from keras_attention.tasks.language_model import artifact_generator
from keras_attention.tasks.language_model.artifact_generator import (
    MANIFEST_FIELDS,
    names_of,
    require_language_model_manifest,
)

CACHES = {f"kv_cache_{part}_0": ["float32", [1, 2, "S", 8]] for part in "kv"}


def signature(**inputs):
    return {"formats": list(FORMATS), "inputs": inputs, "outputs": {"x": ["float32", ["N"]]}}


MANIFEST = {
    "formats": list(FORMATS),
    "files": dict.fromkeys(fmt.main_file for fmt in FORMATS.values()),
    "signatures": {
        "ids": signature(prompt_ids=["int32", ["N", "P"]]),
        "score": signature(token_ids=["int32", ["N", "T"]]),
        "prefill_16": signature(**CACHES),
        "decode": signature(tokens=["int32", [1, 1]], **CACHES),
    },
    "decoding": {"method": "greedy", **GREEDY.to_dict(), "stop": [], "context": 100},
    "special_ids": {"padding": None, "start": None, "end": 0},
    "forbidden_ids": [],
    "adds_start": False,
    "steps": {
        "prefill_lengths": [16],
        "cache_length": {"tf_saved_model": 32, "tflite": 32, "onnx": None},
    },
}


def changed(place, value):
    """The manifest with another value at a place, a list of names; without it for `...`."""
    manifest = copy.deepcopy(MANIFEST)
    *path, last = place
    within = manifest
    for name in path:
        within = within[name]
    if value is ...:
        del within[last]
    else:
        within[last] = value
    return manifest


def require(manifest):
    require_artifact("manifest.json", manifest, MANIFEST_FIELDS)
    require_language_model_manifest("manifest.json", manifest)


def test_what_an_export_says():
    require(MANIFEST)
    short = {**MANIFEST, "signatures": {n: MANIFEST["signatures"][n] for n in ("ids", "score")}}
    require({**short, "steps": {}})  # of a model that keeps no caches


CACHE = ["signatures", "decode", "inputs", "kv_cache_k_0"]
FAULTS = [
    (["signatures", "score"], ..., "must hold `score` of the format tf_saved_model."),
    (["signatures", "score", "formats"], ["tflite"], "`score` of the format tf_saved_model."),
    (["signatures", "ids", "formats"], ["onnx"], "must hold `ids` of the format tf_saved_model."),
    (["signatures", "prefill_16"], ..., "must hold `prefill_16` of the format"),
    (["signatures", "prefill_16", "formats"], ["tflite"], "must hold `prefill_16` of the format"),
    (["steps", "prefill_lengths"], [16, 32], "must hold `prefill_32` of the format"),
    (["steps"], {}, "steps: `prefill_lengths` is missing"),
    (["signatures", "decode", "inputs"], {}, "decode: `inputs` must hold caches"),
    *[(["steps", "prefill_lengths"], value, "steps: `prefill_lengths` must be a list of integers")
      for value in ([], [0], [101], ["16"], [True], 16, None, {})],
    *[(["steps", "cache_length"], value, "steps: `cache_length` must be an object")
      for value in ({}, 32, None, {"tf_saved_model": 32, "tflite": 32},
                    {"tf_saved_model": 32, "tflite": None, "onnx": None},
                    {"tf_saved_model": 32, "tflite": 0, "onnx": None},
                    {"tf_saved_model": 32, "tflite": "32", "onnx": None})],
    *[(CACHE, value, "decode: `kv_cache_k_0` must be an array of float32 of shape (1, heads")
      for value in (["float32", [1, 2, "S"]], ["float32", []], ["float32", [2, 2, "S", 8]],
                    ["float32", [1, 2, "S", 8, 1]], ["float32", [1, None, "S", 8]],
                    ["float32", [1, 2, "S", "D"]], ["float32", [1, -2, "S", 8]],
                    ["string", [1, 2, "S", 8]], ["float32", [1, 2**40, "S", 8]])],
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "said"), FAULTS)
def test_what_is_missing_or_odd_is_named(place, value, said):
    with pytest.raises(InputError) as error:
        require(changed(place, value))
    assert str(error.value).startswith("manifest.json")
    assert said in str(error.value) and "\n" not in str(error.value)


PLACES = [
    [name, *rest]
    for name, rest in (
        ("signatures", []),
        ("signatures", ["decode"]),
        ("signatures", ["decode", "formats"]),
        ("signatures", ["decode", "inputs"]),
        ("signatures", ["decode", "inputs", "kv_cache_v_0"]),
        ("signatures", ["prefill_16"]),
        ("steps", []),
        ("steps", ["prefill_lengths"]),
        ("steps", ["cache_length"]),
        ("steps", ["cache_length", "onnx"]),
        ("decoding", ["context"]),
    )
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 200)
    | st.sampled_from(["S", "", "float32", "kv_cache_", "onnx", "prefill_16", *FORMATS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["onnx", "kv_cache_k_0", "inputs", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(PLACES), st.just(...) | VALUES)
def test_what_passes_can_be_read(place, value):
    manifest = changed(place, value)
    try:
        require(manifest)
    except InputError as error:
        assert str(error).startswith("manifest.json") and "\n" not in str(error)
        return
    json.dumps(manifest)
    for runtime in manifest["formats"]:
        functions = {name: print for name in names_of(runtime, manifest)}
        assert {"ids", "score"} <= functions.keys()
        make = artifact_generator._reader(functions, runtime, manifest)
        assert make is None or make().capacity > 0
