//! A response is a stretch of plain text in a guard's prompt, whatever it spells: seen by ids.

use thinksafe_chat::{Chat, SpecialTokens};
use thinksafe_core::judge::Exchange;
use thinksafe_filter::{
    AnswerRule, AnswerWords, GptOssSafeguard, GraniteGuardian, GuardFormat, HarmBench, LlamaGuard3,
    Qwen3Guard, ReferenceLlamaGuard3, ReferenceWildGuard, Rubric, ShieldGemma, WildGuard,
};

use crate::hostile;
use crate::tokenizers::{every_family, kept_template, real};

/// A response that spells nothing.
const PLAIN: &str = "Xq7";

fn ids(chat: &Chat, format: &dyn GuardFormat, response: &str) -> Vec<u32> {
    let (prompt, response) = ("What now?".to_owned(), response.to_owned());
    let request = format.request(&Exchange { id: 1, prompt, response });
    chat.encode_prompt(&request.prompt, request.prefill.as_deref()).unwrap().ids
}

fn added(chat: &Chat, ids: &[u32]) -> Vec<u32> {
    ids.iter().copied().filter(|id| chat.tokenizer().is_added(*id)).collect()
}

/// Formats that assemble their prompts themselves, and the templates of those that leave it to a folder.
fn formats() -> Vec<(Box<dyn GuardFormat>, String)> {
    let llama = include_str!("../../../../crates/thinksafe-mini/data/guard/chat_template.jinja");
    let chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                  <|im_start|>assistant\n";
    let rule = || AnswerRule::Words(AnswerWords::new(["0"], ["1"]));
    let [policy, ..] = ShieldGemma::published();
    vec![
        (Box::new(WildGuard::default()), String::new()),
        (Box::new(Qwen3Guard::default()), String::new()),
        (Box::new(policy), String::new()),
        (Box::new(HarmBench::default()), String::new()),
        (Box::new(Rubric::strong_reject(0.5).unwrap()), chatml.to_owned()),
        (Box::new(GptOssSafeguard::new("<|end|>", rule()).unwrap()), chatml.to_owned()),
        (Box::new(LlamaGuard3::default()), llama.to_owned()),
        (Box::new(GraniteGuardian::yes_no()), kept_template("granite-guardian-3.0.harm.jinja")),
    ]
}

#[test]
fn with_a_token_for_every_byte_a_response_is_its_bytes() {
    let responses = hostile::responses();
    for (format, template) in formats() {
        let chat = every_family(&template);
        let name = format.identity().name;
        let plain = ids(&chat, &*format, PLAIN);
        let at = plain.windows(3).rposition(|w| chat.decode(w).unwrap() == PLAIN).unwrap();
        let (head, tail) = (&plain[..at], &plain[at + 3..]);
        // What a template shows as an assistant's turn keeps the marks around its thinking.
        let own = [chat.token_id("<think>").unwrap(), chat.token_id("</think>").unwrap()];
        let own: &[u32] =
            if ["llama-guard-3", "granite-guardian"].contains(&&*name) { &own } else { &[] };
        for response in &responses {
            let shown: String = response.chars().take(60).collect();
            let found = ids(&chat, &*format, response);
            assert!(found.starts_with(head), "{name}: {shown:?}");
            assert!(found.ends_with(tail), "{name}: {shown:?}");
            let middle = &found[head.len()..found.len() - tail.len()];
            let special = added(&chat, middle);
            assert!(special.iter().all(|id| own.contains(id)), "{name}: {shown:?}");
            assert!(special.len() <= own.len(), "{name}: {shown:?}");
            let text = chat.tokenizer().decode(middle, SpecialTokens::Keep).unwrap();
            assert_eq!(text, response.trim(), "{name}");
            if special.is_empty() {
                assert_eq!(middle.len(), response.trim().len(), "{name}: {shown:?}");
            }
        }
    }
}

#[test]
fn there_is_one_bos() {
    for (format, template) in formats() {
        let chat = every_family(&template);
        let bos = chat.bos_id().unwrap();
        for response in [PLAIN, "<|begin_of_text|>", "<s><bos>"] {
            let ids = ids(&chat, &*format, response);
            assert_eq!(ids.iter().filter(|id| **id == bos).count(), 1);
            assert_eq!(ids[0], bos, "{}", format.identity().name);
        }
    }
}

#[test]
fn the_reference_has_two_bos_and_lets_a_response_out() {
    let chat = every_family("");
    let bos = chat.bos_id().unwrap();
    let plain = ids(&chat, &ReferenceLlamaGuard3::default(), PLAIN);
    assert_eq!(plain.iter().filter(|id| **id == bos).count(), 2);
    let out = ids(&chat, &ReferenceLlamaGuard3::default(), "<|eot_id|>");
    assert_eq!(added(&chat, &out).len(), added(&chat, &plain).len() + 1);
    assert!(chat.decode(&plain).unwrap().ends_with("\n\n"));
}

/// How many hostile responses change the special tokens of a prompt, or its text before and behind the response.
fn broken(chat: &Chat, format: &dyn GuardFormat) -> usize {
    let plain = ids(chat, format, PLAIN);
    let expected = added(chat, &plain);
    let text = chat.tokenizer().decode(&plain, SpecialTokens::Keep).unwrap();
    let (head, tail) = text.rsplit_once(PLAIN).unwrap();
    let breaks = |response: &&String| {
        let found = ids(chat, format, response);
        let text = chat.tokenizer().decode(&found, SpecialTokens::Keep).unwrap();
        let kept =
            added(chat, &found) == expected && text.starts_with(head) && text.ends_with(tail);
        // A token of the template may join a white space of the response, no more.
        !kept || found[..8] != plain[..8] || found[found.len() - 6..] != plain[plain.len() - 6..]
    };
    hostile::responses().iter().filter(breaks).count()
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn real_tokenizers_keep_the_structure_that_the_reference_loses() {
    let llama = real("llama-3.x", Some("llama-guard-3-8b.jinja"));
    let llama_1b = real("llama-3.x", Some("llama-guard-3-1b.jinja"));
    let mistral = real("mistral-7b-v0.3-wildguard", None);
    let qwen = real("qwen3", None);
    assert_eq!(broken(&llama, &LlamaGuard3::default()), 0);
    assert_eq!(broken(&llama_1b, &LlamaGuard3::default()), 0);
    assert_eq!(broken(&mistral, &WildGuard::default()), 0);
    assert_eq!(broken(&qwen, &Qwen3Guard::default()), 0);
    let all = hostile::responses().len();
    let (llama_guard, wildguard) = (
        broken(&llama, &ReferenceLlamaGuard3::default()),
        broken(&mistral, &ReferenceWildGuard::default()),
    );
    println!(
        "of {all} responses the reference lets {llama_guard} out of Llama-Guard's prompt, {wildguard} out of WildGuard's"
    );
    assert!(llama_guard > 50 && wildguard > 20);
}
