//! A folder's tokens behind the seam of `thinksafe-core`.

use thinksafe_core::Error as CoreError;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::Prompt;
use thinksafe_core::tokens::Tokens;

use crate::Error;
use crate::chat::Chat;

impl Tokens for Chat {
    fn hash(&self) -> ContentHash {
        self.hash()
    }

    fn prompt_ids(&self, prompt: &Prompt, prefill: Option<&str>) -> Result<Vec<u32>, CoreError> {
        Ok(self.encode_prompt(prompt, prefill).map_err(engine)?.ids)
    }

    /// Those of the text between other text; what it spells of added tokens is plain text here too.
    fn token_starts(&self, text: &str) -> Result<Vec<usize>, CoreError> {
        let mut shield = self.shield(std::iter::once(text)).map_err(engine)?;
        let covered = shield.cover(text).map_err(engine)?;
        let placed = self.tokenizer().encode_covered(&covered, &shield).map_err(engine)?;
        let plain = plain_offsets(text, &covered);
        Ok(placed.into_iter().map(|(_, at)| plain[at.min(covered.len())]).collect())
    }
}

/// For each byte of the covered text, the byte of the text itself whose character it stands for.
fn plain_offsets(text: &str, covered: &str) -> Vec<usize> {
    let pairs = text.char_indices().zip(covered.chars());
    let offsets = pairs.flat_map(|((at, _), cover)| std::iter::repeat_n(at, cover.len_utf8()));
    offsets.chain(std::iter::once(text.len())).collect()
}

fn engine(error: Error) -> CoreError {
    CoreError::engine("tokenizer", error)
}
