//! Tokenizers and chat templates.

use std::path::Path;

use serde_json::json;
use thinksafe_chat::Chat;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::trace::Trace;

use super::{Bad, Failure, copied, edit_json};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "no tokenizer",
        error: "Chat(File(Io",
        says: &["tokenizer.json", "No such file"],
        attempt: |dir| folder(dir, |tok| std::fs::remove_file(tok.join("tokenizer.json")).unwrap()),
    },
    Bad {
        input: "a tokenizer of an unknown kind",
        error: "Chat(Tokenizer",
        says: &["tokenizer.json", "not a valid tokenizer"],
        attempt: |dir| {
            folder(dir, |tok| {
                edit_json(&tok.join("tokenizer.json"), |t| t["model"]["type"] = json!("Runes"));
            })
        },
    },
    Bad {
        input: "a tokenizer configuration that is no JSON from line 2 on",
        error: "Chat(File(Parse",
        says: &["tokenizer_config.json:2"],
        attempt: |dir| {
            folder(dir, |tok| {
                std::fs::write(tok.join("tokenizer_config.json"), "{\neos_token\n}").unwrap();
            })
        },
    },
    Bad {
        input: "a turn-ending token that is not in the vocabulary",
        error: "Chat(UnknownToken",
        says: &["tokenizer_config.json", "`eos_token`", "<|endoftext|>"],
        attempt: |dir| {
            folder(dir, |tok| {
                edit_json(&tok.join("tokenizer_config.json"), |fields| {
                    fields["eos_token"] = json!("<|endoftext|>");
                });
            })
        },
    },
    Bad {
        input: "a folder that names no token that ends a turn",
        error: "Chat(NoEndOfTurn",
        says: &["tokenizer", "eos_token"],
        attempt: |dir| {
            folder(dir, |tok| {
                // Else the template's own closing mark would tell.
                std::fs::write(tok.join("chat_template.jinja"), "{{ messages[0].content }}")
                    .unwrap();
                std::fs::remove_file(tok.join("generation_config.json")).unwrap();
                edit_json(&tok.join("tokenizer_config.json"), |fields| {
                    fields.remove("eos_token");
                });
            })
        },
    },
    Bad {
        input: "a chat template that is a number",
        error: "Chat(Config",
        says: &["tokenizer_config.json", "`chat_template`", "found 7"],
        attempt: |dir| {
            folder(dir, |tok| {
                std::fs::remove_file(tok.join("chat_template.jinja")).unwrap();
                edit_json(&tok.join("tokenizer_config.json"), |fields| {
                    fields.insert("chat_template".to_owned(), json!(7));
                });
            })
        },
    },
    Bad {
        input: "no chat template",
        error: "Chat(NoTemplate",
        says: &["tokenizer", "no chat template"],
        attempt: |dir| {
            folder(dir, |tok| std::fs::remove_file(tok.join("chat_template.jinja")).unwrap())
        },
    },
    Bad {
        input: "a chat template that is not UTF-8",
        error: "Chat(File(Io",
        says: &["chat_template.jinja", "UTF-8"],
        attempt: |dir| template(dir, b"{{ '\xff\xfe' }}"),
    },
    Bad {
        input: "a chat template with a syntax error on line 2",
        error: "Chat(TemplateSyntax",
        says: &["chat_template.jinja:2"],
        attempt: |dir| template(dir, b"{{ bos_token }}\n{% for message in %}\n{% endfor %}"),
    },
    Bad {
        input: "a chat template that raises",
        error: "Chat(TemplateRaised",
        says: &["chat_template.jinja", "roles must alternate"],
        attempt: |dir| template(dir, b"{{ raise_exception('roles must alternate') }}"),
    },
    Bad {
        input: "a chat template that calls what is not there",
        error: "Chat(TemplateFailed",
        says: &["chat_template.jinja:3", "frobnicate"],
        attempt: |dir| template(dir, b"a\nb\n{{ frobnicate(messages) }}"),
    },
    Bad {
        input: "a chat template that loops without end",
        error: "Chat(TemplateLimit",
        says: &["chat_template.jinja", "limit"],
        attempt: |dir| {
            let text = "{% for i in range(9999) %}".repeat(4) + &"{% endfor %}".repeat(4);
            template(dir, text.as_bytes())
        },
    },
    Bad {
        input: "a chat template that allocates without end",
        error: "Chat(TemplateLimit",
        says: &["chat_template.jinja", "limit"],
        attempt: |dir| {
            template(
                dir,
                b"{% set n = namespace(text='doubling') %}\
                  {% for i in range(60) %}{% set n.text = n.text ~ n.text %}{% endfor %}{{ n.text }}",
            )
        },
    },
];

/// Breaks a copy of the golden tokenizer, then loads it and asks for a prompt and an example.
fn folder(dir: &Path, damage: impl FnOnce(&Path)) -> Result<(), Failure> {
    let tokenizer = copied("tokenizer", dir);
    damage(&tokenizer);
    let chat = Chat::load(&tokenizer)?;
    let messages = vec![Message::user("Hi")];
    chat.encode_prompt(&Prompt::Messages(messages.clone()), None)?;
    chat.encode_example(&messages, &Trace { thinking: None, answer: "Hello".to_owned() })?;
    Ok(())
}

fn template(dir: &Path, text: &[u8]) -> Result<(), Failure> {
    folder(dir, |tokenizer| std::fs::write(tokenizer.join("chat_template.jinja"), text).unwrap())
}
