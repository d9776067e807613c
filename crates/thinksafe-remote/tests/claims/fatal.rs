//! What no further try mends ends the call with an error, and shows no secret.

use std::sync::atomic::Ordering::SeqCst;

use thinksafe_core::generate::{Generate, RequestError};
use thinksafe_remote::{Error, RemoteOptions};

use crate::faults::{engine, options, request};
use crate::server::{Fault, Faults, FaultyServer};

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The error that ten requests end in.
fn error_of(server: &FaultyServer, options: RemoteOptions) -> Error {
    let outcome =
        engine(server.url(), options).generate(&mut (0..10).map(request), &mut |_| Ok(()));
    match outcome.unwrap_err() {
        thinksafe_core::Error::Engine { source, .. } => *source.downcast().unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_key_that_is_not_accepted_ends_the_run_and_is_not_shown() {
    for status in [401, 403] {
        let faults: Faults =
            if status == 401 { |_, _| Fault::Status(401) } else { |_, _| Fault::Status(403) };
        let error = error_of(&FaultyServer::start(faults), options(4));
        assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
        assert!(!format!("{error:?} {}", with_causes(&error)).contains("secret"), "{error:?}");
    }
}

#[test]
fn the_key_is_sent_and_cut_out_of_what_the_server_repeats() {
    let server = FaultyServer::start(|_, _| Fault::Status(404));
    let error = error_of(&server, options(4));
    let shown = format!("{error:?} {}", with_causes(&error));
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{shown}");
    assert!(shown.contains("Bearer (the API key)") && !shown.contains("secret"), "{shown}");
    let heads = server.seen.heads.lock().unwrap();
    assert!(heads.iter().all(|head| head.contains("Bearer sk-secret")), "{heads:?}");
}

#[test]
fn a_request_that_fails_as_often_as_it_may_ends_the_run_and_is_not_recorded() {
    let server =
        FaultyServer::start(|number, _| if number == 3 { Fault::Broken } else { Fault::Nothing });
    let mut seen = Vec::new();
    let mut engine = engine(server.url(), RemoteOptions { tries: 3, ..options(1) });
    let error = engine.generate(&mut (0..10).map(request), &mut |completion| {
        seen.push(completion.id);
        Ok(())
    });
    let causes = with_causes(&error.unwrap_err());
    assert!(causes.contains("failed 3 times") && causes.contains("status 500: oops"), "{causes}");
    assert_eq!(seen, [0, 1, 2]);
    assert_eq!(server.tries(3), 3);
}

#[test]
fn what_the_server_refuses_for_the_requests_own_sake_is_data() {
    let server =
        FaultyServer::start(
            |number, _| if number % 2 == 1 { Fault::Status(400) } else { Fault::Nothing },
        );
    let mut refused = Vec::new();
    engine(server.url(), options(4))
        .generate(&mut (0..10).map(request), &mut |completion| {
            if let Err(error) = completion.outcome {
                assert!(matches!(error, RequestError::Invalid { .. }), "{error}");
                refused.push(completion.id);
            }
            Ok(())
        })
        .unwrap();
    refused.sort_unstable();
    assert_eq!(refused, [1, 3, 5, 7, 9]);
    assert_eq!(server.tries(1), 1, "a refusal is not tried again");
}

#[test]
fn the_engine_says_that_it_cannot_wait_inside_a_runtime() {
    let server = FaultyServer::start(|_, _| Fault::Nothing);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { error_of(&server, options(1)) });
    assert!(matches!(error, Error::InsideRuntime), "{error:?}");
    assert_eq!(server.seen.most_open.load(SeqCst), 0);
}
