//! Prompt files and steering templates.

use std::path::Path;

use thinksafe_core::prompt::PromptLabel;
use thinksafe_steering::SteeringTemplate;
use thinksafe_trace::{Columns, PromptSet};

use super::{Bad, Failure};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "a prompt file that is not there",
        error: "Trace(Core(Io",
        says: &["absent.jsonl", "No such file"],
        attempt: |dir| read(&dir.join("absent.jsonl")),
    },
    Bad {
        input: "a prompt file of an unknown format",
        error: "Trace(UnknownFormat",
        says: &["prompts.txt", ".jsonl"],
        attempt: |dir| file(dir, "prompts.txt", b"How?"),
    },
    Bad {
        input: "an empty prompt file",
        error: "Trace(Empty",
        says: &["prompts.jsonl", "no prompts"],
        attempt: |dir| file(dir, "prompts.jsonl", b""),
    },
    Bad {
        input: "a CSV file with a header alone",
        error: "Trace(Empty",
        says: &["prompts.csv", "no prompts"],
        attempt: |dir| file(dir, "prompts.csv", b"prompt,label\n"),
    },
    Bad {
        input: "a CSV file without the prompt column",
        error: "Trace(MissingColumn",
        says: &["prompts.csv", "no text column", "`forbidden_prompt`"],
        attempt: |dir| file(dir, "prompts.csv", b"forbidden_prompt,label\nHow?,vanilla_benign\n"),
    },
    Bad {
        input: "a CSV file without labels",
        error: "Trace(MissingColumn",
        says: &["prompts.csv", "no label column"],
        attempt: |dir| file(dir, "prompts.csv", b"prompt\nHow?\n"),
    },
    Bad {
        input: "a CSV file with two prompt columns",
        error: "Trace(AmbiguousColumn",
        says: &["prompts.csv", "`prompt`", "`goal`"],
        attempt: |dir| file(dir, "prompts.csv", b"prompt,goal,label\na,b,vanilla_benign\n"),
    },
    Bad {
        input: "a CSV row with a field too many",
        error: "Trace(Syntax",
        says: &["prompts.csv", "line 3", "CSV"],
        attempt: |dir| {
            file(dir, "prompts.csv", b"prompt,label\na,vanilla_benign\nb,vanilla_benign,c\n")
        },
    },
    Bad {
        input: "a CSV field that is never closed",
        error: "Trace(Syntax",
        says: &["prompts.csv", "line 2", "never closed"],
        attempt: |dir| {
            file(dir, "prompts.csv", b"prompt,label\n\"a,vanilla_benign\nb,vanilla_benign\n")
        },
    },
    Bad {
        input: "a prompt file that is not UTF-8",
        error: "Trace(",
        says: &["prompts.csv", "UTF-8"],
        attempt: |dir| file(dir, "prompts.csv", b"prompt,label\n\xe9t\xe9,vanilla_benign\n"),
    },
    Bad {
        input: "JSON Lines that are no JSON on line 3",
        error: "Trace(Syntax",
        says: &["prompts.jsonl", "line 3", "JSON"],
        attempt: |dir| lines(dir, &[GOOD, "", "{\"prompt\": \"b\","]),
    },
    Bad {
        input: "JSON that is no array",
        error: "Trace(Syntax",
        says: &["prompts.json", "array"],
        attempt: |dir| file(dir, "prompts.json", format!(r#"{{"prompts": [{GOOD}]}}"#).as_bytes()),
    },
    Bad {
        input: "JSON of one prompt in place of an array",
        error: "Trace(MissingColumn",
        says: &["prompts.json", "`label`", "`key`, `value`"],
        attempt: |dir| file(dir, "prompts.json", GOOD.as_bytes()),
    },
    Bad {
        input: "a prompt without its text on line 2",
        error: "Trace(Field",
        says: &["prompts.jsonl", "line 2", "`prompt`", "missing"],
        attempt: |dir| lines(dir, &[GOOD, r#"{"label": "vanilla_benign"}"#]),
    },
    Bad {
        input: "a prompt that is a number",
        error: "Trace(Field",
        says: &["prompts.jsonl", "line 1", "`prompt`", "a number"],
        attempt: |dir| lines(dir, &[r#"{"prompt": 7, "label": "vanilla_benign"}"#]),
    },
    Bad {
        input: "a blank prompt",
        error: "Trace(Field",
        says: &["prompts.jsonl", "line 2", "`prompt`", "blank"],
        attempt: |dir| lines(dir, &[GOOD, r#"{"prompt": "  ", "label": "vanilla_benign"}"#]),
    },
    Bad {
        input: "an unknown label",
        error: "Trace(Field",
        says: &["prompts.jsonl", "line 2", "`label`", "`harmful`", "vanilla_harmful"],
        attempt: |dir| lines(dir, &[GOOD, r#"{"prompt": "b", "label": "harmful"}"#]),
    },
    Bad {
        input: "an id used twice",
        error: "Trace(Field",
        says: &["prompts.jsonl", "line 2", "`id`", "`x`", "line 1"],
        attempt: |dir| {
            lines(
                dir,
                &[
                    r#"{"id": "x", "prompt": "a", "label": "vanilla_benign"}"#,
                    r#"{"id": "x", "prompt": "b", "label": "vanilla_benign"}"#,
                ],
            )
        },
    },
    Bad {
        input: "a label spelt in another way",
        error: "Core(UnknownLabel",
        says: &["`Vanilla-Harmful`", "vanilla_harmful"],
        attempt: |_| {
            "Vanilla-Harmful".parse::<PromptLabel>()?;
            Ok(())
        },
    },
    Bad {
        input: "a steering template without a place for the prompt",
        error: "Steering(MissingPlaceholder",
        says: &["`mine`", "{prompt}"],
        attempt: |_| steering("Refuse this."),
    },
    Bad {
        input: "a steering template with an unknown placeholder",
        error: "Steering(UnknownPlaceholder",
        says: &["`mine`", "2:4", "{question}"],
        attempt: |_| steering("Refuse {prompt}\nor {question}"),
    },
    Bad {
        input: "a steering template with a lone brace",
        error: "Steering(UnbalancedBrace",
        says: &["`mine`", "1:10", "`}`"],
        attempt: |_| steering("{prompt} }"),
    },
];

const GOOD: &str = r#"{"prompt": "a", "label": "vanilla_benign"}"#;

fn read(path: &Path) -> Result<(), Failure> {
    PromptSet::read(path, &Columns::default())?;
    Ok(())
}

fn file(dir: &Path, name: &str, content: &[u8]) -> Result<(), Failure> {
    std::fs::write(dir.join(name), content).unwrap();
    read(&dir.join(name))
}

fn lines(dir: &Path, lines: &[&str]) -> Result<(), Failure> {
    file(dir, "prompts.jsonl", lines.join("\n").as_bytes())
}

fn steering(text: &str) -> Result<(), Failure> {
    SteeringTemplate::new("mine", text)?;
    Ok(())
}
