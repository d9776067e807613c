//! One call of the engine: pulls, sends, hands over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thinksafe_core::generate::{Completion, Request, RequestError};
use tokio::task::JoinSet;

use crate::call::Call;
use crate::engine::serve::{Greeting, Shared};
use crate::error::Error;

/// Why a call ends early.
pub(super) enum End {
    Engine(Error),
    Sink(thinksafe_core::Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

type Outcome = Result<Completion, Error>;

/// One call of [`Generate::generate`](thinksafe_core::generate::Generate::generate).
pub(super) struct Flight<'a> {
    shared: &'a Arc<Shared>,
    stop: Option<&'a AtomicBool>,
    /// What the server said, once it was asked.
    greeted: Option<Greeting>,
}

impl<'a> Flight<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, stop: Option<&'a AtomicBool>) -> Self {
        Self { shared, stop, greeted: None }
    }

    pub(super) async fn run(
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

/// How often the caller's flag is looked at.
const GLANCE: Duration = Duration::from_millis(50);
