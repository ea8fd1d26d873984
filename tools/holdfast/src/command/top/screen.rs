//! The terminal while `holdfast top` has it.

use std::io;
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::draw;
use super::keys::{Choices, Wish};
use super::look::{Look, View};
use crate::cluster::Cluster;
use crate::one_line;
use crate::termination::{EXIT_INTERRUPTED, Termination};

/// How soon a key has its effect, at the latest, in milliseconds.
const TICK: u8 = 50;
/// Who was told to end and has not done so is ended.
const ENDED: Duration = Duration::from_secs(1);

/// What the one who looks has to say: a view, or why there is none.
type Seen = Result<View, String>;

/// Shows the cluster until somebody has seen enough, or the process is told to end. However it ends, the terminal is as before.
pub(super) fn show(
    cluster: Cluster,
    first: Look,
    interval: Duration,
    termination: &Termination,
) -> anyhow::Result<()> {
    let ended = Arc::<AtomicBool>::default();
    let told = Arc::clone(&ended);
    let (_shown, over) = mpsc::channel::<()>();
    termination.on_request(move |_| {
        told.store(true, Ordering::Release);
        if over.recv_timeout(ENDED) == Err(RecvTimeoutError::Timeout) {
            ratatui::try_restore().ok();
            process::exit(EXIT_INTERRUPTED);
        }
    });
    let (tell, seen) = mpsc::channel();
    let (hurry, hurried) = mpsc::channel();
    // A node that does not answer must not hold up the keys.
    thread::spawn(move || look_again(&cluster, first, interval, &tell, &hurried));
    let screen = Screen { seen, hurry, ended };
    // It restores the terminal also when something panics.
    let shown = ratatui::try_init().context("cannot use the terminal");
    let shown = shown.and_then(|mut terminal| screen.watch(&mut terminal));
    // A terminal that is gone cannot be told that it could not be restored.
    ratatui::try_restore().ok();
    shown
}

/// Until nobody listens.
fn look_again(
    cluster: &Cluster,
    first: Look,
    interval: Duration,
    tell: &Sender<Seen>,
    hurried: &Receiver<()>,
) {
    let mut before = first;
    // The first numbers come soon.
    let mut wait = interval.min(Duration::from_secs(1));
    loop {
        if let Err(RecvTimeoutError::Disconnected) = hurried.recv_timeout(wait) {
            return;
        }
        wait = interval;
        let said = cluster.run(View::next(cluster, &mut before));
        let said = said.map_err(|error| one_line(&error));
        if tell.send(said).is_err() {
            return;
        }
    }
}

/// What the terminal is for.
struct Screen {
    seen: Receiver<Seen>,
    hurry: Sender<()>,
    ended: Arc<AtomicBool>,
}

impl Screen {
    fn watch(&self, terminal: &mut DefaultTerminal) -> anyhow::Result<()> {
        let mut choices = Choices::default();
        let mut view = None;
        let mut trouble = None;
        let mut is_stale = true;
        while !self.ended.load(Ordering::Acquire) {
            match self.seen.try_recv() {
                Ok(Ok(new)) => (view, trouble, is_stale) = (Some(new), None, true),
                Ok(Err(reason)) => (trouble, is_stale) = (Some(reason), true),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    return Err(anyhow!("nobody looks at the cluster any more"));
                }
            }
            if is_stale {
                terminal.draw(|frame| {
                    draw::all(frame, view.as_ref(), trouble.as_deref(), &mut choices);
                })?;
                is_stale = false;
            }
            if !has_terminal(TICK)? {
                break;
            }
            if !event::poll(Duration::ZERO)? {
                continue;
            }
            is_stale = true;
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
            {
                match choices.press(key) {
                    Wish::Nothing => {}
                    Wish::Quit => break,
                    // It looks once more also when asked twice.
                    Wish::LookNow => drop(self.hurry.send(())),
                }
            }
        }
        Ok(())
    }
}

/// Waits for keys; false when there is nobody any more to press them. What reads keys would look for one there for ever.
fn has_terminal(milliseconds: u8) -> anyhow::Result<bool> {
    let stdin = io::stdin();
    let mut waiting = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waiting, milliseconds) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("cannot wait for keys"),
    }
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    Ok(!waiting
        .iter()
        .any(|one| one.revents().is_some_and(|is| is.intersects(gone))))
}
