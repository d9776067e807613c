//! How hard a server is pressed, and how patiently it is waited for.

use std::time::Duration;

use thinksafe_core::seed::Seed;

use crate::error::Error;

/// How requests are sent. None of it decides what is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct RemoteOptions {
    /// Requests under way at a time, over all addresses, those that wait to be tried again included; at least 1.
    pub in_flight: usize,
    /// How often one request is tried before the run ends, at least 1.
    pub tries: u32,
    /// The wait before the second try; it doubles from try to try, and each wait is shortened by up to a half, at random.
    pub first_wait: Duration,
    /// The longest wait between two tries. A server that asks for a longer one (`Retry-After`) is not given more.
    pub longest_wait: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a whole answer may take, from sending to the last byte; above zero. It comes in one piece, after the
    /// last token.
    pub answer_timeout: Duration,
    /// The most bytes of an answer.
    pub answer_bytes: usize,
    /// How many of the most likely tokens the server is ready to return; `None`: 20, as servers are delivered (5 for
    /// completions of OpenAI). With vLLM it is `--max-logprobs`.
    pub most_logprobs: Option<u32>,
    /// What the waits' randomness is derived from.
    pub seed: Seed,
}

impl Default for RemoteOptions {
    /// 64 requests, each tried 10 times with waits from half a second to a minute; 10 seconds to connect, an hour and
    /// 64 MiB for an answer.
    fn default() -> Self {
        Self {
            in_flight: 64,
            tries: 10,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_hours(1),
            answer_bytes: 64 << 20,
            most_logprobs: None,
            seed: Seed(0),
        }
    }
}

impl RemoteOptions {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let zero = |field, expected| Err(Error::Option { field, found: "0".to_owned(), expected });
        if self.in_flight == 0 {
            return zero("in_flight", "at least 1");
        }
        if self.tries == 0 {
            return zero("tries", "at least 1");
        }
        if self.answer_timeout.is_zero() {
            return zero("answer_timeout", "above 0");
        }
        Ok(())
    }

    /// The wait after a failed try, counted from 0, of the request with this key.
    pub(crate) fn wait(&self, key: u64, failed: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(2u32.saturating_pow(failed));
        let draw = self
            .seed
            .purpose("thinksafe.remote.wait")
            .stream()
            .uniform(key ^ u64::from(failed) << 56);
        let own = doubled.min(self.longest_wait).mul_f64(1.0 - draw / 2.0);
        asked.map_or(own, |asked| asked.min(self.longest_wait).max(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_differ_and_have_an_end() {
        let options = RemoteOptions::default();
        for failed in 0..40 {
            let most = options.first_wait.saturating_mul(2u32.saturating_pow(failed));
            let most = most.min(options.longest_wait);
            let waits: Vec<_> = (0..50).map(|key| options.wait(key, failed, None)).collect();
            assert!(waits.iter().all(|wait| *wait >= most / 2 && *wait <= most), "{waits:?}");
            assert!(waits.iter().any(|wait| wait != &waits[0]), "{waits:?}");
        }
        assert_eq!(options.wait(7, 3, None), options.wait(7, 3, None));
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_wait_and_never_longer_than_the_longest() {
        let options = RemoteOptions::default();
        let asked = Duration::from_secs(30);
        assert_eq!(options.wait(1, 0, Some(asked)), asked);
        assert_eq!(options.wait(1, 0, Some(Duration::from_hours(9))), options.longest_wait);
        assert!(options.wait(1, 0, Some(Duration::ZERO)) >= options.first_wait / 2);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let bad = [
            ("in_flight", RemoteOptions { in_flight: 0, ..RemoteOptions::default() }),
            ("tries", RemoteOptions { tries: 0, ..RemoteOptions::default() }),
            (
                "answer_timeout",
                RemoteOptions { answer_timeout: Duration::ZERO, ..RemoteOptions::default() },
            ),
        ];
        for (field, options) in bad {
            let error = options.validate().unwrap_err();
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
    }
}
