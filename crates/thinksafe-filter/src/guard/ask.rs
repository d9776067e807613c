//! What the requests of all guards have in common.

use thinksafe_core::generate::Request;
use thinksafe_core::judge::Exchange;
use thinksafe_core::message::{Part, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;

/// A request that takes the most likely token each time.
pub(super) fn greedy(exchange: &Exchange, prompt: Prompt, max_new_tokens: u32) -> Request {
    Request::new(exchange.id, prompt, Sampling::greedy(max_new_tokens), SampleSeed(0))
}

/// A layout with the request and the response at their places, both as plain text whatever they spell.
pub(super) fn framed(exchange: &Exchange, [before, between, after]: [&str; 3]) -> Prompt {
    Prompt::Parts(vec![
        Part::Template(before.to_owned()),
        Part::Text(exchange.prompt.clone()),
        Part::Template(between.to_owned()),
        Part::Text(exchange.response.clone()),
        Part::Template(after.to_owned()),
    ])
}
