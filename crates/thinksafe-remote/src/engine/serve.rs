//! One request until it is answered, and what is asked of a server before the first.

use serde::Deserialize;
use thinksafe_core::generate::{Completion, Generated, RequestError};

use crate::answer::{self, Reading};
use crate::attempt::{Http, Try};
use crate::call::{Call, Writer};
use crate::endpoint::{self, Endpoint};
use crate::error::Error;
use crate::options::RemoteOptions;

/// What the requests in flight have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) http: Http,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) writer: Writer,
    pub(super) options: RemoteOptions,
}

/// What a server says before its first request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greeting {
    /// The length of the model's context, as far as it is told.
    pub(super) context: Option<usize>,
}

impl Shared {
    pub(super) async fn complete(&self, call: Call) -> Result<Completion, Error> {
        let mut tries = Tries { options: &self.options, key: call.key, failed: 0 };
        let mut failed = None;
        loop {
            let Some(endpoint) = endpoint::idlest(&self.endpoints, failed) else {
                return Err(Error::Stopped);
            };
            if let Some(outcome) = self.once(endpoint, &call, &mut tries).await? {
                let outcome = outcome.map_err(|refusal| refusal.error);
                return Ok(Completion::new(call.id, outcome));
            }
            failed = Some(endpoint);
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
    pub(super) async fn greet(&self, probe: Call) -> Result<Greeting, Error> {
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
        // The others go elsewhere meanwhile: a dead server is the idlest of all.
        endpoint.rest(wait);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
