//! The client against a server on loopback that speaks what of the Hub's protocol is used.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod server;

use std::path::Path;

use server::{COMMIT, Server};
use thinksafe_hub::{Error, Files, Hub, Repo, Snapshot, Token};

fn hub(server: &Server, cache: &Path) -> Hub {
    Hub {
        cache: cache.to_owned(),
        endpoint: server.endpoint(),
        token: Some(Token::new("hf_secret")),
        offline: false,
    }
}

fn read(snapshot: &Snapshot, file: &str) -> Vec<u8> {
    std::fs::read(snapshot.dir.join(file)).unwrap()
}

#[test]
fn a_checkpoint_is_fetched_at_a_commit_into_the_layout_of_the_python_library() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let snapshot =
        hub(&server, dir.path()).fetch(&Repo::model("own/tiny"), &Files::Checkpoint).unwrap();

    assert_eq!(snapshot.commit, COMMIT);
    assert_eq!(snapshot.files, ["config.json", "model.safetensors", "tokenizer.json"]);
    for file in &snapshot.files {
        assert_eq!(read(&snapshot, file), server::content(file), "{file}");
    }
    let repo = dir.path().join("models--own--tiny");
    assert_eq!(snapshot.dir, repo.join("snapshots").join(COMMIT));
    assert_eq!(std::fs::read_to_string(repo.join("refs/main")).unwrap(), COMMIT);
    let link = std::fs::read_link(snapshot.dir.join("config.json")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(server::etag("config.json")));
    // The branch was resolved once, all files asked for at the commit.
    let paths = server.paths();
    assert!(
        paths.iter().filter(|path| path.contains("/resolve/")).all(|path| path.contains(COMMIT)),
        "{paths:?}"
    );
}

#[test]
fn a_second_fetch_asks_for_no_file_again_and_offline_for_nothing_at_all() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, dir.path());
    let first = hub.fetch(&Repo::model("own/tiny"), &Files::Checkpoint).unwrap();
    let before = server.paths().len();
    assert_eq!(hub.fetch(&Repo::model("own/tiny"), &Files::Checkpoint).unwrap(), first);
    assert_eq!(server.paths().len(), before + 1, "the list of files alone");

    let offline = Hub { offline: true, ..hub.clone() };
    assert_eq!(offline.fetch(&Repo::model("own/tiny"), &Files::Checkpoint).unwrap(), first);
    let pinned = Repo::model("own/tiny").at(COMMIT);
    assert_eq!(offline.fetch(&pinned, &Files::Checkpoint).unwrap().dir, first.dir);
    // A full commit never changes, so nothing is asked for although the network is there.
    let named = Files::Named(vec!["config.json".to_owned()]);
    assert_eq!(hub.fetch(&pinned, &named).unwrap().files, ["config.json"]);
    assert_eq!(server.paths().len(), before + 1);
}

#[test]
fn what_is_not_there_is_named() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, dir.path());
    let offline = Hub { offline: true, ..hub.clone() };
    let tiny = Repo::model("own/tiny");
    let error = offline.fetch(&tiny, &Files::Checkpoint).unwrap_err().to_string();
    assert!(
        error.contains("the revision is not in the cache") && error.contains("own/tiny"),
        "{error}"
    );
    let file = |name: &str| Files::Named(vec![name.to_owned()]);
    let error = hub.fetch(&tiny, &file("missing.csv")).unwrap_err().to_string();
    assert_eq!(error, "own/tiny at `main` has no missing.csv");
    hub.fetch(&tiny, &file("config.json")).unwrap();
    let error = offline.fetch(&tiny, &file("tokenizer.json")).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json is not in the cache"), "{error}");
    let error = hub.fetch(&Repo::model("own/none"), &Files::Checkpoint).unwrap_err();
    assert!(matches!(error, Error::Fetch { .. }), "{error}");
}

#[test]
fn datasets_lie_beside_models_and_folders_within_them() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let name = "data/test.jsonl";
    let files = Files::Named(vec![name.to_owned()]);
    let snapshot = hub(&server, dir.path()).fetch(&Repo::dataset("own/rows"), &files).unwrap();
    assert_eq!(read(&snapshot, name), server::content(name));
    assert!(snapshot.dir.starts_with(dir.path().join("datasets--own--rows")));
    assert!(server.paths().iter().any(|path| path.starts_with("/datasets/own/rows/resolve/")));
}

#[test]
fn a_download_that_breaks_goes_on_where_it_ended() {
    let (server, dir) = (Server::breaking(), tempfile::tempdir().unwrap());
    let files = Files::Named(vec!["model.safetensors".to_owned()]);
    let snapshot = hub(&server, dir.path()).fetch(&Repo::model("own/tiny"), &files).unwrap();
    assert_eq!(read(&snapshot, "model.safetensors"), server::content("model.safetensors"));
    let ranges = server.ranges();
    assert!(ranges.iter().any(|range| range != "bytes=0-" && range != "bytes=0-0"), "{ranges:?}");
}

#[test]
fn the_token_is_shown_to_the_hub_and_not_with_downloads_from_elsewhere() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    hub(&server, dir.path()).fetch(&Repo::model("own/tiny"), &Files::Checkpoint).unwrap();
    let seen = server.authorized();
    // Weights are redirected to a store under another name.
    let downloads = |path: &str, range: &str| path.starts_with("/store/") && range != "bytes=0-0";
    assert!(seen.iter().any(|(path, range, _)| downloads(path, range)), "{seen:?}");
    for (path, range, authorized) in &seen {
        if downloads(path, range) || !path.starts_with("/store/") {
            assert_eq!(*authorized, !path.starts_with("/store/"), "{path} {range}");
        }
    }
}

#[test]
fn a_list_that_leads_out_of_the_cache_is_refused() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let error =
        hub(&server, dir.path()).fetch(&Repo::model("own/evil"), &Files::Checkpoint).unwrap_err();
    assert!(matches!(error, Error::Name { .. }), "{error}");
}

#[test]
fn a_snapshot_in_a_manifest_says_what_was_asked_for_and_what_it_was() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let files = Files::Named(vec!["config.json".to_owned()]);
    let snapshot = hub(&server, dir.path()).fetch(&Repo::model("own/tiny"), &files).unwrap();
    let written = serde_json::to_value(&snapshot).unwrap();
    let expected = serde_json::json!({
        "repo": {"kind": "model", "id": "own/tiny", "revision": "main"},
        "commit": COMMIT,
        "files": ["config.json"],
    });
    assert_eq!(written, expected);
}
