//! ^C and friends: the phases stop at their next operation, so that the scratch directories can be removed.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use nix::sys::signal::{SigSet, Signal};

/// Exit code of a program that ends at once because of a second ^C.
const EXIT_INTERRUPTED: i32 = 130;

/// Whether somebody wants the run to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt {
    raised: Arc<AtomicBool>,
}

impl Interrupt {
    /// Watches SIGINT, SIGTERM and SIGHUP from now on. Must be called before other threads exist: they inherit the
    /// signal mask that leaves these signals to the watching thread.
    pub(super) fn watch() -> anyhow::Result<Interrupt> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block().context("cannot block signals")?;
        let interrupt = Interrupt::default();
        let watched = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || watched.wait_for(&signals))
            .context("cannot start the thread that waits for signals")?;
        Ok(interrupt)
    }

    fn wait_for(&self, signals: &SigSet) {
        while signals.wait().is_ok() {
            if self.raised.swap(true, Ordering::Relaxed) {
                // The filesystem does not answer: whoever asks twice wants out, scratch directory or not.
                process::exit(EXIT_INTERRUPTED);
            }
        }
    }

    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.is_raised() {
            bail!("interrupted");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }
}
