//! A Hub of two repositories: the list of a revision's files, files by range, weights by a redirect to a store.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request: path, `Range`, whether it showed a token.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    range: String,
    authorized: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::new(false)
    }

    /// One whose first long answer ends half-way.
    pub(crate) fn breaking() -> Self {
        Self::new(true)
    }

    fn new(breaks: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (shared, breaks) = (Arc::clone(&asked), Arc::new(AtomicBool::new(breaks)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, breaks) = (Arc::clone(&shared), Arc::clone(&breaks));
                thread::spawn(move || serve(stream, address, &asked, &breaks));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.of(|asked| asked.path.clone())
    }

    pub(crate) fn ranges(&self) -> Vec<String> {
        self.of(|asked| asked.range.clone()).into_iter().filter(|range| !range.is_empty()).collect()
    }

    pub(crate) fn authorized(&self) -> Vec<(String, String, bool)> {
        self.of(|asked| (asked.path.clone(), asked.range.clone(), asked.authorized))
    }

    fn of<T>(&self, part: impl Fn(&Asked) -> T) -> Vec<T> {
        self.asked.lock().unwrap().iter().map(part).collect()
    }
}

/// What is in a file: its name, often enough to be long.
pub(crate) fn content(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(200_000).collect()
}

pub(crate) fn etag(name: &str) -> String {
    format!("etag-of-{}", name.replace('/', "-"))
}

fn serve(stream: TcpStream, address: SocketAddr, asked: &Mutex<Vec<Asked>>, breaks: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = read(&mut reader) {
        asked.lock().unwrap().push(request.clone());
        if !answer(reader.get_mut(), &request, address, breaks).unwrap_or(false) {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    Ok(Some(Asked {
        path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        range: header("range:").unwrap_or_default(),
        authorized: header("authorization:").is_some_and(|value| value == "Bearer hf_secret"),
    }))
}

/// Answers a request; whether the connection stays.
fn answer(
    stream: &mut TcpStream,
    request: &Asked,
    address: SocketAddr,
    breaks: &AtomicBool,
) -> io::Result<bool> {
    let path = request.path.as_str();
    if let Some(files) = list(path) {
        let siblings: Vec<_> = files.iter().map(|file| json!({"rfilename": file})).collect();
        let body = json!({"sha": COMMIT, "siblings": siblings}).to_string();
        send(stream, "200 OK", "", body.as_bytes())?;
    } else if let Some(name) = path.strip_prefix("/store/") {
        return ranged(stream, request, name, breaks);
    } else if let Some((_, name)) = path.split_once(&format!("/resolve/{COMMIT}/")) {
        if !name.ends_with(".safetensors") {
            return ranged(stream, request, name, breaks);
        }
        let more = format!(
            "location: http://localhost:{}/store/{name}\r\nx-repo-commit: {COMMIT}\r\nx-linked-etag: \"{}\"\r\n",
            address.port(),
            etag(name)
        );
        send(stream, "302 Found", &more, b"")?;
    } else {
        send(stream, "404 Not Found", "", b"no such repository")?;
    }
    Ok(true)
}

fn list(path: &str) -> Option<&'static [&'static str]> {
    let (repo, revision) = path.strip_prefix("/api/")?.split_once("/revision/")?;
    if !["main", COMMIT].contains(&revision) {
        return None;
    }
    match repo {
        "models/own/tiny" => Some(&[
            "README.md",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "pytorch_model.bin",
        ]),
        "models/own/evil" => Some(&["..\\config.json"]),
        "datasets/own/rows" => Some(&["README.md", "data/test.jsonl"]),
        _ => None,
    }
}

fn ranged(
    stream: &mut TcpStream,
    request: &Asked,
    name: &str,
    breaks: &AtomicBool,
) -> io::Result<bool> {
    let whole = content(name);
    let range = request.range.strip_prefix("bytes=").unwrap_or("0-");
    let (start, end) = range.split_once('-').unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(whole.len(), |end: usize| end + 1);
    let body = &whole[start.min(end)..end];
    let more = format!(
        "content-range: bytes {start}-{}/{}\r\netag: \"{}\"\r\nx-repo-commit: {COMMIT}\r\n",
        end - 1,
        whole.len(),
        etag(name)
    );
    if body.len() > 1 && breaks.swap(false, Ordering::SeqCst) {
        let head =
            format!("HTTP/1.1 206 Partial Content\r\n{more}content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body[..body.len() / 2])?;
        return Ok(false);
    }
    send(stream, "206 Partial Content", &more, body)?;
    Ok(true)
}

fn send(stream: &mut TcpStream, status: &str, more: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())
}
