"""What the task of language models answers about artifacts."""

from keras_attention._validation import InputError, require
from keras_attention.tasks.language_model.artifact_generator import MANIFEST_FIELDS
from keras_attention.tasks.language_model.options import EXPORT_OPTIONS
from keras_attention.tasks.task import Task


class LanguageModelArtifacts(Task):
    """The half of `LanguageModelTask` that exports and opens artifacts."""

    export_options = EXPORT_OPTIONS
    example_options = ("valid",)
    manifest_fields = MANIFEST_FIELDS
    further_formats = ("litertlm",)

    def require_manifest(self, path, manifest):
        from keras_attention.tasks.language_model.artifact_generator import (
            require_language_model_manifest,
        )

        require_language_model_manifest(path, manifest)

    def artifact_options(self, path, manifest, seed=None, stop=(), **search):
        from keras_attention.search_options import decoding_of_artifact
        from keras_attention.tasks.language_model.stop_text import require_stop_texts

        seed = decoding_of_artifact(path, manifest["decoding"], seed, **search)
        return seed, require_stop_texts(stop)

    def open(self, directory, runtime, manifest, options=None):
        from keras_attention.tasks.language_model.artifact_generator import artifact_generator
        from keras_attention.tasks.language_model.bundle_generator import BundleGenerator

        if runtime in self.further_formats:
            if options and options[1]:
                raise InputError(
                    f"{directory} in {runtime} stops where it was exported to: `stop` cannot be "
                    f"given when it is loaded. Received: stop={list(options[1])}"
                )
            return BundleGenerator(directory, manifest)
        return artifact_generator(directory, runtime, manifest, *(options or (0, ())))

    def examples(self, config, precision, say, valid=None):
        from keras_attention.tasks.language_model.texts_to_compare_on import texts_to_compare_on

        return texts_to_compare_on(config, valid)

    def require_export(self, user, precision, single_loop=False, cache_length=None):
        context = user.model.max_sequence_length
        is_size = type(cache_length) is int and 0 < cache_length <= context
        require(
            cache_length is None or is_size,
            "cache_length",
            f"an integer from 1 to the context of {context:,}",
            cache_length=cache_length,
        )

    def require_further_format(self, user, name):
        search, size = user.search, user.tokenizer.vocabulary_size
        beam = not (search.is_greedy or search.is_sampling)
        ignored = {
            "`sample`": search.is_sampling,
            "a beam": beam,
            "`repetition_penalty`": search.repetition_penalty != 1,
            "`min_length`": search.min_length,
            # Rows that stand for no token win as rarely there as where the model was trained.
            "forbidden ids": any(token_id < size for token_id in user.model.forbidden_ids),
        }
        given = [option for option, value in ignored.items() if value]
        if given:
            raise InputError(
                f"LiteRT-LM writes in its own way, without {' and '.join(given)}: leave that out, "
                f"or leave out {name}."
            )

    def graph(self, user, **options):
        from keras_attention.tasks.language_model.graph_functions import language_model_graph
        from keras_attention.tasks.language_model.stop_ids import stop_ids

        stops = stop_ids(user.tokenizer, user.stops)
        return language_model_graph(
            user.model, user.tokenizer, user.search, user.stops, stops, **options
        )

    def comparison(self, user, examples):
        from keras_attention.tasks.language_model.language_model_comparison import (
            LanguageModelComparison,
        )

        return LanguageModelComparison(user, examples)

    def describe(self, manifest):
        yield from self.describe_answers(manifest)
        lengths = manifest.get("steps", {}).get("prefill_lengths", ())
        if lengths:
            yield f"reads prompts by {' or '.join(map(str, lengths))} tokens at a time"
