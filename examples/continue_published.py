"""A published language model trained on with texts of one's own: GPT-2, GPT-Neo or a Llama.

python examples/continue_published.py DIRECTORY INPUT.txt [--output continued] [--steps 100]

DIRECTORY is one of HuggingFace's: config.json, model.safetensors and the tokenizer's files.
"""

import argparse
from pathlib import Path

from keras_attention.tasks.evaluate import evaluate
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
from keras_attention.tasks.train import train


def main(directory, texts, output="continued", steps=100, prompt="The ", **options):
    """Leaves two runs in `output`; returns the bits per byte of the last tenth by their names."""
    output = Path(output)
    document = Path(texts).read_text(encoding="utf-8")
    place = int(0.9 * len(document))
    output.mkdir(parents=True, exist_ok=True)
    parts = {"train": document[:place], "valid": document[place:]}
    for name, part in parts.items():
        (output / f"{name}.txt").write_text(part, encoding="utf-8")

    published = output / "published"
    import_checkpoint(directory, published, force=True)
    config = LanguageModelConfig.for_preset(
        initial_weights=str(published),
        train=str(output / "train.txt"),
        valid=str(output / "valid.txt"),
        steps=steps,
        **options,
    )
    generator = train(config, output / "run", force=True)

    bits = {}
    for name in ("published", "run"):
        scores = evaluate("language-model", output / name, data=str(output / "valid.txt"))
        bits[name] = scores["bits_per_byte"]
        print(f"{name:<10} {bits[name]:.3f} bits per byte")
    print(prompt + generator.generate([prompt], max_new_tokens=40)[0])
    return bits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("texts")
    parser.add_argument("--output", default="continued")
    parser.add_argument("--steps", type=int, default=100)
    main(**vars(parser.parse_args()))
