"""LiteRT-LM: one file with a language model's .tflite, its tokenizer and what ends a text.

LiteRT-LM runs it on phones and desktops. It reads the prompt by the signatures `prefill_N` and
writes by `decode`.
"""

import contextlib
import io
import tempfile
from pathlib import Path

from keras_attention._validation import InputError, missing_package
from keras_attention.artifacts import tflite
from keras_attention.artifacts.formats import FORMATS
from keras_attention.files import require_file, write_atomically
from keras_attention.token_ids import SpecialIds

_TOKENIZERS = ("tokenizer.json", "tokenizer.model")  # that LiteRT-LM reads


def write(path, model, graph, precision="float32", saved_model=None):
    """Packs the `model.tflite` and the tokenizer that lie beside `path`.

    Args:
        path: of the file.
        model, precision, saved_model: of no meaning here; the .tflite is what it is.
        graph: whose `fields` say what ends a text and how many tokens there is room for.

    Raises:
        InputError: if no token ends a text, or the tokenizer is none that LiteRT-LM reads.
        ImportError: if `litert-lm-builder` is not installed; names the extra.
    """
    path = Path(path)
    tokenizer = path.parent / "tokenizer"
    files = [tokenizer / name for name in _TOKENIZERS if (tokenizer / name).exists()]
    if not files:
        raise InputError(f"litertlm needs a tokenizer with {' or '.join(_TOKENIZERS)}.")
    metadata = _metadata_of(graph.fields, tokenizer)
    pack(path, path.parent / FORMATS["tflite"].path, files[0], metadata)


def pack(path, model, tokenizer, metadata):
    """Writes a .litertlm file.

    Args:
        path: of the file.
        model: path of the .tflite file.
        tokenizer: path of a `tokenizer.json` or of a SentencePiece model.
        metadata: from `bundle_metadata`.
    """
    builder, packed = _builder().LitertLmFileBuilder(), io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "metadata"
        file.write_bytes(metadata.SerializeToString())
        builder.add_llm_metadata(str(file))
        is_json = Path(tokenizer).suffix == ".json"
        add = builder.add_hf_tokenizer if is_json else builder.add_sentencepiece_tokenizer
        add(str(tokenizer))
        builder.add_tflite_model(str(model), _builder().TfLiteModelType.PREFILL_DECODE)
        builder.build(packed)  # which reads the files
    write_atomically(Path(path), packed.getvalue())


def bundle_metadata(ends, max_num_tokens, stop=(), start=None, chat_template=None):
    """The `LlmMetadata` of a .litertlm file.

    Args:
        ends: ids that end a text, one at least.
        max_num_tokens: of a prompt and what follows it.
        stop: strings that end a text too.
        start: id that is put before every prompt, or None.
        chat_template: of the model, in Jinja, or None.
    """
    _builder()
    from litert_lm_builder.runtime.proto.llm_metadata_pb2 import LlmMetadata

    metadata = LlmMetadata()
    for end in ends:
        metadata.stop_tokens.add().token_ids.ids.append(end)
    for text in stop:
        metadata.stop_tokens.add().token_str = text
    if start is not None:
        metadata.start_token.token_ids.ids.append(start)
    metadata.max_num_tokens = max_num_tokens
    metadata.llm_model_type.generic_model.SetInParent()
    metadata.supports_thinking = metadata.supports_function_calling = False
    if chat_template is not None:
        metadata.jinja_prompt_template = chat_template
    return metadata


def _metadata_of(fields, directory):
    """The metadata of a graph with these `fields` and of the tokenizer in a directory."""
    from keras_attention.text.tokenizers import load_language_model_tokenizer

    special_ids = SpecialIds.of(fields["special_ids"])
    if not fields["steps"]:
        raise InputError("litertlm needs a model that reads with a cache: a `BlockLanguageModel`.")
    if not special_ids.ends:
        raise InputError("litertlm needs a model with a token that ends a text; this one has none.")
    tokenizer = load_language_model_tokenizer(directory)
    return bundle_metadata(
        special_ids.ends,
        min(fields["steps"]["cache_length"]["litertlm"], fields["decoding"]["context"]),
        fields["decoding"]["stop"],
        tokenizer.special_ids.start if tokenizer.adds_start else None,
        tokenizer.chat_template,
    )


def _builder():
    """The package that writes such files."""
    try:
        import litert_lm_builder
    except ImportError as error:
        raise missing_package("litert-lm-builder", "litertlm") from error
    return litert_lm_builder


def operators(path):
    """The names of the operators of the .tflite in it."""
    return tflite.operators_of(model_of(path))


def model_of(path):
    """The bytes of the .tflite in it."""
    from litert_lm_builder import litertlm_header_schema_py_generated as schema
    from litert_lm_builder.litertlm_peek import read_litertlm_header

    require_file(path)
    header = read_litertlm_header(str(path), io.StringIO()).SectionMetadata()
    sections = map(header.Objects, range(header.ObjectsLength()))
    [section] = [s for s in sections if s.DataType() == schema.AnySectionDataType.TFLiteModel]
    with open(path, "rb") as file:
        file.seek(section.BeginOffset())
        return file.read(section.EndOffset() - section.BeginOffset())


class BundleRuntime:
    """LiteRT-LM with the file of an artifact: text in, text out, greedy. A context manager.

    Args:
        path: of the .litertlm file.
        num_threads: of one call.

    Raises:
        ImportError: if `litert-lm-api` is not installed; names the extra.
    """

    def __init__(self, path, num_threads=1):
        try:
            import litert_lm
        except ImportError as error:
            raise missing_package("litert-lm-api", "litertlm") from error
        self._api = litert_lm
        litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
        backend = litert_lm.Backend.CPU(thread_count=num_threads)
        self._engine = litert_lm.Engine(str(path), backend=backend, cache_dir=":nocache")
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self._engine)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stack.close()

    def tokenize(self, text):
        """The ids of a text, a list."""
        return list(self._engine.tokenize(text))

    def generate(self, text, max_new_tokens):
        """What LiteRT-LM writes after a text, at most so many tokens; greedy."""
        sampler = self._api.SamplerConfig(top_k=1)
        session = self._engine.create_session(
            apply_prompt_template=False, sampler_config=sampler, max_output_tokens=max_new_tokens
        )
        with session:
            session.run_prefill([text])
            return session.run_decode().texts[0]
