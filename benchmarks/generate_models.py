"""What the programs of generate_speed.py read: one model of random weights, in every form."""

import json
from pathlib import Path

from benchmarks.generate_programs import PREFILL_LENGTHS, PUBLISHED, TOKENS

VOCABULARY = 1000  # tokens of a preset that has no size of its own


def prepare(preset, folder, length, names, sizes):
    """Writes a model of a preset's shape as our formats, as HuggingFace's files and as CTranslate2.

    Args:
        preset: of a language model.
        folder: path.
        length: tokens of a prompt and what follows it.
        names: the programs; what none of them reads is left out.
        sizes: dict of arguments of the model in the place of the preset's.
    """
    from keras_attention.models.language_model_families import LANGUAGE_MODEL_FAMILIES
    from keras_attention.tasks.language_model.step_functions import cache_shapes

    import keras

    [family] = [cls for cls in LANGUAGE_MODEL_FAMILIES.values() if preset in cls.presets]
    keras.utils.set_random_seed(0)
    known = "vocabulary_size" in family.presets[preset]
    sizes = {**({} if known else {"vocabulary_size": VOCABULARY}), **sizes}
    model = family.from_preset(preset, dropout=0.0, **sizes)
    folder.mkdir(parents=True, exist_ok=True)
    capacity = -(-length // PREFILL_LENGTHS[0]) * PREFILL_LENGTHS[0]
    (folder / TOKENS).write_text(json.dumps([f"<{i}>" for i in range(model.vocabulary_size)]))
    if any(name.startswith(("KerasHub", "transformers", "onnxruntime")) for name in names):
        _write_published(model, folder / PUBLISHED)
    if any(name.startswith("CTranslate2") for name in names):
        _write_ctranslate2(model, folder / "ctranslate2")
    # The longer part of a prompt may be more than what there is room for.
    lengths = [n for n in PREFILL_LENGTHS if n <= capacity]
    _write_formats(model, folder, capacity, lengths, names)
    shape = {
        "prefill_lengths": lengths,
        "vocabulary_size": model.vocabulary_size,
        "context": model.max_sequence_length,
        "capacity": capacity,
        "caches": cache_shapes(model, None),
    }
    (folder / "shape.json").write_text(json.dumps(shape))


def _write_published(model, folder):
    from keras_attention.checkpoints import save_hugging_face
    from keras_attention.text.tokenizers import language_model_tokenizer

    save_hugging_face(model, language_model_tokenizer("bytes")(), folder)


def _write_ctranslate2(model, folder):
    from benchmarks.peer_ctranslate2_language_model import write_ctranslate2_language_model

    pieces = [f"<{i}>" for i in range(model.vocabulary_size)]
    write_ctranslate2_language_model(model, pieces, folder)


def _write_formats(model, folder, capacity, lengths, names):
    from keras_attention.artifacts import onnx, saved_model, tflite
    from keras_attention.search_options import GREEDY
    from keras_attention.tasks.graph import Graph
    from keras_attention.tasks.language_model.graph_functions import ids_function
    from keras_attention.tasks.language_model.step_functions import step_functions

    steps = step_functions(model, lengths, capacity)
    free = step_functions(model, lengths, None)
    graph = Graph(ids_function(model, GREEDY), None, {}, {}, {}, steps, free)
    written = folder / "saved_model" / "1"
    saved_model.write(written, model, graph)
    for precision in ("float32", "int8"):
        here = folder / precision
        here.mkdir(exist_ok=True)
        if any(name.startswith("ONNX") and precision in name for name in names):
            onnx.write(here / "model.onnx", model, graph, precision)
        if any(name.startswith(("TFLite", "LiteRT")) and precision in name for name in names):
            tflite.write(here / "model.tflite", model, graph, precision, written)
        if f"LiteRT-LM {precision}" in names:
            _write_bundle(here, model.vocabulary_size, capacity)


def _write_bundle(folder, size, capacity):
    """model.litertlm with a tokenizer that spells ids, and an end that no model of `size` emits."""
    from keras_attention.artifacts.litertlm import bundle_metadata, pack

    names = {f"<{i}>": i for i in range(size)}
    added = [
        dict(id=i, content=name, single_word=False, lstrip=False, rstrip=False)
        | dict(normalized=False, special=False)
        for name, i in names.items()
    ]
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "model": {"type": "WordLevel", "vocab": names, "unk_token": "<0>"},
    }
    tokenizer |= dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
    (folder / "tokenizer").mkdir(exist_ok=True)
    path = Path(folder) / "tokenizer" / "tokenizer.json"
    path.write_text(json.dumps(tokenizer))
    metadata = bundle_metadata(ends=[size], max_num_tokens=capacity)
    pack(folder / "model.litertlm", folder / "model.tflite", path, metadata)
