"""Chat templates: the texts of transformers, within bounds."""

import subprocess
import sys

import pytest

from keras_attention._validation import InputError
from keras_attention.text import ByteTokenizer, chat_prompt, chat_template

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "2 < 3 & {{ x }}?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "So?"},
]
# As SmolLM2-Instruct has it
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}"
)


def apply(template, messages=None, **variables):
    tokenizer = ByteTokenizer()
    tokenizer.chat_template = template
    return chat_prompt(tokenizer, messages or CHAT[1:2], **variables)


def test_a_published_template():
    assert apply(SMOLLM2, CHAT) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2 < 3 & {{ x }}?<|im_end|>\n"
        "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nSo?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert apply(SMOLLM2).startswith("<|im_start|>system\nYou are a helpful")


def test_what_templates_use():
    """Blocks without their lines, loop controls, tojson, the end's name, further variables."""
    template = """
    {%- for message in messages %}
        {% if message.role == 'system' %}{% continue %}{% endif %}
{% generation %}[{{ message.content | trim }}]{% endgeneration %}
    {% endfor %}
{{ {'a': ['é', tools]} | tojson }}{{ eos_token }}{{ bos_token is defined }}{{ extra }}"""
    assert apply(template, CHAT, extra=7) == (
        '[2 < 3 & {{ x }}?][Yes.][So?]{"a": ["é", null]}<|endoftext|>False7'
    )
    assert len(apply("{{ strftime_now('%Y') }}")) == 4


@pytest.mark.parametrize(
    "template, message",
    [
        ("{{ raise_exception('roles must alternate') }}", "applied: roles must alternate."),
        ("{% for %}", "applied: Expected"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ nothing.at_all }}", "undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include 'x' %}", "no loader"),
        ("{{ 'x' * 2000000 }}", "more than 1,000,000 characters"),
        ("{% for i in range(99999) %}{{ 'x' * 99 }}{% endfor %}", "more than 1,000,000 characters"),
        ("{{ ('x' * 9999999999) | length }}", "too much memory"),
        ("{% for i in range(9999999) %}{% endfor %}", "too big"),
    ],
)
def test_errors_are_one_sentence(template, message):
    with pytest.raises(InputError, match=message) as raised:
        apply(template)
    assert "\n" not in str(raised.value) and not str(raised.value).endswith("..")


def test_endless_work_is_ended(monkeypatch):
    monkeypatch.setattr(chat_template, "SECONDS", 1)
    loops = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    with pytest.raises(InputError, match="more than 1 seconds"):
        apply(loops)


def test_without_a_template_or_messages():
    with pytest.raises(InputError, match="The model has no chat template"):
        chat_prompt(ByteTokenizer(), CHAT)
    for messages in ([], "hello", [{"role": "user"}], [{"role": "user", "content": 3}], ["x"]):
        tokenizer = ByteTokenizer()
        tokenizer.chat_template = "x"
        with pytest.raises(ValueError, match="`messages` must be"):
            chat_prompt(tokenizer, messages)


def test_without_jinja(monkeypatch):
    def run(command, **options):
        code = "import sys; sys.modules['jinja2'] = None; sys.argv = sys.argv[1:]; import runpy; "
        code += "runpy.run_path(sys.argv[0], run_name='__main__')"
        return original([sys.executable, "-P", "-c", code, command[-1]], **options)

    original = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ImportError, match=r"pip install 'keras_attention\[chat\]'"):
        apply("x")
