//! Ctrl-C while a model is trained, or a server generates.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A flag that the first SIGINT or SIGTERM sets while this lives; the second one ends the process at once, as does each
/// one while none lives.
///
/// A process may have one after the other, but one at a time: signals are the process's. What was asked for once stays so, and
/// the next one's flag is set from the beginning.
#[derive(Debug)]
pub struct Stop(Handlers);

/// What the process's handlers set and look at; they are there for good once they are.
#[derive(Debug, Clone, Default)]
struct Handlers {
    /// Whether a signal came.
    asked: Arc<AtomicBool>,
    /// Whether the next one ends the process.
    at_once: Arc<AtomicBool>,
}

static INSTALLED: Mutex<Option<Handlers>> = Mutex::new(None);

impl Stop {
    /// Listens for both signals.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signal() -> Result<Self> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        let handlers = match &*installed {
            Some(handlers) => handlers.clone(),
            None => installed.insert(Handlers::install()?).clone(),
        };
        handlers.at_once.store(handlers.asked.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(Self(handlers))
    }

    /// The flag, for [`thinksafe_sft::FitOptions`].
    pub fn flag(&self) -> &AtomicBool {
        &self.0.asked
    }

    /// The flag, for [`thinksafe_remote::RemoteGenerator::with_stop`].
    pub fn shared(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.asked)
    }
}

impl Handlers {
    fn install() -> Result<Self> {
        let handlers = Self::default();
        let Self { asked, at_once } = &handlers;
        for signal in [SIGINT, SIGTERM] {
            // The order matters: what ends the process looks at its flag before this signal sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(at_once))?;
            flag::register(signal, Arc::clone(at_once))?;
            flag::register(signal, Arc::clone(asked))?;
        }
        Ok(handlers)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.at_once.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn each_training_of_a_process_is_asked_to_stop() {
        drop(Stop::on_signal().unwrap());
        let second = Stop::on_signal().unwrap();
        assert!(!second.flag().load(Ordering::Relaxed));
        // A handler of the first one would end the process here.
        raise(SIGTERM).unwrap();
        assert!(second.flag().load(Ordering::Relaxed));
        drop(second);
        assert!(Stop::on_signal().unwrap().flag().load(Ordering::Relaxed));
    }
}
