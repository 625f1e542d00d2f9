"""Goes on with each line of standard input with an artifact's model.litertlm, shown as it comes.

    python generate.py ARTIFACT [--max-new-tokens N] [--json] [--chat] < prompts.txt

Needs litert-lm-api; neither TensorFlow nor keras_attention.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import litert_lm

MODEL = "model.litertlm"


def checked(artifact):
    """The path of the artifact's model; ends the program if it is not as manifest.json says."""
    path = Path(artifact) / MODEL
    try:
        manifest = json.loads((Path(artifact) / "manifest.json").read_bytes())
        data = path.read_bytes()
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read ({error.strerror}).")
    if hashlib.sha256(data).hexdigest() != manifest["files"][MODEL]["sha256"]:
        sys.exit(f"{path} is not as manifest.json says.")
    return path


def plain(engine, prompt, limit):
    """The parts of what follows a prompt, as they come."""
    options = {"sampler_config": litert_lm.SamplerConfig(top_k=1), "max_output_tokens": limit}
    with engine.create_session(apply_prompt_template=False, **options) as session:
        session.run_prefill([prompt])
        for answer in session.run_decode_async():
            yield answer.texts[0]


def answered(engine, prompt, limit):
    """The parts of the answer to a message, which the model's chat template makes a prompt of."""
    with engine.create_conversation() as conversation:
        for message in conversation.send_message_async(prompt):
            yield from (part["text"] for part in message["content"] if part["type"] == "text")


def main():
    """One line in, its continuation out; ends with status 1 if one has none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact")
    parser.add_argument("--max-new-tokens", type=int, default=128, metavar="N")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each prompt")
    parser.add_argument("--chat", action="store_true", help="a line is a message to the model")
    options = parser.parse_args()
    path = str(checked(options.artifact))
    backend = litert_lm.Backend.CPU(thread_count=2)
    write = answered if options.chat else plain
    status = 0
    with litert_lm.Engine(path, backend=backend, cache_dir=":nocache") as engine:
        for number, line in enumerate(sys.stdin.buffer, start=1):
            prompt, fault = prompt_of(line)
            if fault:
                print(f"Line {number}: {fault}", file=sys.stderr)
                status = 1
            parts = [] if fault else write(engine, prompt, options.max_new_tokens)
            if options.json and fault:
                parts = [json.dumps({"text": None})]
            elif options.json:
                parts = [json.dumps({"text": "".join(parts)}, ensure_ascii=False)]
            for part in parts:
                sys.stdout.buffer.write(part.encode())
                sys.stdout.buffer.flush()
            sys.stdout.buffer.write(b"\n")
    sys.exit(status)


def prompt_of(line):
    """The text of a line, bytes, and what is wrong with it, or None."""
    try:
        prompt = line.decode().removesuffix("\n")
    except UnicodeDecodeError:
        return None, "it is not UTF-8 text."
    return prompt, None if prompt else "the prompt is empty."


if __name__ == "__main__":
    main()
