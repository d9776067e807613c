//! One try of a request over HTTP.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::error::{Error, Failure};
use crate::options::RemoteOptions;
use crate::server::{ApiKey, Server};
use crate::tls;

/// The client, with what goes along with each request.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    key: Option<ApiKey>,
    answer_timeout: Duration,
    answer_bytes: usize,
}

/// What a try came to.
#[derive(Debug)]
pub(crate) enum Try {
    /// The body of an answer with status 200.
    Answered(Vec<u8>),
    /// The server refuses this request, in these words.
    Refused { status: u16, message: String },
    /// It has to be tried again, after the time that the server asks for.
    Again(Failure, Option<Duration>),
}

impl Http {
    pub(crate) fn new(server: &Server, options: &RemoteOptions) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            // A redirect could carry prompts and the key to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(options.in_flight)
            .tls_backend_preconfigured(tls::settings(&server.authorities)?)
            .build()
            .map_err(|source| Error::Client { source })?;
        if let Some(key) = &server.key {
            HeaderValue::from_str(key.secret()).map_err(|_| Error::Key)?;
        }
        Ok(Self {
            client,
            key: server.key.clone(),
            answer_timeout: options.answer_timeout,
            answer_bytes: options.answer_bytes,
        })
    }

    /// Sends a body, or asks for a page if there is none.
    ///
    /// # Errors
    /// What ends the run: a key that is not accepted, an address where nothing is, a redirect.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Try, Error> {
        let url = endpoint.url(path);
        let mut request = match body {
            Some(body) => self.client.post(url).header(CONTENT_TYPE, "application/json").body(body),
            None => self.client.get(url),
        };
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, bearer(key)?);
        }
        let response = match request.timeout(self.answer_timeout).send().await {
            Ok(response) => response,
            Err(source) => return Ok(Try::Again(Failure::transport(source), None)),
        };
        let status = response.status();
        let asked = retry_after(&response);
        let body = match self.read(response).await {
            Ok(body) => body,
            Err(failure) => return Ok(Try::Again(failure, asked)),
        };
        if status == StatusCode::OK {
            return Ok(Try::Answered(body));
        }
        let refusal = Refusal { status, message: self.redacted(&words_in(&body)), asked };
        refusal.judge(endpoint)
    }

    /// The body, of which never more than the limit is held.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
            if body.len() + chunk.len() > self.answer_bytes {
                return Err(Failure::TooLong { limit: self.answer_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// A failure without the key, should the server repeat it.
    pub(crate) fn covered(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Status { status, message } => {
                Failure::Status { status, message: self.redacted(&message) }
            }
            other => other,
        }
    }

    fn redacted(&self, words: &str) -> String {
        match &self.key {
            Some(key) if !key.secret().is_empty() => words.replace(key.secret(), "(the API key)"),
            _ => words.to_owned(),
        }
    }
}

/// An answer with another status than 200.
struct Refusal {
    status: StatusCode,
    message: String,
    asked: Option<Duration>,
}

impl Refusal {
    /// Whether it is the request's, passes, or ends the run.
    fn judge(self, endpoint: &Endpoint) -> Result<Try, Error> {
        let Self { status, message, asked } = self;
        let (endpoint, code) = (endpoint.name(), status.as_u16());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Error::Unauthorized { endpoint, status: code })
            }
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Ok(Try::Refused { status: code, message }),
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS => {
                Ok(Try::Again(Failure::Status { status: code, message }, asked))
            }
            _ if status.is_server_error() => {
                Ok(Try::Again(Failure::Status { status: code, message }, asked))
            }
            _ => Err(Error::Refused { endpoint, status: code, message }),
        }
    }
}

fn bearer(key: &ApiKey) -> Result<HeaderValue, Error> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.secret())).map_err(|_| Error::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The seconds that a server asks to be left alone for. A date in their place is not read: this crate has no clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The message in a body, JSON or not.
fn words_in(body: &[u8]) -> String {
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    words(&serde_json::from_slice(body).unwrap_or_else(|_| text()))
}

/// The message in an error's body, in any of the forms that servers use, and not too much of it: it may quote the prompt.
pub(crate) fn words(body: &Value) -> String {
    let error = body.get("error").unwrap_or(body);
    let message = error.get("message").or_else(|| error.get("detail")).unwrap_or(error);
    let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let mut shown: String = text.chars().take(MOST_WORDS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

const MOST_WORDS: usize = 300;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_is_found_in_every_form_of_error() {
        let forms = [
            json!({"error": {"message": "too long", "type": "x"}}),
            json!({"message": "too long", "object": "error"}),
            json!({"detail": "too long"}),
            json!({"error": "too long"}),
            json!("too long"),
        ];
        for form in forms {
            assert_eq!(words(&form), "too long", "{form}");
        }
        assert_eq!(words(&json!("x".repeat(1000))).chars().count(), MOST_WORDS + 1);
    }
}
