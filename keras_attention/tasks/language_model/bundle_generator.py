"""A language model that LiteRT-LM runs: prompts in, continuations out."""

from pathlib import Path

from keras_attention._validation import InputError, require_positive_integer, require_texts
from keras_attention.artifacts.formats import ALL_FORMATS
from keras_attention.tasks.language_model.artifact_generator import generator_of, names_of

NEW_TOKENS = 128  # where the caller does not say how many


def refuse_bundle(user):
    """Raises `InputError` for a model that LiteRT-LM runs, where tokens or scores are needed."""
    if isinstance(user, BundleGenerator):
        raise InputError(
            "LiteRT-LM gives text alone, without tokens and scores: use `generate` from Python, "
            "the program in export/litertlm, or the runtime tflite."
        )


class BundleGenerator:
    """Goes on with texts in LiteRT-LM, greedily. It gives neither scores nor streams.

    Args:
        directory: path of an artifact with `model.litertlm`.
        manifest: the artifact's manifest, a dict.

    >>> BundleGenerator("artifact", manifest).generate(["To be, or"], max_new_tokens=20)
    [' not to be, that is']
    """

    def __init__(self, directory, manifest):
        from keras_attention.artifacts.litertlm import BundleRuntime

        self.directory, self.manifest = directory, manifest
        self.context = manifest["decoding"]["context"]
        self.path = Path(directory) / ALL_FORMATS["litertlm"].path
        self.runtime = BundleRuntime(self.path)

    def inner(self):
        """A `TextGenerator` that runs the .tflite in the file by LiteRT: it gives scores."""
        from keras_attention.artifacts import litertlm, tflite

        names = names_of("litertlm", self.manifest)
        functions = tflite.signatures(litertlm.model_of(self.path), names)
        return generator_of(functions, self.directory, "litertlm", self.manifest)

    def continuations(self, *args, **options):
        """Refused: LiteRT-LM gives text alone, without tokens and scores."""
        refuse_bundle(self)

    def generate(self, texts, max_new_tokens=NEW_TOKENS, **others):
        """The continuation of each text, without the text itself.

        Args:
            texts: list of strings.
            max_new_tokens: tokens of a continuation, at most.

        Raises:
            ValueError: if `texts` is not a list of strings, or the number is out of range.
            InputError: if a text is empty, or anything else is asked for.
        """
        given = [f"`{name}`" for name, value in others.items() if value]
        if given:
            raise InputError(
                f"LiteRT-LM writes greedily here, without {' and '.join(given)}: load the artifact "
                "with another runtime, such as tflite."
            )
        require_texts("texts", texts)
        require_positive_integer("max_new_tokens", max_new_tokens)
        if not all(texts):
            raise InputError(f"line {texts.index('') + 1}: the prompt is empty.")
        max_new_tokens = min(max_new_tokens, self.context)  # LiteRT-LM counts in int32
        return [self.runtime.generate(text, max_new_tokens) for text in texts]
