//! The engine behind [`Generate`]: many requests in flight, each tried until it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use thinksafe_core::generate::{Completion, Generate, Generated, Identity, Request, RequestError};
use thinksafe_core::hash::ContentHash;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use crate::answer::{self, Reading};
use crate::attempt::{Http, Try};
use crate::call::{Call, Writer};
use crate::endpoint::{self, Endpoint};
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
    runtime: Runtime,
    stop: Option<Arc<AtomicBool>>,
}

/// What the requests in flight have in common.
#[derive(Debug)]
struct Shared {
    http: Http,
    endpoints: Vec<Endpoint>,
    writer: Writer,
    options: RemoteOptions,
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
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|source| Error::Runtime { source })?;
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
        Ok(Self { shared, identity, runtime, stop: None })
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
        let flight = Flight { shared: &self.shared, stop: self.stop.as_deref(), greeted: None };
        match self.runtime.block_on(flight.run(requests, sink)) {
            Ok(()) => Ok(()),
            Err(End::Engine(error)) => Err(failed(error)),
            Err(End::Sink(error)) => Err(error),
        }
    }
}

/// What a server says before its first request.
#[derive(Debug, Clone, Copy)]
struct Greeting {
    /// The length of the model's context, as far as it is told.
    context: Option<usize>,
}

/// Why a call ends early.
enum End {
    Engine(Error),
    Sink(thinksafe_core::Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

type Outcome = Result<Completion, Error>;

/// One call of [`Generate::generate`].
struct Flight<'a> {
    shared: &'a Arc<Shared>,
    stop: Option<&'a AtomicBool>,
    /// What the server said, once it was asked.
    greeted: Option<Greeting>,
}

impl Flight<'_> {
    async fn run(
        mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), End> {
        let mut flying = JoinSet::new();
        let end = self.pump(requests, sink, &mut flying).await;
        // Connections that nobody waits for are closed now, and not when the engine is used next.
        flying.shutdown().await;
        end
    }

    async fn pump(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), thinksafe_core::Error>,
        flying: &mut JoinSet<Outcome>,
    ) -> Result<(), End> {
        let mut exhausted = false;
        loop {
            while !exhausted && flying.len() < self.shared.options.in_flight {
                self.check_stop()?;
                let Some(request) = requests.next() else {
                    exhausted = true;
                    break;
                };
                match self.prepare(&request).await? {
                    Ok(call) => {
                        let shared = Arc::clone(self.shared);
                        flying.spawn(async move { shared.complete(call).await });
                    }
                    Err(refusal) => {
                        sink(Completion::new(request.id, Err(refusal))).map_err(End::Sink)?;
                    }
                }
            }
            match self.landed(flying).await? {
                Some(completion) => sink(completion).map_err(End::Sink)?,
                None => return Ok(()),
            }
        }
    }

    /// Writes a request. The first that can be sent makes sure of the server before it is.
    async fn prepare(&mut self, request: &Request) -> Result<Result<Call, RequestError>, End> {
        let writer = &self.shared.writer;
        let Greeting { context } = match self.greeted {
            Some(greeting) => greeting,
            None => match writer.call(request, None).and_then(|_| writer.probe(request)) {
                Ok(probe) => {
                    let greeting = self.unless_stopped(self.shared.greet(probe)).await?;
                    *self.greeted.insert(greeting)
                }
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        Ok(writer.call(request, context))
    }

    /// The next completion; `None` if nothing is in flight.
    async fn landed(&self, flying: &mut JoinSet<Outcome>) -> Result<Option<Completion>, End> {
        loop {
            self.check_stop()?;
            let Ok(next) = tokio::time::timeout(GLANCE, flying.join_next()).await else { continue };
            return match next {
                None => Ok(None),
                Some(Ok(outcome)) => Ok(Some(outcome?)),
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            };
        }
    }

    async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, End> {
        let mut work = std::pin::pin!(work);
        loop {
            self.check_stop()?;
            if let Ok(done) = tokio::time::timeout(GLANCE, work.as_mut()).await {
                return Ok(done?);
            }
        }
    }

    fn check_stop(&self) -> Result<(), End> {
        let stop = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if stop { Err(Error::Stopped.into()) } else { Ok(()) }
    }
}

impl Shared {
    async fn complete(&self, call: Call) -> Result<Completion, Error> {
        let mut tries = Tries { options: &self.options, key: call.key, failed: 0 };
        loop {
            let Some(endpoint) = endpoint::idlest(&self.endpoints) else {
                return Err(Error::Stopped);
            };
            if let Some(outcome) = self.once(endpoint, &call, &mut tries).await? {
                let outcome = outcome.map_err(|refusal| refusal.error);
                return Ok(Completion::new(call.id, outcome));
            }
        }
    }

    /// One try at one endpoint, with the wait after it if it failed.
    async fn once(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        tries: &mut Tries<'_>,
    ) -> Result<Option<Result<Generated, Refusal>>, Error> {
        let lease = endpoint.lease();
        let name = endpoint.name();
        let tried = self.http.send(endpoint, call.path, Some(call.body.clone())).await?;
        drop(lease);
        let tried = match tried {
            Try::Refused { status, message } => {
                let error =
                    RequestError::Invalid { reason: format!("the server refused it: {message}") };
                return Ok(Some(Err(Refusal { error, status: Some(status) })));
            }
            Try::Answered(body) => {
                match answer::read(&body, &call.expected, &self.writer, &name)? {
                    Reading::Done(outcome) => {
                        return Ok(Some(outcome.map_err(|error| Refusal { error, status: None })));
                    }
                    Reading::Again(failure) => Try::Again(self.http.covered(failure), None),
                }
            }
            again @ Try::Again(..) => again,
        };
        tries.again(endpoint, tried).await?;
        Ok(None)
    }

    /// Asks every address for one token, and for the length of the model's context: the shortest that any tells.
    async fn greet(&self, probe: Call) -> Result<Greeting, Error> {
        let mut context = None;
        for endpoint in &self.endpoints {
            if self.writer.dialect.lists_context() {
                let listed = self.context(endpoint).await?;
                context = listed.into_iter().chain(context).min();
            }
            let mut tries = Tries { options: &self.options, key: probe.key, failed: 0 };
            let outcome = loop {
                if let Some(outcome) = self.once(endpoint, &probe, &mut tries).await? {
                    break outcome;
                }
            };
            if let Err(Refusal { error, status: Some(status) }) = outcome {
                return Err(Error::Refused {
                    endpoint: endpoint.name(),
                    status,
                    message: error.to_string(),
                });
            }
        }
        Ok(Greeting { context })
    }

    /// The context of the model in the server's list.
    async fn context(&self, endpoint: &Endpoint) -> Result<Option<usize>, Error> {
        let mut tries = Tries { options: &self.options, key: 0, failed: 0 };
        loop {
            let again = match self.http.send(endpoint, "models", None).await? {
                Try::Answered(body) => match serde_json::from_slice::<Models>(&body) {
                    Ok(models) => return models.context(&self.writer.model, endpoint),
                    Err(source) => Try::Again(crate::Failure::Unreadable { source }, None),
                },
                Try::Refused { status, message } => {
                    return Err(Error::Refused { endpoint: endpoint.name(), status, message });
                }
                again @ Try::Again(..) => again,
            };
            tries.again(endpoint, again).await?;
        }
    }
}

/// Why a request was not served, and the status that said so.
struct Refusal {
    error: RequestError,
    status: Option<u16>,
}

/// The list of what a server serves.
#[derive(Debug, Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<usize>,
}

impl Models {
    fn context(&self, name: &str, endpoint: &Endpoint) -> Result<Option<usize>, Error> {
        let found = self.data.iter().find(|model| model.id == name);
        found.map(|model| model.max_model_len).ok_or_else(|| {
            let served: Vec<&str> = self.data.iter().map(|model| model.id.as_str()).collect();
            Error::NoModel {
                endpoint: endpoint.name(),
                model: name.to_owned(),
                served: served.join(", "),
            }
        })
    }
}

/// How often a request has been tried.
struct Tries<'a> {
    options: &'a RemoteOptions,
    key: u64,
    failed: u32,
}

impl Tries<'_> {
    /// Waits for the next try, or gives up.
    async fn again(&mut self, endpoint: &Endpoint, tried: Try) -> Result<(), Error> {
        let Try::Again(failure, asked) = tried else { return Ok(()) };
        self.failed += 1;
        if self.failed >= self.options.tries {
            return Err(Error::GaveUp {
                endpoint: endpoint.name(),
                tries: self.failed,
                source: failure,
            });
        }
        let wait = self.options.wait(self.key, self.failed - 1, asked);
        tracing::debug!(endpoint = endpoint.name(), tries = self.failed, ?wait, %failure, "try again");
        // The others go elsewhere meanwhile: a dead server would otherwise be the idlest.
        endpoint.rest(wait);
        tokio::time::sleep(wait).await;
        Ok(())
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

/// How often the caller's flag is looked at.
const GLANCE: Duration = Duration::from_millis(50);
