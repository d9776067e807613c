//! A server of chat completions that fails on purpose. It is written in terms of bytes, since what it has to get wrong
//! is what libraries get right.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How a request is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered.
    Nothing,
    /// Answered, after a while.
    Slow,
    /// 429, with the wish to be left alone for no time at all.
    Busy,
    /// 500.
    Broken,
    /// Accepted and never answered.
    Hang,
    /// Half of the body that was announced, then nothing more.
    HalfBody,
    /// A body that ends in the middle of its JSON.
    BadJson,
    /// The connection ends before an answer begins.
    Disconnect,
    /// A byte now and then.
    Trickle,
    /// A body without end.
    Endless,
    /// Any other status.
    Status(u16),
}

/// What kind of fault a try of a question meets; tries count from 0.
pub(crate) type Faults = fn(question: u64, tried: u32) -> Fault;

/// What the server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests it works on.
    open: AtomicUsize,
    /// The most of them at a time.
    pub(crate) most_open: AtomicUsize,
    /// Questions that were answered to the end.
    pub(crate) answered: AtomicUsize,
    /// Bytes written.
    pub(crate) bytes: AtomicUsize,
    /// Tries of each question.
    tries: Mutex<HashMap<u64, u32>>,
    /// Heads of requests.
    pub(crate) heads: Mutex<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct FaultyServer {
    address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl FaultyServer {
    pub(crate) fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                thread::spawn(move || serve(stream, faults, &seen));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn tries(&self, question: u64) -> u32 {
        self.seen.tries.lock().unwrap().get(&question).copied().unwrap_or(0)
    }
}

/// The question that is asked under a number, and the number in it. The greeting has none.
pub(crate) fn question(number: u64) -> String {
    format!("question {number}")
}

fn number(question: &str) -> Option<u64> {
    question.strip_prefix("question ")?.parse().ok()
}

/// What is answered, so that answers to others can be told.
pub(crate) fn answer_to(question: &str, seed: u64) -> String {
    format!("<think>\nOn {question}.\n</think>\n\nDrawn with {seed}: {question}.")
}

fn serve(stream: TcpStream, faults: Faults, seen: &Seen) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Ok(Some(body)) = read_request(&mut reader, seen) {
        let open = seen.open.fetch_add(1, SeqCst) + 1;
        seen.most_open.fetch_max(open, SeqCst);
        let fault = fault_of(&body, faults, seen);
        if fault == Fault::Slow {
            thread::sleep(Duration::from_millis(20));
        }
        let hangs = matches!(fault, Fault::Hang | Fault::Trickle | Fault::Endless);
        if !hangs {
            // Before the answer: the client sends its next request at once.
            seen.open.fetch_sub(1, SeqCst);
        }
        let kept = respond(reader.get_mut(), &body, fault, seen);
        if hangs {
            seen.open.fetch_sub(1, SeqCst);
        }
        if !kept.unwrap_or(false) {
            return;
        }
    }
}

fn read_request<S: Read>(reader: &mut BufReader<S>, seen: &Seen) -> io::Result<Option<Value>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    seen.heads.lock().unwrap().push(head);
    Ok(Some(serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn fault_of(body: &Value, faults: Faults, seen: &Seen) -> Fault {
    let Some(number) = number(asked(body)) else { return Fault::Nothing };
    let mut tries = seen.tries.lock().unwrap();
    let tried = tries.entry(number).or_default();
    *tried += 1;
    faults(number, *tried - 1)
}

fn asked(body: &Value) -> &str {
    body["messages"][0]["content"].as_str().unwrap_or_default()
}

/// Answers; whether the connection may be used again.
fn respond(
    stream: &mut (impl Read + Write),
    body: &Value,
    fault: Fault,
    seen: &Seen,
) -> io::Result<bool> {
    let answer = completion(body);
    match fault {
        Fault::Nothing | Fault::Slow => {
            if number(asked(body)).is_some() {
                seen.answered.fetch_add(1, SeqCst);
            }
            stream.write_all(&ok(&answer, answer.len()))?;
            return Ok(true);
        }
        Fault::Busy => stream.write_all(
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n",
        )?,
        Fault::Broken => stream.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\noops")?,
        Fault::Status(status) => {
            let words = format!("no, whatever {} says", auth(seen));
            let head =
                format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n{words}", words.len());
            stream.write_all(head.as_bytes())?;
        }
        Fault::Hang => {
            // Until the client has had enough.
            let _ = stream.read(&mut [0]);
            return Ok(false);
        }
        Fault::HalfBody => {
            stream.write_all(&ok(&answer[..answer.len() / 2], answer.len()))?;
            return Ok(false);
        }
        Fault::BadJson => {
            let half = &answer[..answer.len() / 2];
            stream.write_all(&ok(half, half.len()))?;
        }
        Fault::Disconnect => return Ok(false),
        Fault::Trickle => {
            for byte in ok(&answer, answer.len()) {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(50));
            }
        }
        Fault::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
                seen.bytes.fetch_add(chunk.len(), SeqCst);
            }
        }
    }
    Ok(true)
}

/// The header by which the last request showed who it is.
fn auth(seen: &Seen) -> String {
    let heads = seen.heads.lock().unwrap();
    let head = heads.last().map(String::as_str).unwrap_or_default();
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization"));
    line.unwrap_or_default().to_owned()
}

fn ok(body: &[u8], announced: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {announced}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn completion(body: &Value) -> Vec<u8> {
    let text = answer_to(asked(body), body["seed"].as_u64().unwrap_or_default());
    let choice = json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12});
    json!({"object": "chat.completion", "choices": [choice], "usage": usage})
        .to_string()
        .into_bytes()
}

/// Serves one connection over any stream, without faults.
pub(crate) fn serve_one<S: Read + Write>(stream: S, seen: &Seen) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(body) = read_request(&mut reader, seen)? {
        respond(reader.get_mut(), &body, Fault::Nothing, seen)?;
        reader.get_mut().flush()?;
    }
    Ok(())
}
