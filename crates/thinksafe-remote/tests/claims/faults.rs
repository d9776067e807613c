//! A thousand requests through every fault.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use thinksafe_core::generate::{Completion, Generate, Request};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_remote::{ApiKey, Dialect, RemoteGenerator, RemoteOptions, Rendering, Server};

use crate::server::{Fault, FaultyServer, answer_to, question};

/// Patient with the machine, impatient with the server.
pub(crate) fn options(in_flight: usize) -> RemoteOptions {
    RemoteOptions {
        in_flight,
        tries: 200,
        first_wait: Duration::from_millis(2),
        longest_wait: Duration::from_millis(50),
        answer_timeout: Duration::from_secs(1),
        ..RemoteOptions::default()
    }
}

pub(crate) fn engine(url: String, options: RemoteOptions) -> RemoteGenerator {
    let key = Some(ApiKey::new("sk-secret"));
    let server = Server { key, ..Server::new(Dialect::OpenAi, url, "m") };
    RemoteGenerator::new(&server, Rendering::Server { opening: String::new() }, options).unwrap()
}

pub(crate) fn request(number: u64) -> Request {
    let prompt = Prompt::Messages(vec![Message::user(question(number))]);
    Request::new(number, prompt, Sampling::default(), SampleSeed(number << 8))
}

/// The faults of the first tries; the fifth is always answered.
pub(crate) fn every_fault(question: u64, tried: u32) -> Fault {
    const FAULTS: [Fault; 8] = [
        Fault::Nothing,
        Fault::Busy,
        Fault::Broken,
        Fault::HalfBody,
        Fault::Disconnect,
        Fault::BadJson,
        Fault::Hang,
        Fault::Trickle,
    ];
    match tried {
        0 => FAULTS[(question % 8) as usize],
        // Not the two that cost a timeout.
        1..4 => FAULTS[(question / 8 + u64::from(tried)) as usize % 6],
        _ => Fault::Nothing,
    }
}

#[test]
fn a_thousand_requests_come_through_every_fault_once_each_and_unmixed() {
    const REQUESTS: u64 = 1000;
    const IN_FLIGHT: usize = 48;
    let server = FaultyServer::start(every_fault);
    let mut engine = engine(server.url(), options(IN_FLIGHT));
    let (open, most) = (Cell::new(0), Cell::new(0));
    let mut requests = (0..REQUESTS).map(request).inspect(|_| {
        open.set(open.get() + 1);
        most.set(most.get().max(open.get()));
    });
    let mut texts: HashMap<u64, String> = HashMap::new();
    let outcome = engine.generate(&mut requests, &mut |Completion { id, outcome, .. }| {
        open.set(open.get() - 1);
        let text = outcome.unwrap().text;
        assert!(texts.insert(id, text).is_none(), "two completions of {id}");
        Ok(())
    });
    outcome.unwrap();

    assert_eq!(texts.len() as u64, REQUESTS);
    for (id, text) in texts {
        assert_eq!(text, answer_to(&question(id), (id << 8) >> 1), "{id}");
    }
    assert!(most.get() <= IN_FLIGHT, "{} requests were pulled and not answered", most.get());
    // The faults were met.
    assert!((0..REQUESTS).filter(|number| server.tries(*number) > 1).count() > 800);
}

#[test]
fn no_more_requests_are_open_than_allowed() {
    const IN_FLIGHT: usize = 7;
    let server = FaultyServer::start(|_, _| Fault::Slow);
    let mut engine = engine(
        server.url(),
        RemoteOptions { answer_timeout: Duration::from_mins(5), ..options(IN_FLIGHT) },
    );
    let mut done = 0;
    engine
        .generate(&mut (0..100).map(request), &mut |_| {
            done += 1;
            Ok(())
        })
        .unwrap();
    let most = server.seen.most_open.load(SeqCst);
    assert_eq!(done, 100);
    assert!(most > 1 && most <= IN_FLIGHT, "{most}");
}

#[test]
fn an_answer_without_end_is_given_up_before_it_fills_memory() {
    let server = FaultyServer::start(|_, _| Fault::Endless);
    let options = RemoteOptions {
        tries: 2,
        answer_bytes: 1 << 20,
        answer_timeout: Duration::from_mins(5),
        ..options(1)
    };
    let mut engine = engine(server.url(), options);
    let error = engine.generate(&mut [request(1)].into_iter(), &mut |_| Ok(())).unwrap_err();
    let causes = crate::fatal::with_causes(&error);
    assert!(causes.contains("more than 1048576 bytes"), "{causes}");
    let sent = server.seen.bytes.load(SeqCst);
    // What lies in the sockets' buffers was sent too.
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[test]
fn an_error_of_the_sink_ends_the_call() {
    let server = FaultyServer::start(|_, _| Fault::Nothing);
    let mut engine = engine(server.url(), options(8));
    let mut pulled = 0;
    let mut requests = (0..1000).map(request).inspect(|_| pulled += 1);
    let full = || thinksafe_core::Error::UnknownLabel { found: "full".to_owned() };
    let outcome = engine.generate(&mut requests, &mut |_| Err(full()));
    assert!(matches!(outcome, Err(thinksafe_core::Error::UnknownLabel { .. })), "{outcome:?}");
    assert!(pulled <= 8, "{pulled}");
}
