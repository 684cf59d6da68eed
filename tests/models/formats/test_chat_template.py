"""Chat templates: real ones pass, programs in disguise do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.formats.refusals import TemplateHostile
from models.formats.template import check_template

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not
        (message.content.startswith('<tool_response>') and message.content.endswith('x')) %}
        {%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}
    {%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "assistant" and '</think>' in content %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>' }}{%- endif %}"""
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != "
    "(loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% else %}{{ message['content'] + eos_token}}{% endif %}{% endfor %}"
)
MACRO = (
    "{% macro line(m, depth=0) %}{{ '  ' * depth }}{{ m.role }}: {{ m.content | trim }}{% endmacro %}"
    "{% generation %}{% for m in messages %}{{ line(m) }}{% break %}{% endfor %}{% endgeneration %}"
    "{{ strftime_now('%d %b %Y') }}{% for i in range(3) %}{{ i }}{% endfor %}"
)
GROWTH = (
    "{% set ns = namespace(s='abcdefgh') %}{% for c in 'a' * 40 %}"
    "{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}"
)
ROOT = Path(__file__).resolve().parents[3]

HOSTILE = {
    "class walk": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "template-attribute"),
    "class by key": ("{{ messages['__class__'] }}", "template-attribute"),
    "attr filter": ("{{ messages | attr('x') }}", "template-node"),
    "map attribute": ("{{ messages | map(attribute='__class__') | list }}", "template-attribute"),
    "class put together": ("{{ messages['_' ~ '_class__'] }}", "template-run"),
    "map put together": (
        "{{ messages | map(attribute='_' ~ '_class__') | list }}",
        "template-run",
    ),
    "constant of gigabytes": ("{{ 'a' * 1000000 * 700 }}", "template-run"),
    "globals": ("{{ lipsum.__globals__ }}", None),
    "cycler": ("{{ cycler.__init__ }}", None),
    "self": ("{{ self.x }}", "template-node"),
    "private": ("{{ messages._x }}", "template-attribute"),
    "format string": ("{{ '{0.__class__}'.format(1) }}", "template-attribute"),
    "format filter": ("{{ '%99999999d' | format(1) }}", "template-node"),
    "include": ("{% include '/etc/passwd' %}", "template-node"),
    "import": ("{% import 'os' as os %}", "template-node"),
    "from import": ("{% from 'os' import system %}", "template-node"),
    "extends": ("{% extends 'x' %}", "template-node"),
    "block": ("{% block a %}{% endblock %}", "template-node"),
    "do": ("{% do messages.append(1) %}", None),
    "power": ("{{ 9 ** 9 ** 9 }}", None),
    "big constant": ("{{ 'a' * 10000000 }}", "template-constant"),
    "big range": ("{% for i in range(100000) %}x{% endfor %}", "template-range"),
    "nested loops": (
        "".join(f"{{% for a{n} in range(9999) %}}" for n in range(4)) + "x" + "{% endfor %}" * 4,
        "template-run",
    ),
    "silent loops": (
        "".join(f"{{% for a{n} in range(9999) %}}" for n in range(4))
        + "{% set x = 1 %}"
        + "{% endfor %}" * 4,
        "template-run",
    ),
    "doubling": (GROWTH, "template-run"),
    "replace bomb": (
        "{% set s = 'a' * 100000 %}{{ s | replace('a', s) | replace('a', s) | length }}",
        "template-run",
    ),
    "endless macro": ("{% macro m(x) %}{{ m(x + 1) }}{% endmacro %}{{ m(0) }}", None),
    "long output": ("{{ 'abcdefghij' * 900000 }}", "template-run"),
    "nesting": ("{% if a %}" * 60 + "{% endif %}" * 60, None),
    "parentheses": ("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}", None),
    "size": ("x" * (65 << 10), "template-size"),
    "nodes": ("{{a}}" * 9000, "template-size"),
    "syntax": ("{% for %}", "template-syntax"),
    "unclosed": ("{{ 'a", "template-syntax"),
    "digits": ("{{ " + "9" * 6000 + " }}", None),
    "unknown call": ("{{ open('/etc/passwd') }}", "template-node"),
    "debug": ("{% debug %}", "template-syntax"),
    "trans": ("{% trans %}x{% endtrans %}", "template-syntax"),
}


@pytest.mark.parametrize("source", [CHATML, QWEN, MISTRAL, MACRO, "", "plain"])
def test_real_templates_pass(source: str) -> None:
    check_template(source)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_are_refused(name: str) -> None:
    source, rule = HOSTILE[name]
    with pytest.raises(TemplateHostile) as caught:
        check_template(source)
    assert rule is None or caught.value.facts["rule"] == rule


def test_constants_are_not_counted_out_in_this_process() -> None:
    bomb = "{{ ('a' * 1000) | replace('a', 'a' * 400000) }}"
    code = (
        "from pathlib import Path\n"
        "from models.formats.template import TemplateHostile, check_template\n"
        f"try: check_template({bomb!r})\n"
        "except TemplateHostile: pass\n"
        # Not `ru_maxrss`, which begins with what the process had that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 200_000  # KiB; it was 400 MB
