//! Tokenizer cases: `tokenizer`, `text`, `add_special_tokens` → `ids`, `decoded`, `decoded_skip`.

use serde::Deserialize;
use serde_json::Value;
use thinksafe_chat::{Framing, SpecialTokens, StreamDecoder};

use crate::case::{Assets, Outcome, outcome};
use crate::difference::difference;

#[derive(Deserialize)]
struct Case {
    tokenizer: String,
    text: String,
    add_special_tokens: bool,
    ids: Vec<u32>,
    decoded: Option<String>,
    decoded_skip: Option<String>,
}

pub(crate) fn run(fields: Value, assets: &mut Assets) -> (String, Outcome) {
    match serde_json::from_value::<Case>(fields) {
        Ok(case) => {
            let start: String = case.text.chars().take(30).collect();
            (format!("{} {start:?}", case.tokenizer), outcome(check(&case, assets)))
        }
        Err(error) => ("?".to_owned(), Outcome::Failed(error.to_string())),
    }
}

fn check(case: &Case, assets: &mut Assets) -> Result<(), String> {
    let tokenizer = assets.tokenizer(&case.tokenizer)?;
    let framing = if case.add_special_tokens { Framing::Special } else { Framing::Bare };
    let ids = tokenizer.encode(&case.text, framing).map_err(|e| e.to_string())?;
    if ids != case.ids {
        let at = ids.iter().zip(&case.ids).take_while(|(a, b)| a == b).count();
        let near = |ids: &[u32]| format!("{:?}", &ids[at..ids.len().min(at + 8)]);
        return Err(format!(
            "ids differ at {at}: expected {}, got {}",
            near(&case.ids),
            near(&ids)
        ));
    }
    for (expected, special) in
        [(&case.decoded, SpecialTokens::Keep), (&case.decoded_skip, SpecialTokens::Skip)]
    {
        let Some(expected) = expected else { continue };
        let text = tokenizer.decode(&ids, special).map_err(|e| e.to_string())?;
        difference(expected, &text)
            .map_or(Ok(()), |d| Err(format!("decoded ({special:?}): {d}")))?;
    }
    let mut stream = StreamDecoder::new(tokenizer);
    let mut text = String::new();
    for id in &ids {
        text.push_str(&stream.push(*id).map_err(|e| e.to_string())?);
    }
    text.push_str(&stream.finish().map_err(|e| e.to_string())?);
    let expected = case.decoded_skip.as_ref().unwrap_or(&text);
    difference(expected, &text).map_or(Ok(()), |d| Err(format!("decoded as a stream: {d}")))
}
