//! SIGTERM, SIGINT and SIGHUP: unmount, then end.

use std::fmt;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, bail};
use nix::sys::signal::{SigSet, Signal};

/// Exit code after a second signal before the mount was live: as a shell shows SIGINT.
pub(crate) const EXIT_INTERRUPTED: i32 = 130;

/// Whether the process was told to end, and what it then does.
#[derive(Debug, Clone)]
pub(crate) struct Termination {
    state: Arc<Mutex<State>>,
}

/// How often the process was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    First,
    Again,
}

#[derive(Default)]
struct State {
    requested: bool,
    action: Option<Box<dyn FnMut(Request) + Send>>,
}

impl Termination {
    /// Takes over the signals. Must be called before there are other threads: they inherit the mask
    /// that leaves the signals to the one thread that waits for them.
    pub(crate) fn watch() -> anyhow::Result<Termination> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block().context("cannot block signals")?;
        let termination = Termination {
            state: Arc::default(),
        };
        let watched = termination.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                while let Ok(signal) = signals.wait() {
                    watched.request(signal);
                }
            })
            .context("cannot start the thread that waits for signals")?;
        Ok(termination)
    }

    /// What to do at every signal from now on; done at once if one has come already.
    pub(crate) fn on_request(&self, mut action: impl FnMut(Request) + Send + 'static) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.requested {
            action(Request::First);
        }
        state.action = Some(Box::new(action));
    }

    /// Fails once the process was told to end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requested
        {
            bail!("interrupted before the mount was live");
        }
        Ok(())
    }

    fn request(&self, signal: Signal) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(%signal, "told to end");
        let again = std::mem::replace(&mut state.requested, true);
        let request = if again {
            Request::Again
        } else {
            Request::First
        };
        match (&mut state.action, request) {
            (Some(action), request) => action(request),
            (None, Request::First) => {}
            (None, Request::Again) => process::exit(EXIT_INTERRUPTED),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("requested", &self.requested)
            .field("action", &self.action.is_some())
            .finish()
    }
}
