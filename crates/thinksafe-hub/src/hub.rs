//! The Hub and its cache.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, CacheRepo, RepoType};

use crate::environment;
use crate::error::Error;
use crate::repo::{Files, Kind, Repo, Snapshot, check_path, is_commit, wrong};

/// Where things are fetched from and kept.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct Hub {
    /// The cache: `hub` in Hugging Face's home.
    pub cache: PathBuf,
    /// The Hub, or a mirror of it, without a slash at the end.
    pub endpoint: String,
    /// Who asks, for what is not public. Beside the Hub, the store that it redirects to for large files sees it, when it
    /// is asked for a file's size: so does the client that is used here.
    pub token: Option<Token>,
    /// Never ask the network: what the cache lacks is an error.
    pub offline: bool,
}

/// A secret, which `Debug` does not show.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Hub {
    /// The settings of the environment, which `variable` looks up: `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`, `HF_HUB_OFFLINE` and the older names of these, as Hugging Face's Python library reads them.
    ///
    /// # Errors
    /// [`Error::NoCache`], or [`Error::Io`] for a token's file that cannot be read.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        environment::read(variable)
    }

    /// Makes sure of files of a repository, and says where they are and which commit that is.
    ///
    /// The revision is resolved to a commit first, and every file is taken at that commit, so that a branch that moves
    /// meanwhile mixes nothing. A download that breaks is taken up where it ended, also by the next call. Offline, and
    /// for named files at a full commit that are all there, nothing is asked of the network; offline, a checkpoint is
    /// whatever of it the cache holds.
    ///
    /// # Errors
    /// Names that are none, what the network or the disk reports, [`Error::NoFile`], [`Error::Offline`].
    pub fn fetch(&self, repo: &Repo, files: &Files) -> Result<Snapshot, Error> {
        repo.validate()?;
        if let Files::Named(names) = files {
            names.iter().try_for_each(|name| check_path("file", name))?;
        }
        let cached = self.cached(repo, files)?;
        match (cached, files) {
            (Some(found), _) if self.offline => self.complete_offline(found, files),
            (Some(found), Files::Named(names))
                if is_commit(&repo.revision) && found.files.len() == names.len() =>
            {
                Ok(found)
            }
            (None, _) if self.offline => Err(self.missing(repo, "the revision")),
            _ => self.download(repo, files),
        }
    }

    /// What the cache has of the files, if it knows the revision.
    fn cached(&self, repo: &Repo, files: &Files) -> Result<Option<Snapshot>, Error> {
        let cache = self.cache_of(repo, &repo.revision);
        let named = self
            .cache
            .join(named(repo, &repo.revision).folder_name())
            .join("refs")
            .join(&repo.revision);
        let commit = match std::fs::read_to_string(&named) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) if is_commit(&repo.revision) => repo.revision.clone(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { action: "read", path: named, source }),
        };
        if !is_commit(&commit) {
            return Err(wrong("commit", &commit, "40 hexadecimal digits"));
        }
        let dir = cache.pointer_path(&commit);
        if !dir.is_dir() {
            return Ok(None);
        }
        let mut files: Vec<String> = match files {
            Files::Checkpoint => entries(&dir)?,
            Files::Named(names) => names.clone(),
        };
        files.retain(|name| dir.join(name).is_file());
        files.sort();
        Ok(Some(Snapshot { repo: repo.clone(), commit, dir, files }))
    }

    /// Refuses a snapshot that lacks files.
    fn complete_offline(&self, found: Snapshot, files: &Files) -> Result<Snapshot, Error> {
        let lacking = match files {
            Files::Checkpoint => {
                let configured = ["config.json", "adapter_config.json"];
                let is_there = |name: &&str| found.files.iter().any(|file| file == name);
                (!configured.iter().any(is_there))
                    .then(|| "a checkpoint's configuration".to_owned())
            }
            Files::Named(names) => names.iter().find(|name| !found.files.contains(name)).cloned(),
        };
        match lacking {
            None => Ok(found),
            Some(what) => Err(self.missing(&found.repo, &what)),
        }
    }

    fn download(&self, repo: &Repo, files: &Files) -> Result<Snapshot, Error> {
        let info =
            self.api(repo, &repo.revision)?.info().map_err(failed(repo, "the list of files"))?;
        let commit = info.sha;
        if !is_commit(&commit) {
            return Err(wrong("commit", &commit, "40 hexadecimal digits"));
        }
        let offered: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let mut wanted = match files {
            Files::Checkpoint => {
                offered.into_iter().filter(|name| Files::is_of_checkpoint(name)).collect()
            }
            Files::Named(names) => {
                if let Some(name) = names.iter().find(|name| !offered.contains(name)) {
                    return Err(no_file(repo, name));
                }
                names.clone()
            }
        };
        if wanted.is_empty() {
            return Err(no_file(repo, "files of a checkpoint"));
        }
        wanted.sort();
        let (api, cache) = (self.api(repo, &commit)?, self.cache_of(repo, &commit));
        let dir = cache.pointer_path(&commit);
        for name in &wanted {
            // The list is the server's: its names are checked like anybody's.
            check_path("file", name)?;
            if dir.join(name).is_file() {
                continue;
            }
            tracing::info!(repo = repo.id, commit, file = name, "fetch");
            api.download(name).map_err(failed(repo, name))?;
        }
        // Only now: a reference to the commit says that it is all there.
        let reference = self.cache_of(repo, &repo.revision);
        reference.create_ref(&commit).map_err(|source| Error::Io {
            action: "write the reference of",
            path: dir.clone(),
            source,
        })?;
        Ok(Snapshot { repo: repo.clone(), commit, dir, files: wanted })
    }

    fn api(&self, repo: &Repo, revision: &str) -> Result<ApiRepo, Error> {
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.trim_end_matches('/').to_owned())
            .with_token(self.token.as_ref().map(|token| token.secret().to_owned()))
            .with_progress(false)
            .with_retries(RETRIES)
            .build()
            .map_err(failed(repo, "anything"))?;
        Ok(api.repo(named(repo, revision)))
    }

    fn cache_of(&self, repo: &Repo, revision: &str) -> CacheRepo {
        Cache::new(self.cache.clone()).repo(named(repo, revision))
    }

    fn missing(&self, repo: &Repo, what: &str) -> Error {
        Error::Offline {
            repo: repo.id.clone(),
            revision: repo.revision.clone(),
            what: what.to_owned(),
            cache: self.cache.clone(),
        }
    }
}

/// The client's name for a repository at a revision.
fn named(repo: &Repo, revision: &str) -> hf_hub::Repo {
    let kind = match repo.kind {
        Kind::Model => RepoType::Model,
        Kind::Dataset => RepoType::Dataset,
    };
    hf_hub::Repo::with_revision(repo.id.clone(), kind, revision.to_owned())
}

/// The files of a checkpoint in a folder.
fn entries(dir: &Path) -> Result<Vec<String>, Error> {
    let io = |source| Error::Io { action: "list", path: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().into_string());
    }
    names.retain(|name| Files::is_of_checkpoint(name));
    Ok(names)
}

fn no_file(repo: &Repo, file: &str) -> Error {
    Error::NoFile { repo: repo.id.clone(), revision: repo.revision.clone(), file: file.to_owned() }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    repo: &Repo,
    what: &str,
) -> impl FnOnce(E) -> Error {
    let (what, repo, revision) = (what.to_owned(), repo.id.clone(), repo.revision.clone());
    move |source| Error::Fetch { what, repo, revision, source: Box::new(source) }
}

/// How often a download that breaks is taken up again within one call.
const RETRIES: usize = 5;
