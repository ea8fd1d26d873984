//! Runs xfstests' `check`, and ends tests that hang.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::Signal;

use crate::expectation::Endings;
use crate::interrupt::{self, Interrupt};
use crate::outcome::{Ended, Outcome};
use crate::progress::{News, Progress};
use crate::settings::Places;
use crate::test_name::TestName;
use crate::watchdog::Watchdog;
use crate::{mounts, processes};

const TICK: Duration = Duration::from_millis(500);
/// `check` may take so long before its first test and after its last.
const AROUND: Duration = Duration::from_mins(3);

/// One run of one or, if a test takes `check` with it, of several processes.
#[derive(Debug)]
pub(crate) struct Check<'run> {
    pub(crate) tree: &'run Path,
    pub(crate) places: &'run Places,
    pub(crate) limit: Duration,
    pub(crate) interrupt: &'run Interrupt,
}

impl Check<'_> {
    /// How the tests ended; not all of them, if the run was told to end.
    pub(crate) fn run(&self, tests: &BTreeSet<TestName>) -> anyhow::Result<Endings> {
        let mut endings = Endings::new();
        loop {
            let rest: Vec<&TestName> = tests
                .iter()
                .filter(|test| !endings.contains_key(test))
                .collect();
            if rest.is_empty() {
                return Ok(endings);
            }
            let before = endings.len();
            self.run_once(&rest, &mut endings)?;
            if self.interrupt.is_told() {
                return Ok(endings);
            }
            if endings.len() == before {
                bail!(
                    "check ended before its first test: see {}",
                    self.log().display()
                );
            }
        }
    }

    fn log(&self) -> std::path::PathBuf {
        self.places.work.join("check.log")
    }

    fn run_once(&self, tests: &[&TestName], endings: &mut Endings) -> anyhow::Result<()> {
        let mut running = Running(self.spawn(tests)?);
        let output = listen(&mut running.0)?;
        self.follow(&running.0, &output, endings)
    }

    fn spawn(&self, tests: &[&TestName]) -> anyhow::Result<Child> {
        let mut command = Command::new("./check");
        command.args(tests.iter().map(ToString::to_string));
        command
            .current_dir(self.tree)
            .env("HOST_OPTIONS", &self.places.config);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let log = File::options().create(true).append(true).open(self.log())?;
        command.stderr(log).process_group(0);
        interrupt::spawn(&mut command).context("cannot start check")
    }

    fn follow(
        &self,
        child: &Child,
        output: &Receiver<String>,
        endings: &mut Endings,
    ) -> anyhow::Result<()> {
        let mut log = File::options().create(true).append(true).open(self.log())?;
        let mut progress = Progress::default();
        let mut watchdog = Watchdog::new(AROUND);
        loop {
            match output.recv_timeout(TICK) {
                Ok(text) => {
                    log.write_all(text.as_bytes())?;
                    // Whoever reads it may have seen enough; the run goes on.
                    write!(io::stdout(), "{text}").ok();
                    io::stdout().flush().ok();
                    for news in progress.hear(&text) {
                        let limit = match &news {
                            News::Began(_) => self.limit,
                            News::Ended(..) => AROUND,
                        };
                        self.note(news, &watchdog, endings);
                        watchdog = Watchdog::new(limit);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.interrupt.is_told() {
                return Ok(());
            }
            if let Some(step) = watchdog.due(Instant::now()) {
                let name = progress
                    .running()
                    .map_or("check".to_owned(), TestName::to_string);
                writeln!(io::stdout(), "\n{name} hangs: {step}").ok();
                if step.take(child.id(), &self.places.mounts)? {
                    break;
                }
            }
        }
        if let Some(test) = progress.running() {
            let remark = "hung, and took check with it";
            endings.insert(test.clone(), Ended::new(Outcome::Failed, remark));
        }
        Ok(())
    }

    fn note(&self, news: News, watchdog: &Watchdog, endings: &mut Endings) {
        match news {
            News::Ended(test, _) if watchdog.has_bitten() => {
                let minutes = self.limit.as_secs() / 60;
                let remark = format!("hung: ended after {minutes} minutes");
                endings.insert(test, Ended::new(Outcome::Failed, &remark));
            }
            News::Ended(test, ended) => {
                endings.insert(test, ended);
            }
            News::Began(_) => {}
        }
    }
}

/// It ends with all that is left of it, whatever happened.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        for pid in processes::descendants(self.0.id()) {
            processes::signal(pid, Signal::SIGKILL);
        }
        processes::signal_group(self.0.id(), Signal::SIGKILL);
        self.0.wait().ok();
    }
}

/// What a process prints, as it comes: `check` tells of a test before its line is complete.
fn listen(child: &mut Child) -> anyhow::Result<Receiver<String>> {
    let mut output = child.stdout.take().context("check has no output")?;
    let (heard, receiver) = mpsc::channel();
    let read = move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default());
            if heard.send(text.into_owned()).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("output of check".into())
        .spawn(read)
        .context("cannot start the thread that reads the output")?;
    Ok(receiver)
}

/// Takes away what the tests left mounted, and the daemons with it.
pub(crate) fn clean_up(places: &Places) -> anyhow::Result<()> {
    let removed = mounts::remove(&places.mounts);
    for pid in processes::with_argument(&places.mounts) {
        processes::signal(pid, Signal::SIGKILL);
    }
    removed
}
