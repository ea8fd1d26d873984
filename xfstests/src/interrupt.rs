//! ^C and SIGTERM: the run ends, and everything is taken away.

use std::io;
use std::process::{Child, Command};
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
        let signals = signals();
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

/// Starts a program to which the signals mean what they mean everywhere: it inherits what is blocked, and tests end
/// their programs with SIGTERM.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let signals = signals();
    // One that comes just now ends this process without taking anything away.
    signals.thread_unblock()?;
    let child = command.spawn();
    signals.thread_block()?;
    child
}

fn signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_program_that_is_started_can_be_ended_with_sigterm() {
        signals().thread_block().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "kill -TERM $$; echo lives"]);
        let child = spawn(command.stdout(Stdio::piped())).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        assert!(!output.status.success());
    }
}
