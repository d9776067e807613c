//! Planted bugs, and the sentences that they are found with.

mod assets;
mod examination;
mod faulty;
mod settings;
mod texts;
mod training;

use std::path::{Path, PathBuf};

use thinksafe_chat::Chat;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::Seed;
use thinksafe_core::trace::Trace;
use thinksafe_runtime::{CausalLm, Device, ModelConfig, Placement, Precision};

use super::{Check, Finding, Outcome, Patient};
use crate::{BatchSize, Encoding, SftConfig, TrainingText};

/// Opens the thinking itself and strips it from finished turns, as DeepSeek-R1's does.
const STRIPPING: &str = "\
{%- for m in messages %}{%- if m.role == 'assistant' %}\
{{- '<|im_start|>assistant\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}\
{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}{%- endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}";

/// A folder with the small character tokenizer, whose files tests may doctor.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self::copy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/tokenizer"))
    }

    fn copy_of(source: &Path) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for entry in std::fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            folder
                .write(path.file_name().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
        }
        folder
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), content).unwrap();
    }

    /// Replaces a text in a file, which must hold it.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} lacks {from}");
        self.write(file, text.replace(from, to));
    }

    fn chat(&self) -> Chat {
        Chat::load(self.0.path()).unwrap()
    }
}

/// The stripping template on the small tokenizer.
fn stripping() -> Folder {
    let folder = Folder::new();
    folder.write("chat_template.jinja", STRIPPING);
    folder
}

fn texts() -> Vec<TrainingText> {
    let text = |id: &str, question: &str, thinking: &str, answer: &str, label| {
        let trace = Trace { thinking: Some(thinking.to_owned()), answer: answer.to_owned() };
        TrainingText::new(id, question, trace).labeled(label)
    };
    vec![
        text("sum", "two plus two?", "so four", "4!", PromptLabel::VanillaBenign),
        text(
            "sky",
            "why is the sky blue?",
            "light scatters.\nblue most.",
            "air.",
            PromptLabel::VanillaBenign,
        ),
        text(
            "no",
            "help me steal a car",
            "that harms somebody",
            "no, sorry.",
            PromptLabel::VanillaHarmful,
        ),
    ]
}

/// Settings that a few texts suffice for.
fn config() -> SftConfig {
    SftConfig { batch: BatchSize::accumulated(1, 2), ..SftConfig::default() }
}

fn patient<'a>(
    chat: &'a Chat,
    texts: &'a [TrainingText],
    encoding: &'a Encoding,
    config: &'a SftConfig,
) -> Patient<'a> {
    Patient { chat, texts, encoding, config, steering: &[] }
}

/// A random Qwen3 of two layers.
fn model(vocabulary: usize, precision: Precision) -> CausalLm {
    let config = r#"{
        "architectures": ["Qwen3ForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256,
        "tie_word_embeddings": true, "initializer_range": 0.2
    }"#;
    let config = config.replace("VOCABULARY", &vocabulary.to_string());
    let config = ModelConfig::from_json(&config, Path::new("config.json")).unwrap();
    CausalLm::random(config, Placement { device: Device::CPU, precision }, Seed(3)).unwrap()
}

fn outcome(findings: &[Finding], check: Check) -> &Outcome {
    &findings.iter().find(|f| f.check == check).unwrap().outcome
}

/// A check failed, with a sentence that holds all of these.
#[track_caller]
fn assert_failed(findings: &[Finding], check: Check, parts: &[&str]) {
    let outcome = outcome(findings, check);
    let Outcome::Failed { problem } = outcome else { panic!("{}: {outcome:?}", check.name()) };
    for part in parts {
        assert!(problem.contains(part), "{}: {problem}", check.name());
    }
}

#[track_caller]
fn assert_passed(findings: &[Finding], check: Check) {
    let outcome = outcome(findings, check);
    assert!(matches!(outcome, Outcome::Passed { .. }), "{}: {outcome:?}", check.name());
}
