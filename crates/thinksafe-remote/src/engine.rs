//! The engine behind [`Generate`]: many requests in flight, each tried until it is answered.

mod flight;
mod serve;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use thinksafe_core::generate::{Completion, Generate, Identity, Request};
use thinksafe_core::hash::ContentHash;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::attempt::Http;
use crate::call::Writer;
use crate::endpoint::Endpoint;
use crate::engine::flight::{End, Flight};
use crate::engine::serve::Shared;
use crate::error::Error;
use crate::options::RemoteOptions;
use crate::server::{Rendering, Server};

/// A served model as an engine.
///
/// Up to [`RemoteOptions::in_flight`] requests are under way at a time; a further one is pulled when one is answered,
/// and each completion is handed over as it comes, so that neither requests nor completions pile up. What fails on the
/// way (a busy server, a broken connection, an answer that is no JSON) is tried again; a request that fails as often as
/// it may ends the call with an error, and is not recorded: the next call asks for it again. What the server refuses for
/// the request's own sake is data, in its completion.
///
/// Before the first request, every address is asked for one token after a harmless prompt with the request's settings,
/// so that a wrong name, key or setting ends the call and is not recorded as thousands of refusals.
///
/// # Identity
/// A server does not tell which weights it has. [`Identity`] is made of what the caller declares: kind of server, model
/// and [`Server::revision`]; where prompts are tokenized here, of tokenizer and template too. Addresses are no part of
/// it: a server may move. Who changes the weights behind a name has to change the revision. Nor is a sample a function
/// of its seed to the bit: what else the server computes at the time changes the rounding on most of them.
#[derive(Debug)]
pub struct RemoteGenerator {
    shared: Arc<Shared>,
    identity: Identity,
    event_loop: EventLoop,
    stop: Option<Arc<AtomicBool>>,
}

impl RemoteGenerator {
    /// An engine for a served model. Nothing is sent yet.
    ///
    /// # Errors
    /// Addresses, options or a key that are not as they should be, or what the client for HTTP reports.
    pub fn new(
        server: &Server,
        rendering: Rendering,
        options: RemoteOptions,
    ) -> Result<Self, Error> {
        options.validate()?;
        if server.urls.is_empty() {
            let (field, found) = ("urls", "empty".to_owned());
            return Err(Error::Option { field, found, expected: "at least one address" });
        }
        let endpoints =
            server.urls.iter().map(|url| Endpoint::new(url)).collect::<Result<_, _>>()?;
        let event_loop = EventLoop::new()?;
        let identity = identity(server, &rendering);
        let writer = Writer {
            dialect: server.dialect,
            model: server.model.clone(),
            rendering,
            most_logprobs: options.most_logprobs,
            in_flight: options.in_flight,
        };
        let http = Http::new(server, &options)?;
        let shared = Arc::new(Shared { http, endpoints, writer, options });
        Ok(Self { shared, identity, event_loop, stop: None })
    }

    /// Ends a call with [`Error::Stopped`] soon after the flag is set. Requests in flight are given up, what was
    /// finished has been handed over.
    #[must_use]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = Some(stop);
        self
    }
}

impl Generate for RemoteGenerator {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        let failed = |error| thinksafe_core::Error::engine(&self.identity.engine, error);
        if Handle::try_current().is_ok() {
            return Err(failed(Error::InsideRuntime));
        }
        let flight = Flight::new(&self.shared, self.stop.as_deref());
        match self.event_loop.block_on(flight.run(requests, sink)) {
            Ok(()) => Ok(()),
            Err(End::Engine(error)) => Err(failed(error)),
            Err(End::Sink(error)) => Err(error),
        }
    }
}

/// The event loop of an engine, on the caller's thread.
#[derive(Debug)]
struct EventLoop(Option<Runtime>);

impl EventLoop {
    fn new() -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|source| Error::Runtime { source })
    }

    fn block_on(&self, work: impl Future<Output = Result<(), End>>) -> Result<(), End> {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => Err(Error::Stopped.into()),
        }
    }
}

impl Drop for EventLoop {
    /// Without waiting for anything, which is not allowed where an engine is dropped in asynchronous code.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn identity(server: &Server, rendering: &Rendering) -> Identity {
    let declared = (server.dialect, &server.model, &server.revision);
    let template = match rendering {
        Rendering::Here(chat) => chat.hash(),
        Rendering::Server { opening } => {
            ContentHash::of("thinksafe.remote.template", &(declared, opening))
        }
    };
    Identity {
        engine: format!("thinksafe-remote/{}", server.dialect),
        model: server.model.clone(),
        weights: ContentHash::of("thinksafe.remote.model", &declared),
        template,
        adapter: None,
    }
}
