//! Content hashes: the keys of the record log and the provenance of everything written.

use serde::{Deserialize, Serialize};

/// The first 128 bits of a BLAKE3 hash, written as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Hashes bytes.
    pub fn of_bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::from_digest(&blake3::hash(bytes.as_ref()))
    }

    /// Hashes the JSON form of a value. `domain` keeps hashes of different kinds of things apart.
    ///
    /// # Panics
    /// If the value cannot be written as JSON: a map with keys that are not strings, or a failing `Serialize`.
    pub fn of(domain: &str, value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).expect("hashed values are plain data");
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(domain.len() as u64).to_le_bytes());
        hasher.update(domain.as_bytes());
        hasher.update(&json);
        Self::from_digest(&hasher.finalize())
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_digest(digest: &blake3::Hash) -> Self {
        Self(digest.to_hex()[..32].to_owned())
    }
}

impl std::fmt::Display for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes bytes that come in pieces.
///
/// ```
/// use thinksafe_core::hash::{ContentHash, ContentHasher};
///
/// let mut hasher = ContentHasher::default();
/// hasher.update(b"one ");
/// hasher.update(b"after the other");
/// assert_eq!(hasher.finish(), ContentHash::of_bytes("one after the other"));
/// ```
#[derive(Debug, Default)]
pub struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash that [`ContentHash::of_bytes`] gives for all bytes so far in one.
    pub fn finish(&self) -> ContentHash {
        ContentHash::from_digest(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_keep_equal_values_apart() {
        assert_ne!(ContentHash::of("a", &1), ContentHash::of("b", &1));
        assert_eq!(ContentHash::of("a", &1), ContentHash::of("a", &1));
        assert_eq!(ContentHash::of_bytes("").as_str(), "af1349b9f5f9a1a6a0404dea36dcc949");
    }
}
