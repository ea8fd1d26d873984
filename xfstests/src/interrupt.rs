//! ^C and SIGTERM: the run ends, and everything is taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, ensure};
use nix::sys::signal::{SigSet, Signal};

/// Whether the process was told to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    told: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over the signals. Must be called before there are other threads: they inherit the mask that
    /// leaves the signals to the one thread that waits for them.
    pub(crate) fn watch() -> anyhow::Result<Interrupt> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block().context("cannot block signals")?;
        let told = Arc::new(AtomicBool::new(false));
        let interrupt = Interrupt { told: told.clone() };
        let wait = move || {
            while signals.wait().is_ok() {
                told.store(true, Ordering::Relaxed);
            }
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(wait)
            .context("cannot start the thread that waits for signals")?;
        Ok(interrupt)
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Fails once the process was told to end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.is_told(), "told to end");
        Ok(())
    }
}
