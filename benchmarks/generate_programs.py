"""The programs of generate_speed.py, each run in a process of its own: token ids in, ids out.

python benchmarks/generate_programs.py --prepare PRESET SIZES FOLDER LENGTH PROGRAM ...
python benchmarks/generate_programs.py PROGRAM FOLDER THREADS

SIZES is a JSON object of what the model has in the place of the preset's. The second reads a line
of JSON for each request, and writes one.
"""

import functools
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

import benchmarks  # noqa: F401 (its environment; a program may be run alone)

PREFILL_LENGTHS = (16, 128)
PUBLISHED, TOKENS = "published", "tokens.json"


def artifact_ids(kind, precision, folder, threads):
    """The signature `ids` of one of our formats: the whole generation in one call."""
    run = _signatures(kind, precision, folder, threads)["ids"]

    def generate(prompts, new_tokens):
        count, length = prompts.shape
        lengths, limits = (np.full(count, n, np.int32) for n in (length, new_tokens))
        return run(prompt_ids=prompts, lengths=lengths, max_new_tokens=limits)["token_ids"]

    return generate


def artifact_steps(kind, precision, folder, threads):
    """`prefill_N` and `decode` of one of our formats, the tokens chosen in Python."""
    from keras_attention.tasks.language_model.step_reader import StepReader

    shape = _shape(folder)
    size = None if kind == "onnx" else shape["capacity"]
    shapes = {name: (*s[:2], size, s[3]) for name, s in shape["caches"].items()}
    functions = _signatures(kind, precision, folder, threads)
    reader = StepReader(functions, shape["prefill_lengths"], shapes, shape["context"])

    def generate(prompts, new_tokens):
        logits, found = reader.start(prompts[0].tolist()), []
        while True:
            found.append(int(logits.argmax()))
            if len(found) == new_tokens:
                return np.array([found])
            logits = reader.read(found[-1])

    return generate


def _signatures(kind, precision, folder, threads):
    import importlib

    files = {"saved_model": "saved_model/1", "tflite": f"{precision}/model.tflite"}
    path = folder / files.get(kind, f"{precision}/model.onnx")
    lengths = _shape(folder)["prefill_lengths"]
    names = ["ids", *(f"prefill_{n}" for n in lengths), "decode"]
    options = {} if kind == "saved_model" else {"num_threads": threads}
    module = importlib.import_module(f"keras_attention.artifacts.{kind}")
    return module.signatures(path, names, **options)


def ctranslate2(precision, folder, threads):
    """CTranslate2's Generator."""
    import ctranslate2

    _require(folder / "ctranslate2")
    generator = ctranslate2.Generator(
        str(folder / "ctranslate2"), compute_type=precision, intra_threads=threads
    )
    vocabulary = json.loads((folder / TOKENS).read_text())

    def generate(prompts, new_tokens):
        found = generator.generate_batch(
            [[vocabulary[i] for i in row] for row in prompts.tolist()],
            max_length=new_tokens,
            min_length=new_tokens,
            sampling_topk=1,
            include_prompt_in_result=False,
        )
        return np.array([each.sequences_ids[0] for each in found])

    return generate


def keras_hub(precision, folder, threads):
    """KerasHub's `generate`, compiled."""
    import keras_hub as hub

    _limit_tensorflow(threads)
    causal_lm = {"gpt2": hub.models.GPT2CausalLM, "llama": hub.models.LlamaCausalLM}
    kind = json.loads((folder / PUBLISHED / "config.json").read_text())["model_type"]
    model = causal_lm[kind].from_preset(str(folder / PUBLISHED), preprocessor=None)
    model.compile(sampler="greedy")

    def generate(prompts, new_tokens):
        count, length = prompts.shape
        ids = np.pad(prompts, [(0, 0), (0, new_tokens)])
        mask = np.arange(length + new_tokens) < np.full((count, 1), length)
        found = model.generate({"token_ids": ids, "padding_mask": mask}, stop_token_ids=None)
        return np.asarray(found["token_ids"])[:, length:]

    return generate


def transformers(precision, folder, threads):
    """`generate` of transformers, on PyTorch."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder / PUBLISHED).eval()
    if precision == "int8":
        linear = {torch.nn.Linear}
        model = torch.ao.quantization.quantize_dynamic(model, linear, dtype=torch.qint8)

    def generate(prompts, new_tokens):
        ids = torch.tensor(prompts, dtype=torch.long)
        options = dict(max_new_tokens=new_tokens, min_new_tokens=new_tokens, do_sample=False)
        with torch.inference_mode():
            found = model.generate(
                ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **options
            )
        return found[:, ids.shape[1] :].numpy()

    return generate


def genai(precision, folder, threads):
    """onnxruntime-genai, with a model of its own builder."""
    import onnxruntime_genai as og

    output = folder / "genai"
    if not output.exists():
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-p", "fp32"]
        command += ["-m", str(folder / PUBLISHED), "-o", str(output), "-e", "cpu"]
        subprocess.run(command, check=True, capture_output=True)
    config = json.loads((output / "genai_config.json").read_text())
    config["model"]["decoder"]["session_options"]["intra_op_num_threads"] = threads
    (output / "genai_config.json").write_text(json.dumps(config))
    model = og.Model(str(output))

    def generate(prompts, new_tokens):
        count, length = prompts.shape
        params = og.GeneratorParams(model)
        total = length + new_tokens
        params.set_search_options(max_length=total, min_length=total, batch_size=count)
        generator = og.Generator(model, params)
        generator.append_tokens(prompts)
        while not generator.is_done():
            generator.generate_next_token()
        return np.array([generator.get_sequence(i)[length:] for i in range(count)])

    return generate


def litert_lm(precision, folder, threads):
    """LiteRT-LM with our model.litertlm, whose tokens are spelled <0>, <1>, ..."""
    from keras_attention.artifacts.litertlm import BundleRuntime

    runtime = BundleRuntime(folder / precision / "model.litertlm", threads)

    def generate(prompts, new_tokens):
        text = runtime.generate("".join(f"<{i}>" for i in prompts[0]), new_tokens)
        return np.array([[int(i) for i in text.replace(" ", "")[1:-1].split("><")]])

    return generate


OURS = {
    "ONNX float32": functools.partial(artifact_ids, "onnx", "float32"),
    "TFLite float32": functools.partial(artifact_ids, "tflite", "float32"),
    "SavedModel float32": functools.partial(artifact_ids, "saved_model", "float32"),
    "ONNX steps float32": functools.partial(artifact_steps, "onnx", "float32"),
    "TFLite steps float32": functools.partial(artifact_steps, "tflite", "float32"),
    "ONNX int8": functools.partial(artifact_ids, "onnx", "int8"),
    "TFLite int8": functools.partial(artifact_ids, "tflite", "int8"),
    "TFLite steps int8": functools.partial(artifact_steps, "tflite", "int8"),
}
PEERS = {
    "CTranslate2 float32": functools.partial(ctranslate2, "float32"),
    "KerasHub float32": functools.partial(keras_hub, "float32"),
    "transformers float32": functools.partial(transformers, "float32"),
    "onnxruntime-genai float32": functools.partial(genai, "float32"),
    "LiteRT-LM float32": functools.partial(litert_lm, "float32"),
    "CTranslate2 int8": functools.partial(ctranslate2, "int8"),
    "transformers int8": functools.partial(transformers, "int8"),
    "LiteRT-LM int8": functools.partial(litert_lm, "int8"),
}
REFERENCE = "ONNX float32"
ONE_ROW = tuple(name for name in (*OURS, *PEERS) if "steps" in name or "LiteRT-LM" in name)


def _limit_tensorflow(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _shape(folder):
    return json.loads((folder / "shape.json").read_text())


def _require(path):
    if not path.exists():
        raise SystemExit(f"{path.name} was not prepared")


def serve(name, folder, threads):
    """Answers requests on standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    if name == "SavedModel float32":
        _limit_tensorflow(threads)
    generate = {**OURS, **PEERS}[name](folder, threads)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prompts = np.array(request["prompts"], np.int32)
        started = time.perf_counter()
        found = generate(prompts, request["new_tokens"])
        seconds = time.perf_counter() - started
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = {"token_ids": np.asarray(found).tolist(), "seconds": seconds, "peak": peak}
        print(json.dumps(answer), file=answers, flush=True)


def main():
    """Prepares what the programs read, or is one of them."""
    if sys.argv[1] == "--prepare":
        from benchmarks.generate_models import prepare

        shape, sizes, folder, length, *names = sys.argv[2:]
        prepare(shape, Path(folder), int(length), names, json.loads(sizes))
    else:
        name, folder, threads = sys.argv[1:]
        serve(name, Path(folder), int(threads))


if __name__ == "__main__":
    main()
