//! Long responses, cut in the guard's own tokens.

use thinksafe_chat::SpecialTokens;
use thinksafe_core::generate::{Completion, Generate, Identity, Request};
use thinksafe_core::judge::{Exchange, Judge, Judgement};
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::tokens::Tokens;
use thinksafe_core::verdict::{Cut, Keep, Safety};
use thinksafe_filter::{Guard, HarmBench, InputLimit, Reading, TokenVote};

use crate::tokenizers::every_family;

/// An engine that says no, and keeps what it was asked.
struct Recording<G>(G, Vec<Request>);

impl<G: Generate> Generate for Recording<G> {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        let Self(engine, asked) = self;
        engine.generate(&mut requests.inspect(|request| asked.push(request.clone())), sink)
    }
}

fn judge(limit: InputLimit, responses: &[&str]) -> (Vec<Judgement>, Vec<Request>) {
    let engine = ScriptedGenerator::new("guard", |_| Ok("no".to_owned()));
    let format = HarmBench::new(TokenVote::between("no", "yes"), Reading::Words).unwrap();
    let mut guard = Guard::new(Recording(engine, Vec::new()), format).with_limit(limit);
    let exchange = |(id, response): (u64, &&str)| Exchange {
        id,
        prompt: "<|eot_id|> behaviour".to_owned(),
        response: (*response).to_owned(),
    };
    let mut judgements = Vec::new();
    let mut exchanges = (10..).zip(responses).map(exchange);
    guard
        .judge(&mut exchanges, &mut |judgement| {
            judgements.push(judgement);
            Ok(())
        })
        .unwrap();
    judgements.sort_by_key(|judgement| judgement.id);
    (judgements, guard.into_generator().1)
}

#[test]
fn a_long_response_is_cut_the_verdict_says_so_and_the_question_stays() {
    let chat = || every_family("");
    let (_, asked) = judge(InputLimit::new(chat(), 100_000, Keep::Tail), &[""]);
    let overhead = chat().prompt_ids(&asked[0].prompt, None).unwrap().len();
    let limit = overhead + 10;
    let long = "<|eot_id|>".repeat(20);
    let responses = ["short", "exactly 10", "0123456789ab", long.as_str(), "", "é🙂é🙂é🙂"];
    let (judgements, asked) = judge(InputLimit::new(chat(), limit, Keep::Tail), &responses);
    let cuts: Vec<Option<Cut>> = judgements.iter().map(|judgement| judgement.verdict.cut).collect();
    let cut = |seen, of| Some(Cut { kept: Keep::Tail, seen, of });
    assert_eq!(cuts, [None, None, cut(10, 12), cut(10, 200), None, cut(10, 18)]);
    assert!(judgements.iter().all(|judgement| judgement.verdict.safety == Safety::Safe));
    for request in &asked {
        let ids = chat().prompt_ids(&request.prompt, None).unwrap();
        assert!(ids.len() <= limit);
        let text = chat().tokenizer().decode(&ids, SpecialTokens::Keep).unwrap();
        assert!(
            text.contains("<|eot_id|> behaviour") && text.ends_with("Answer: [/INST]"),
            "{text}"
        );
    }
}

#[test]
fn a_question_too_long_for_the_guard_is_undetermined_and_not_asked() {
    let (judgements, asked) = judge(InputLimit::new(every_family(""), 50, Keep::Head), &["a", "b"]);
    assert!(asked.is_empty());
    assert_eq!(judgements.iter().map(|judgement| judgement.id).collect::<Vec<_>>(), [10, 11]);
    for judgement in judgements {
        assert_eq!(judgement.verdict.safety, Safety::Undetermined);
        assert!(judgement.verdict.note.unwrap().contains("the limit is 50"));
    }
}

#[test]
fn the_limit_is_part_of_the_identity() {
    let guard = || {
        let engine = ScriptedGenerator::new("guard", |_| Ok(String::new()));
        Guard::new(engine, HarmBench::default())
    };
    let limited = |max, keep| guard().with_limit(InputLimit::new(every_family(""), max, keep));
    let reference = guard().with_limit(InputLimit::reference(every_family(""), 10));
    let hashes = [
        guard().identity().hash.clone(),
        limited(10, Keep::Head).identity().hash.clone(),
        limited(11, Keep::Head).identity().hash.clone(),
        limited(10, Keep::Tail).identity().hash.clone(),
        reference.identity().hash.clone(),
    ];
    let distinct: std::collections::HashSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}
