//! Templates that loop, recurse, allocate or write without end are stopped, soon and with a typed error.

use std::time::{Duration, Instant};

use serde_json::json;
use thinksafe_chat::{ChatTemplate, Error};

/// Each takes well under a second; the machine may be busy.
const LONG: Duration = Duration::from_secs(20);

/// What a template does with a list that holds itself twice, sixty levels deep.
const TWICE: &str = "{% set ns = namespace(l=['ab'], m=['ab']) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}\
     {% set ns.m = [ns.m, ns.m] %}{% endfor %}";

fn render(source: &str) -> Result<String, Error> {
    ChatTemplate::new(source, "evil.jinja")?.render(&json!({"messages": [{"content": "x"}]}), None)
}

#[track_caller]
fn check_stopped(source: &str) {
    let start = Instant::now();
    let result = render(source);
    let shown: String = source.chars().take(200).collect();
    assert!(start.elapsed() < LONG, "{shown} took {:?}", start.elapsed());
    match result {
        Ok(text) => panic!("{shown} gave {} bytes", text.len()),
        Err(
            Error::TemplateLimit { .. }
            | Error::TemplateFailed { .. }
            | Error::TemplateSyntax { .. },
        ) => {}
        Err(other) => panic!("{shown}: {other}"),
    }
}

#[track_caller]
fn check_limit(source: &str) {
    check_stopped(source);
    let error = render(source).unwrap_err();
    assert!(matches!(error, Error::TemplateLimit { .. }), "{source}: {error}");
    assert!(error.to_string().contains("evil.jinja"), "{error}");
}

#[test]
fn endless_loops() {
    let nested = "{% for a in range(90000) %}".repeat(3) + "x" + &"{% endfor %}".repeat(3);
    check_limit(&nested);
    check_limit(
        "{% for a in range(90000) %}{% for b in range(90000) | sort %}{% endfor %}{% endfor %}",
    );
    check_limit("{% for a in range(90000) %}{{ range(90000) | join(',') | length }}{% endfor %}");
    check_limit(
        "{% for a in range(90000) %}{% set x = ('a' * 9999).replace('a', 'ab') %}{% endfor %}",
    );
}

#[test]
fn growing_strings_and_lists() {
    for grow in [
        "ns.x + ns.x",
        "ns.x ~ ns.x",
        "ns.x * 2",
        "ns.x | replace('a', 'aa')",
        "ns.x.replace('a', 'aa')",
        "ns.x.join(['a', 'a', 'a'])",
        "[ns.x, ns.x] | join",
        "ns.x | indent(9, true) ~ '\\n' ~ ns.x",
        "'%s%s' | format(ns.x, ns.x)",
        "'{}{}'.format(ns.x, ns.x)",
    ] {
        check_limit(&format!(
            "{{% set ns = namespace(x='a\\na') %}}{{% for i in range(90) %}}{{% set ns.x = {grow} %}}{{% endfor %}}"
        ));
    }
    for grow in ["ns.x + ns.x", "ns.x * 2"] {
        check_limit(&format!(
            "{{% set ns = namespace(x=[1]) %}}{{% for i in range(90) %}}{{% set ns.x = {grow} %}}{{% endfor %}}"
        ));
    }
    check_limit(
        "{% set ns = namespace(x='') %}{% for i in range(90000) %}{% set ns.x = ns.x + 'abcdefghijklmnopqrstuvwxyz' %}{% endfor %}",
    );
}

#[test]
fn huge_widths_and_counts() {
    for expression in [
        "'a' * 1000000000",
        "[0] * 1000000000",
        "range(1000000000)",
        "range(1000000000) | list",
        "'%1000000000d' | format(1)",
        "'{:>1000000000}'.format(1)",
        "'{:.1000000000f}'.format(1.5)",
        "'%.1000000000f' | format(1.5)",
        "'x'.center(1000000000)",
        "'x'.ljust(1000000000, 'ab')",
        "'x'.zfill(1000000000)",
        "[[1]] | tojson(indent=1000000000)",
        "'a\\na' | indent(1000000000)",
        "[1] | batch(1000000000, 0) | list",
        "[1] | slice(1000000000) | list",
        "10 ** 10 ** 10 ** 10",
        "'a' * 18446744073709551615",
        "'x'.ljust(9223372036854775807)",
        "'{:>{w}}'.format(1, w=1000000000)",
        "'{0:{1}}'.format(1, 1000000000)",
        "'a'[::-9223372036854775808] * 1000000000",
    ] {
        check_stopped(&format!("{{{{ {expression} }}}}"));
    }
}

#[test]
fn values_that_hold_themselves_many_times() {
    for expression in [
        "ns.l",
        "ns.l ~ ''",
        "ns.l | string",
        "ns.l | tojson",
        "ns.l | tojson(indent=2)",
        "ns.l | join",
        "ns.l == ns.m",
        "ns.l in [ns.m]",
        "[ns.l, ns.m] | sort",
        "[ns.l, ns.m] | unique | list",
        "ns.l < ns.m",
        "{ns.l: 1}",
        "'%s' | format(ns.l)",
        "'{}'.format(ns.l)",
        "ns.l | trim",
        "ns.l | upper",
        "ns.l | pprint",
        "raise_exception(ns.l)",
        "ns.l | e",
        "ns.l | length + ns.l",
        "[ns.l].index(ns.m)",
        "[ns.l].count(ns.m)",
        "', '.join(ns.l)",
        "ns.l | sum(start=[])",
        "ns.l | int ~ ns.l | float ~ ns.l",
        "{'a': ns.l} == {'a': ns.m}",
    ] {
        check_stopped(&format!("{TWICE}{{{{ {expression} }}}}"));
    }
    for expression in ["ns", "ns | tojson", "[ns] | string", "ns ~ ''"] {
        let source = format!(
            "{{% set ns = namespace() %}}{{% set ns.me = [ns, ns] %}}{{{{ {expression} }}}}"
        );
        let start = Instant::now();
        let _ = render(&source);
        assert!(start.elapsed() < LONG, "{expression}");
    }
}

#[test]
fn values_that_hold_themselves() {
    let setup = "{% set ns = namespace() %}{% set m = namespace() %}";
    for tie in [
        "{% set ns.me = ns %}",
        "{% set ns.me = [ns] %}",
        "{% set ns.me = {'a': (ns,)} %}",
        "{% set ns.me = m %}{% set m.me = ns %}",
        "{% set ns.me = namespace(me=ns) %}",
        "{%- set ns . me=[ns]-%}",
        "{% set ns.me %}{{ ns }}{% endset %}{% set ns.me = dict(a=ns) %}",
        "{% set ns.me = ns.items() %}{% set ns.me = [ns].__class__ or ns %}",
        "{% for ns.me in [ns] %}{% endfor %}{% set ns.a = ns.me %}",
        "{% set ns.me, x = ns, 1 %}",
        "{% set x, ns.me = 1, [ns] %}",
        "{% with ns.me = ns %}{% endwith %}",
    ] {
        check_stopped(&format!(
            "{setup}{tie}{{{{ ns ~ '' }}}}{{{{ ns == m }}}}{{{{ ns | pprint }}}}"
        ));
    }
}

#[test]
fn recursion() {
    check_limit("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
    check_limit(
        "{% macro m() %}{{ caller() }}{% call m() %}x{% endcall %}{% endmacro %}{% call m() %}x{% endcall %}",
    );
    check_limit("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}");
    check_stopped("{% include 'chat_template' %}");
    check_stopped("{% extends 'chat_template' %}");
    check_stopped("{% import 'chat_template' as me %}{{ me }}");
    check_stopped(
        "{% macro m(x) %}{{ [x] | map('m') | list }}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
    );
}

#[test]
fn floods() {
    let megabyte = "a".repeat(1 << 20);
    check_limit(&format!("{{% for i in range(90000) %}}{megabyte}{{% endfor %}}"));
    check_limit(&format!(
        "{{% set x = '{megabyte}' %}}{{% for i in range(90000) %}}{{{{ x }}}}{{% endfor %}}"
    ));
    check_limit(&format!(
        "{{% set y %}}{{% for i in range(90000) %}}{megabyte}{{% endfor %}}{{% endset %}}"
    ));
}

#[test]
fn deep_sources() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("not ", ""),
        ("-", ""),
        ("{1:", "}"),
        ("1 if ", ""),
        ("1 + ", ""),
        ("1 ~ ", ""),
        ("1 and ", ""),
        ("x.", ""),
        ("x[", "]"),
        ("x(", ")"),
        ("1 | default(", ")"),
    ] {
        let source = format!("{{{{ {}1{} }}}}", open.repeat(60_000), close.repeat(60_000));
        let start = Instant::now();
        let _ = render(&source);
        assert!(start.elapsed() < LONG, "{open}");
    }
    for (open, close) in [
        ("{% if 1 %}", "{% endif %}"),
        ("{% for x in [1] %}", "{% endfor %}"),
        ("{% if 1 %}{% elif 1 %}", "{% endif %}"),
        ("{% with %}", "{% endwith %}"),
    ] {
        let _ = render(&format!("{}{}", open.repeat(20_000), close.repeat(20_000)));
    }
    let elifs = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(60_000));
    let _ = render(&elifs);
    let suffixes = |part: &str| format!("{{{{ 'x'{} }}}}", part.repeat(60_000));
    for part in [".a", "[0]", "()", "|string", " + 'x'", " ~ 'x'", " == 1", " is string"] {
        let _ = render(&suffixes(part));
    }
}

#[test]
fn an_ordinary_conversation_is_far_from_every_limit() {
    let messages: Vec<_> = (0..200).map(|n| json!({"role": if n % 2 == 0 { "user" } else { "assistant" }, "content": "word ".repeat(1000)})).collect();
    let source = "{% for m in messages %}{{ '<' + m.role + '>' + m.content.strip().split('</think>')[-1] | trim + '\\n' }}{% endfor %}";
    let template = ChatTemplate::new(source, "fine.jinja").unwrap();
    let text = template.render(&json!({"messages": messages}), None).unwrap();
    assert!(text.len() > 900_000);
}
