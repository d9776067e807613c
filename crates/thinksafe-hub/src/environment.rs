//! The settings that the Python library takes from the environment, by the same names and in the same order.

use std::path::PathBuf;

use crate::error::Error;
use crate::hub::{Hub, Token};

const ENDPOINT: &str = "https://huggingface.co";

pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Hub, Error> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let path = |name: &str| set(name).map(PathBuf::from);
    let home = path("HF_HOME")
        .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
        .or_else(|| path("HOME").map(|home| home.join(".cache/huggingface")));
    let cache = path("HF_HUB_CACHE")
        .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| home.as_ref().map(|home| home.join("hub")))
        .ok_or(Error::NoCache)?;
    let is_on = |name: &str| {
        set(name).is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
        })
    };
    let file = path("HF_TOKEN_PATH").or_else(|| home.map(|home| home.join("token")));
    let token = match set("HF_TOKEN").or_else(|| set("HUGGING_FACE_HUB_TOKEN")) {
        Some(token) => Some(token),
        None if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") => None,
        None => file.map(token_in).transpose()?.flatten(),
    };
    Ok(Hub {
        cache,
        endpoint: set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned()),
        token: token.map(|token| Token::new(token.trim())),
        offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
    })
}

/// The token in a file, if there are both.
fn token_in(path: PathBuf) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok(Some(token.trim().to_owned()).filter(|token| !token.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { action: "read", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub, Error> {
        let find = |name: &str| variables.iter().find(|(found, _)| *found == name);
        read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (variables, expected) in [
            (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")], "/f/hub"),
            (&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HOME", "/h"), ("HF_HOME", "")], "/h/.cache/huggingface/hub"),
        ] {
            assert_eq!(hub(variables).unwrap().cache, PathBuf::from(expected));
        }
        assert!(matches!(hub(&[]), Err(Error::NoCache)));
    }

    #[test]
    fn endpoint_token_and_offline_mode_are_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "hf_file\n").unwrap();
        let home = ("HF_HOME", dir.path().to_str().unwrap());
        let plain = hub(&[home]).unwrap();
        assert_eq!((plain.endpoint.as_str(), plain.offline), (ENDPOINT, false));
        assert_eq!(plain.token.unwrap().secret(), "hf_file");
        let all =
            [home, ("HF_TOKEN", "hf_env"), ("HF_ENDPOINT", "http://m"), ("HF_HUB_OFFLINE", "YES")];
        let all = hub(&all).unwrap();
        assert_eq!((all.endpoint.as_str(), all.offline), ("http://m", true));
        assert_eq!(all.token.as_ref().unwrap().secret(), "hf_env");
        assert!(!format!("{all:?}").contains("hf_env"));
        assert!(hub(&[home, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).unwrap().token.is_none());
    }
}
