"""Applies a chat template in a process of its own, within bounds: `chat_template` starts it.

It reads a JSON object from standard input and writes one to standard output. It imports nothing of
this package, so that it starts quickly.
"""

import datetime
import json
import sys


def main():
    """Reads the request, and writes `{"text": ...}` or `{"error": ...}`."""
    request = json.load(sys.stdin)
    _limit(request["seconds"], request["memory"])
    try:
        answer = {"text": render(request["template"], request["values"], request["longest"])}
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except MemoryError:
        answer = {"error": "it needs too much memory"}
    except Exception as error:  # whatever a template calls may raise anything
        answer = {"error": f"{error}" or type(error).__name__}
    json.dump(answer, sys.stdout)


def _limit(seconds, memory):
    try:
        import resource
    except ImportError:  # Windows; there the other process ends this one
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def render(template, values, longest):
    """The text of a template, in the environment that transformers gives one.

    Args:
        template: string.
        values: dict of its variables.
        longest: maximum number of characters.

    Raises:
        TemplateError: if the template is wrong, raises an error or gives more.
    """
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`, by which templates mark what the assistant says: only its text."""

        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    def raise_exception(message):
        raise TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    parts, length = [], 0
    for part in environment.from_string(template).generate(values):
        length += len(part)
        if length > longest:
            raise TemplateError(f"it gives more than {longest:,} characters")
        parts.append(part)
    return "".join(parts)


if __name__ == "__main__":
    main()
