//! Cutting responses.

use proptest::prelude::*;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::Part;

use super::*;
use crate::guard::{GuardFormat, WildGuard};

/// A token for every character; those of the Greek alphabet have two.
struct Letters;

impl Tokens for Letters {
    fn hash(&self) -> ContentHash {
        ContentHash::of_bytes("letters")
    }

    fn prompt_ids(&self, prompt: &Prompt, prefill: Option<&str>) -> Result<Vec<u32>, Error> {
        let Prompt::Parts(parts) = prompt else {
            return Err(Error::Engine { engine: "letters".to_owned(), source: "no parts".into() });
        };
        let text: String = parts
            .iter()
            .map(|part| match part {
                Part::Template(text) | Part::Text(text) => text.as_str(),
            })
            .chain(prefill)
            .collect();
        Ok(self.token_starts(&text)?.iter().map(|at| *at as u32).collect())
    }

    fn token_starts(&self, text: &str) -> Result<Vec<usize>, Error> {
        let tokens = |c: char| if ('α'..='ω').contains(&c) { 2 } else { 1 };
        Ok(text.char_indices().flat_map(|(at, c)| std::iter::repeat_n(at, tokens(c))).collect())
    }
}

fn exchange(response: &str) -> Exchange {
    Exchange { id: 3, prompt: "question".to_owned(), response: response.to_owned() }
}

fn overhead() -> usize {
    let request = WildGuard.request(&exchange(""));
    Letters.prompt_ids(&request.prompt, None).unwrap().len()
}

fn fit(response: &str, room: usize, keep: Keep) -> Result<(String, Option<Cut>), String> {
    let limit = InputLimit::new(Letters, overhead() + room, keep);
    let fitted = limit.fit(&exchange(response), |exchange| WildGuard.request(exchange));
    let Fitted { request, cut } = fitted.map_err(|unfit| unfit.to_string())?;
    let Prompt::Parts(parts) = request.prompt else { panic!("expected parts") };
    assert_eq!(parts[1], Part::Text("question".to_owned()), "the question is never cut");
    let Part::Text(response) = parts[3].clone() else { panic!("expected text") };
    Ok((response, cut))
}

#[test]
fn the_response_gives_way_at_the_end_that_was_chosen() {
    let cut = |kept, seen, of| Some(Cut { kept, seen, of });
    let cases = [
        ("abcdef", 6, Keep::Head, "abcdef", None),
        ("abcdef", 4, Keep::Head, "abcd", cut(Keep::Head, 4, 6)),
        ("abcdef", 4, Keep::Tail, "cdef", cut(Keep::Tail, 4, 6)),
        ("abcdefghijklmnop", 12, Keep::Ends, "abc\n[...]\nop", cut(Keep::Ends, 5, 16)),
        ("aαbβcγ", 5, Keep::Head, "aαb", cut(Keep::Head, 5, 9)),
        ("aαbβcγ", 2, Keep::Head, "a", cut(Keep::Head, 2, 9)),
        ("aαbβcγ", 3, Keep::Tail, "cγ", cut(Keep::Tail, 3, 9)),
        ("", 0, Keep::Head, "", None),
    ];
    for (response, room, keep, expected, cut) in cases {
        assert_eq!(fit(response, room, keep).unwrap(), (expected.to_owned(), cut), "{response}");
    }
}

#[test]
fn a_question_that_leaves_no_room_is_not_asked() {
    let error = fit("abc", 0, Keep::Head).unwrap_err();
    assert!(error.contains("without its response"), "{error}");
    let limit = InputLimit::new(Letters, 10, Keep::Tail);
    let unfit = limit.fit(&exchange("abc"), |exchange| WildGuard.request(exchange)).unwrap_err();
    assert!(unfit.to_string().contains("the limit is 10"), "{unfit}");
}

#[test]
fn the_reference_cuts_the_question_to_the_guard() {
    let limit = InputLimit::reference(Letters, overhead());
    let asked = |exchange: &Exchange| WildGuard.request(exchange);
    let Fitted { request, cut } = limit.fit(&exchange("abcdef"), asked).unwrap();
    let whole = Letters.prompt_ids(&asked(&exchange("abcdef")).prompt, None).unwrap();
    assert_eq!(request.prompt, Prompt::Ids(whole[..overhead()].to_vec()));
    let of = overhead() as u64 + 6;
    assert_eq!(cut, Some(Cut { kept: Keep::Head, seen: overhead() as u64, of }));
}

proptest! {
    #[test]
    fn what_is_asked_fits_and_is_of_the_response(
        response in "[a-cα-γ]{0,40}",
        room in 0_usize..50,
        keep in prop::sample::select(&[Keep::Head, Keep::Tail, Keep::Ends][..]),
    ) {
        if let Ok((seen, cut)) = fit(&response, room, keep) {
            prop_assert!(Letters.token_starts(&seen).unwrap().len() <= room);
            match keep {
                Keep::Head => prop_assert!(response.starts_with(&seen)),
                Keep::Tail => prop_assert!(response.ends_with(&seen)),
                Keep::Ends => {
                    let (head, tail) = seen.split_once(GAP).unwrap_or((&seen, ""));
                    prop_assert!(response.starts_with(head) && response.ends_with(tail));
                }
            }
            prop_assert_eq!(cut.is_none(), seen == response);
        }
    }
}
