"""Writes expression cases: what templates do with values, evaluated by transformers.

usage: gen_expression_cases.py DIR

Writes DIR/templates/expressions.jinja, which picks one of the expressions below by number, and DIR/expressions.jsonl with
every expression on every value that matters to it. Needs transformers and jinja2.

Left out because they are known to differ, and no chat template needs them: `%` formatting of strings, ordering values of
different types (an error in Python), `~` with a float of 1e16 or more, title case of letters without one, and filters that
chat templates do not use (`groupby`, `wordcount`, `indent` of blank lines, `abs` of booleans).
"""

import json
import pathlib
import sys

from transformers.utils import chat_template_utils

ANY = [None, True, False, 0, -3, 2.5, 1e16, 1e-7, "", "s", " It's\u00a0\n", "é\u0301\u200d\U0001f469", [], [1, "a'b", None, 2.0], {}, {"k": [True], "2": "v"}]
TEXT = ["", "a", "a,b,,c", "  lead and trail \n", "<think>x</think>\n\ny</think>z", "Straße ǅ ﬁ", "\x1c\u2003x\x85", "abcabc", "-42", "l1\r\nl2\rl3\x0bl4\n", "word one  two\tthree"]
LIST = [[], [1, 2, 3], ["b", "A", "c", "a"], [{"n": 1, "t": "x"}, {"n": 2, "t": "y"}, {"n": 1}], [[1, 2], [3, 4]], [None, 0, "", "x", False]]
DICT = [{}, {"b": 1, "a": 2, "C": 0}, {"items": "shadow", "x": None}]
NUMBER = [0, 1, 7, -7, 2.5, -0.5, 1e16, True, 123456789012]

EXPRESSIONS = [
    (ANY, "{{ v }}"),
    (ANY, "{{ [v, (v,), {'k': v}] }}"),
    (ANY, "{{ v | string }}"),
    (ANY, "{{ v | trim }}"),
    (ANY, "{{ v | upper }}{{ v | lower }}"),
    (ANY, "{{ v | tojson }}"),
    (ANY, "{{ v | tojson(indent=2) }}"),
    (ANY, "{{ v | tojson(ensure_ascii=true) }}"),
    (ANY, "{{ {'b': v, 'a': v} | tojson(sort_keys=true, separators=(',', ':')) }}"),
    (ANY, "{{ v is string }}{{ v is mapping }}{{ v is iterable }}{{ v is sequence }}{{ v is number }}{{ v is none }}{{ v is defined }}"),
    (ANY, "{{ v | default('d') }}|{{ v | default('d', true) }}|{{ missing | default('d') }}"),
    (ANY, "{{ 'yes' if v else 'no' }}{{ not v }}"),
    (ANY, "{{ v or 'or' }}|{{ v and 'and' }}"),
    (ANY, "{{ 'x' + v }}"),
    (ANY, "{{ v + v }}"),
    (ANY, "{{ v * 2 }}"),
    (ANY, "{{ v == none }}{{ v == 0 }}{{ v == '' }}{{ v == false }}{{ v == [] }}"),
    (ANY, "{{ v | length }}"),
    (ANY, "{{ v[0] }}"),
    (ANY, "{{ v.k }}"),
    (ANY, "{{ v['k'] }}"),
    (ANY, "{{ v.k.j }}"),
    (ANY, "{{ 'a' in v }}"),
    (ANY, "{{ v in ['s', 0, none] }}"),
    (ANY, "{% for x in v %}<{{ x }}>{% endfor %}"),
    (ANY, "{{ v | list }}"),
    (ANY, "{{ v | join('-') }}"),
    (ANY, "{{ v | first }}"),
    (ANY, "{{ v | last }}"),
    (ANY, "{{ v | int }}|{{ v | int(5) }}"),
    (ANY, "{{ v | float }}"),
    (ANY, "{{ v | items | list }}"),
    (ANY, "{{ v.items() | list }}"),
    (ANY, "{{ v.startswith('s') }}"),
    (ANY, "{{ v | selectattr('k') | list }}"),
    (ANY, "{{ v | map('string') | list }}"),
    (ANY, "{{ v is in [1, 's'] }}"),
    (ANY, "{{ v is eq 0 }}{{ v is ne 's' }}"),
    (ANY, "{{ v is sameas none }}"),
    (ANY, "{{ missing }}|{{ missing is defined }}|{{ missing or v }}"),
    (ANY, "{{ missing.a }}"),
    (ANY, "{{ (v if false) }}|{{ (v if false) is defined }}"),
    (ANY, "{{ namespace(a=v).a }}"),
    (ANY, "{{ dict(a=v) }}"),
    (ANY, "{{ missing + 'x' }}"),
    (ANY, "{{ missing | length }}{{ missing | list }}{% for x in missing %}x{% endfor %}{{ 'x' in missing }}"),
    (ANY, "{{ missing == v }}"),
    (ANY, "{{ missing | tojson }}"),
    (ANY, "{{ missing | trim }}|{{ missing | upper }}|{{ missing | string }}|{{ missing ~ 'x' }}"),
    (TEXT, "{{ v.split(',') }}"),
    (TEXT, "{{ v.split() }}"),
    (TEXT, "{{ v.split(',', 1) }}"),
    (TEXT, "{{ v.split(sep=',', maxsplit=1) }}"),
    (TEXT, "{{ v.split(none, 1) }}"),
    (TEXT, "{{ v.rsplit(',', 1) }}"),
    (TEXT, "{{ v.rsplit() }}"),
    (TEXT, "{{ v.rsplit(none, 1) }}"),
    (TEXT, "{{ v.split('</think>')[-1].lstrip('\\n') }}"),
    (TEXT, "{{ v.strip() }}|"),
    (TEXT, "{{ v.lstrip() }}|{{ v.rstrip() }}|"),
    (TEXT, "{{ v.strip('abc,') }}|{{ v.lstrip('a ') }}|{{ v.rstrip('c\\n') }}"),
    (TEXT, "{{ v.upper() }}{{ v.lower() }}"),
    (TEXT, "{{ v.replace('a', 'XX') }}{{ v.replace('a', '', 1) }}{{ v.replace('', '-') }}"),
    (TEXT, "{{ v.startswith(('a', '<')) }}{{ v.endswith(('c', 'z')) }}"),
    (TEXT, "{{ v.find('b') }}{{ v.rfind('b') }}{{ v.count('a') }}"),
    (TEXT, "{{ v.index('b') }}"),
    (TEXT, "{{ v.partition(',') }}{{ v.rpartition(',') }}"),
    (TEXT, "{{ v.removeprefix('a') }}{{ v.removesuffix('c') }}"),
    (TEXT, "{{ v.splitlines() }}{{ v.splitlines(true) }}"),
    (TEXT, "{{ v.zfill(5) }}|{{ v.ljust(6, '.') }}|{{ v.rjust(6) }}|{{ v.center(7, '*') }}"),
    (TEXT, "{{ v.isdigit() }}{{ v.isalpha() }}{{ v.isalnum() }}{{ v.isspace() }}{{ v.isupper() }}{{ v.islower() }}"),
    (TEXT, "{{ v[0] }}|{{ v[-1] }}|{{ v[1:3] }}|{{ v[:-1] }}|{{ v[::-1] }}|{{ v[-2:] }}|{{ v[::2] }}"),
    (TEXT, "{{ v[10] }}|{{ v[10] is defined }}"),
    (TEXT, "{{ v * 2 }}{{ v * 0 }}{{ v * -1 }}"),
    (TEXT, "{{ '-'.join(v) }}"),
    (TEXT, "{{ v | length }}{{ v | count }}"),
    (TEXT, "{{ v | trim('a') }}|{{ v | title }}|{{ v | capitalize }}"),
    (TEXT, "{{ v | replace('a', 'b') }}{{ v | replace('a', 'b', 1) }}"),
    (TEXT, "{{ v | reverse }}"),
    (TEXT, "{{ v | list }}"),
    (TEXT, "{{ v | first }}|{{ v | last }}"),
    (TEXT, "{{ '{} {x}'.format(v, x=1) }}"),
    (TEXT, "{{ '%s-%d' | format(v, 3) }}"),
    (TEXT, "{{ 'a' < v }}"),
    (TEXT, "{{ v is upper }}{{ v is lower }}"),
    (TEXT, "{{ v.nonsense() }}"),
    (TEXT, "{{ v.nonsense }}|"),
    (TEXT, "{{ 'th' in v }}"),
    (TEXT, "{% set ns = namespace(x='') %}{% for c in v %}{% set ns.x = c + ns.x %}{% endfor %}{{ ns.x }}"),
    (LIST, "{{ v[0] }}|{{ v[-1] }}|{{ v[1:] }}|{{ v[::-1] }}|{{ v[:-1] }}|{{ v[5:] }}"),
    (LIST, "{{ v[9] }}|{{ v[9] is defined }}"),
    (LIST, "{{ v | join(', ') }}"),
    (LIST, "{{ v | join }}"),
    (LIST, "{{ v | first }}|{{ v | last }}"),
    (LIST, "{{ v | reverse | list }}"),
    (LIST, "{{ v | map(attribute='n') | list }}"),
    (LIST, "{{ v | map(attribute='t', default='?') | list }}"),
    (LIST, "{{ v | selectattr('n', 'equalto', 1) | list }}"),
    (LIST, "{{ v | selectattr('t') | list }}"),
    (LIST, "{{ v | rejectattr('t', 'defined') | list }}"),
    (LIST, "{{ v | rejectattr('n', 'eq', 2) | map(attribute='n') | join('+') }}"),
    (LIST, "{{ v | select | list }}{{ v | reject | list }}"),
    (LIST, "{{ v | select('string') | list }}"),
    (LIST, "{{ v | reject('equalto', 1) | join(', ') }}"),
    (LIST, "{{ v | sum }}"),
    (LIST, "{{ v | batch(2) | list }}"),
    (LIST, "{{ v | length }}"),
    (LIST, "{{ v + [9] }}"),
    (LIST, "{{ v * 2 }}"),
    (LIST, "{{ v.index(2) }}"),
    (LIST, "{{ v.count(1) }}"),
    (LIST, "{{ v.append(1) }}"),
    (LIST, "{{ 2 in v }}{{ 'a' not in v }}"),
    (LIST, "{% for x in v %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% else %}empty{% endfor %}"),
    (LIST, "{% for x in v if x %}{{ loop.index }}{{ x }}{% endfor %}"),
    (LIST, "{% for x in v %}{% if loop.index == 2 %}{% continue %}{% endif %}{{ x }}{% if loop.index == 3 %}{% break %}{% endif %}{% endfor %}"),
    (LIST, "{% for a, b in v %}{{ a }}{{ b }}{% endfor %}"),
    (LIST, "{% for x in v %}{{ loop.cycle('o', 'e') }}{{ loop.changed(x) }}{% endfor %}"),
    (LIST, "{% set x = 1 %}{% for y in v %}{% set x = y %}{% endfor %}{{ x }}"),
    (LIST, "{{ v | tojson }}{{ v | string }}"),
    (LIST, "{{ v[0].n }}|{{ v[0]['t'] }}"),
    (LIST, "{{ v | slice(2) | list }}"),
    (LIST, "{{ v | sort(attribute='n') }}"),
    (LIST, "{% macro m(a, b='d') %}[{{ a }}{{ b }}]{% endmacro %}{{ m(v) }}{{ m(1, b=v) }}{{ m() }}"),
    (LIST, "{% set s %}x{{ v }}{% endset %}{{ s | length }}{{ s }}"),
    (LIST, "{% call(x) m2() %}{{ x }}{% endcall %}"),
    (LIST, "{% filter upper %}a{{ v }}{% endfilter %}"),
    (LIST, "{% with a = v %}{{ a }}{% endwith %}"),
    (LIST, "{%- for i in range(3) -%} {{ i }} {%- endfor -%}{{ range(2, 8, 3) | list }}{{ range(3)[1] }}"),
    (LIST, "{{ v | dictsort }}"),
    (LIST, "{% generation %}{{ v }}{% set leak = 1 %}{% endgeneration %}{{ leak is defined }}"),
    (LIST, "{% set ns = namespace() %}{{ ns.x is defined }}{% set ns.x = v %}{{ ns.x }}"),
    (DICT, "{{ v.keys() | list }}{{ v.values() | list }}{{ v.items() | list }}"),
    (DICT, "{{ v | items | list }}"),
    (DICT, "{{ v | dictsort }}"),
    (DICT, "{{ v.get('a') }}{{ v.get('z') }}{{ v.get('z', 'd') }}"),
    (DICT, "{{ v.a }}|{{ v['a'] }}|{{ v.z is defined }}"),
    (DICT, "{{ 'a' in v }}{{ 'x' not in v }}"),
    (DICT, "{% for k in v %}{{ k }}{% endfor %}{% for k, x in v.items() %}{{ k }}={{ x }};{% endfor %}"),
    (DICT, "{{ v | length }}"),
    (DICT, "{{ v | list }}{{ v | first }}"),
    (DICT, "{{ v | tojson(indent=4) }}"),
    (DICT, "{{ v == {'b': 1, 'a': 2, 'C': 0} }}"),
    (DICT, "{{ v.update({'a': 1}) }}"),
    (DICT, "{{ dict(v, q=1) }}"),
    (NUMBER, "{{ v / 2 }}|{{ v // 2 }}|{{ v % 3 }}|{{ v ** 2 }}"),
    (NUMBER, "{{ v is odd }}{{ v is even }}{{ v is divisibleby 7 }}"),
    (NUMBER, "{{ v == 1 }}{{ v == true }}{{ v < 3 }}{{ 0 < v < 8 }}"),
    (NUMBER, "{{ 1 / v }}"),
    (NUMBER, "{{ range(v) | list | length }}"),
    (NUMBER, "{{ [0, 1, 2][v] }}"),
    (NUMBER, "{{ v | tojson }}"),
    (NUMBER, "{{ strftime_now('%d %b %Y') }}"),
    (NUMBER, "{{ v is divisibleby(0) }}"),
    (ANY, "{{ v is boolean }}{{ v is integer }}{{ v is float }}{{ v is true }}{{ v is false }}{{ v is undefined }}"),
    (TEXT, "{{ v | title }}"),
    (TEXT, "{{ 'a' ~ v ~ 1 }}"),
    (NUMBER, "{{ v }}|{{ v + 1 }}|{{ v - 0.5 }}|{{ v * 3 }}"),
]


def source():
    parts = []
    for index, (_, expression) in enumerate(EXPRESSIONS):
        parts.append("{%% %s n == %d %%}%s" % ("if" if index == 0 else "elif", index, expression))
    return "".join(parts) + "{% endif %}"


def main():
    folder = pathlib.Path(sys.argv[1])
    chat_template_utils.datetime = type("Fixed", (), {"now": staticmethod(lambda: __import__("datetime").datetime(2025, 1, 15))})
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "templates/expressions.jinja").write_text(source(), encoding="utf-8")
    template = chat_template_utils._compile_jinja_template(source())
    with open(folder / "expressions.jsonl", "w", encoding="utf-8") as lines:
        for index, (values, expression) in enumerate(EXPRESSIONS):
            for value in values:
                variables = {"n": index, "v": value}
                case = {"template_file": "templates/expressions.jinja", "name": expression, "messages": [], "add_generation_prompt": False, "kwargs": variables, "now": "2025-01-15T00:00:00"}
                try:
                    case["expected"] = template.render(messages=[], add_generation_prompt=False, **variables)
                except Exception as error:
                    case["expected"] = None
                    case["error"] = f"{type(error).__name__}: {error}"
                lines.write(json.dumps(case) + "\n")


main()
