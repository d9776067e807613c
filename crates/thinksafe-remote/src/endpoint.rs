//! The addresses of a server, and which one is asked next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use crate::error::Error;

/// One address.
#[derive(Debug)]
pub(crate) struct Endpoint {
    base: Url,
    /// Requests that are under way there.
    load: AtomicUsize,
    /// Until when it wants to be left alone.
    rests: Mutex<Option<Instant>>,
}

/// A request's place at an endpoint, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease<'e>(&'e Endpoint);

impl Endpoint {
    /// Parses an address; it may hold no password, since it is shown in errors.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let problem = |problem| Error::Address { url: shown(url), problem };
        let mut base = Url::parse(url).map_err(|_| problem("no URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(problem("not of HTTP or HTTPS"));
        }
        if base.password().is_some() || !base.username().is_empty() {
            return Err(problem(
                "one with a user's name or a password, which belong into an API key",
            ));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(problem("one with a query or a fragment"));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { base, load: AtomicUsize::new(0), rests: Mutex::new(None) })
    }

    /// The address as errors and events show it.
    pub(crate) fn name(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// The address of one of its paths.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// Leaves it alone for a while: all requests go elsewhere, if there is an elsewhere.
    pub(crate) fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        *rests = Some(rests.map_or(until, |earlier| earlier.max(until)));
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until > now)
    }

    pub(crate) fn lease(&self) -> Lease<'_> {
        self.load.fetch_add(1, Ordering::Relaxed);
        Lease(self)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The endpoint with the least to do: not the one that just failed, nor one that rests, if there are others.
pub(crate) fn idlest<'e>(
    endpoints: &'e [Endpoint],
    failed: Option<&Endpoint>,
) -> Option<&'e Endpoint> {
    let now = Instant::now();
    endpoints.iter().min_by_key(|endpoint| {
        let failed = failed.is_some_and(|failed| std::ptr::eq(failed, *endpoint));
        (failed, endpoint.is_resting(now), endpoint.load.load(Ordering::Relaxed))
    })
}

/// An address without what is before its host.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_refused_without_their_password() {
        let cases = [
            ("localhost:8000", "not of HTTP"),
            ("ftp://host/v1", "not of HTTP"),
            ("http://", "no URL"),
            ("http://me:secret@host/v1", "a password"),
            ("http://host/v1?key=1", "a query"),
        ];
        for (url, expected) in cases {
            let error = Endpoint::new(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn paths_go_behind_the_address_with_and_without_its_slash() {
        for url in ["http://host:8000/v1", "http://host:8000/v1/"] {
            let endpoint = Endpoint::new(url).unwrap();
            assert_eq!(
                endpoint.url("chat/completions").as_str(),
                "http://host:8000/v1/chat/completions"
            );
            assert_eq!(endpoint.name(), "http://host:8000/v1");
        }
    }

    #[test]
    fn the_idlest_endpoint_that_does_not_rest_comes_first() {
        let endpoints = ["http://a/v1", "http://b/v1"].map(|url| Endpoint::new(url).unwrap());
        let name = || idlest(&endpoints, None).unwrap().name();
        let first = endpoints[0].lease();
        assert_eq!(name(), "http://b/v1");
        endpoints[1].rest(Duration::from_hours(1));
        assert_eq!(name(), "http://a/v1");
        endpoints[0].rest(Duration::from_hours(1));
        assert_eq!(name(), "http://b/v1");
        drop(first);
        assert_eq!(name(), "http://a/v1");
        assert_eq!(idlest(&endpoints, Some(&endpoints[0])).unwrap().name(), "http://b/v1");
    }
}
