//! `holdfast top` on a terminal, and without one.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{Client, SETTLED, VOLUME_NAME};
use holdfast_tests::poll::becomes_true;
use holdfast_tests::process::state;
use holdfast_tests::{Cluster, place, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const ROWS: usize = 40;
const COLUMNS: usize = 120;

/// It runs on a terminal that script(1) makes.
struct Terminal {
    child: Child,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(cluster: &Cluster, variable: &str) -> Terminal {
        let program = place::holdfast().display().to_string();
        let addresses = cluster.addresses().join(",");
        let size = format!("stty rows {ROWS} cols {COLUMNS}");
        let command = format!("{size}; {program} top --interval 1");
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &command])
            .arg("/dev/null")
            .env("HOLDFAST_CLUSTER", addresses)
            .env("TERM", "xterm")
            .env(variable, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let screen = Arc::<Mutex<Vec<u8>>>::default();
        let drawn = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                drawn.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Terminal { child, screen }
    }

    /// Whether it is on the screen now.
    fn shows(&self, text: &str) -> bool {
        let written = self.screen.lock().unwrap();
        let screen = screen(&String::from_utf8_lossy(&written));
        screen.iter().any(|line| line.contains(text))
    }

    /// Whether it was ever written: what steers a terminal.
    fn has_written(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).contains(text)
    }

    /// The process of `holdfast top` below script(1) and its shell.
    fn top(&self) -> Pid {
        let children = |pid: i32| {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split_whitespace()
                .next()
                .map(|child| child.parse().unwrap())
        };
        let mut pid = self.child.id() as i32;
        while let Some(child) = children(pid) {
            pid = child;
        }
        Pid::from_raw(pid)
    }

    fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("it ends", SETTLED, || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// The other screen was left.
    fn assert_is_given_back(&self) {
        wait_until("the terminal is as before", SETTLED, || {
            self.has_written("\u{1b}[?1049l")
        });
    }

    fn press(&mut self, key: &str) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(key.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // All of it has ended already, unless the test has failed.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill(self.top(), Signal::SIGKILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What is on a screen after all that was written: only what has changed is written, so what was there before counts.
fn screen(written: &str) -> Vec<String> {
    let mut lines = vec![vec![' '; COLUMNS]; ROWS];
    let (mut row, mut column) = (0, 0);
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let is_sequence = characters.next() == Some('[');
                let sequence = characters.by_ref().take_while(|_| is_sequence);
                let mut parameters = String::new();
                let mut end = None;
                for one in sequence {
                    if one.is_ascii_alphabetic() {
                        end = Some(one);
                        break;
                    }
                    parameters.push(one);
                }
                match end {
                    Some('H') => (row, column) = place(&parameters),
                    Some('J') => lines = vec![vec![' '; COLUMNS]; ROWS],
                    _ => {}
                }
            }
            shown => {
                if let Some(cell) = lines.get_mut(row).and_then(|line| line.get_mut(column)) {
                    *cell = shown;
                }
                column += 1;
            }
        }
    }
    lines.into_iter().map(String::from_iter).collect()
}

/// Of `ROW;COLUMN`, which count from 1.
fn place(parameters: &str) -> (usize, usize) {
    let number = |text: &str| text.parse().unwrap_or(1_usize).saturating_sub(1);
    let (row, column) = parameters.split_once(';').unwrap_or((parameters, ""));
    (number(row), number(column))
}

#[test]
fn top_shows_the_cluster_until_it_ends_and_gives_the_terminal_back() {
    let cluster = Cluster::start(3);
    let ends = [("q", true), ("\u{3}", false)];
    for (key, has_colours) in ends {
        let variable = if has_colours {
            "HOLDFAST_UNUSED"
        } else {
            "NO_COLOR"
        };
        let mut terminal = Terminal::start(&cluster, variable);
        for text in ["healthy", "OPERATION", VOLUME_NAME, "sorted by rate"] {
            wait_until(text, SETTLED, || terminal.shows(text));
        }
        terminal.press("s");
        wait_until("the order changes", SETTLED, || {
            terminal.shows("sorted by time")
        });
        assert_eq!(terminal.has_written("\u{1b}[38;5;2"), has_colours);
        terminal.press(key);
        assert!(terminal.end().success());
        terminal.assert_is_given_back();
    }
}

#[test]
fn top_gives_the_terminal_back_when_it_is_told_to_end() {
    let cluster = Cluster::start(3);
    let mut terminal = Terminal::start(&cluster, "HOLDFAST_UNUSED");
    wait_until("it is there", SETTLED, || terminal.shows("healthy"));
    kill(terminal.top(), Signal::SIGTERM).unwrap();
    terminal.end();
    terminal.assert_is_given_back();
}

#[test]
fn top_ends_when_its_terminal_is_gone() {
    let cluster = Cluster::start(1);
    let mut terminal = Terminal::start(&cluster, "HOLDFAST_UNUSED");
    wait_until("it is there", SETTLED, || terminal.shows("healthy"));
    let top = terminal.top();
    // Whether it hears of that by a signal, or does not.
    kill(top, Signal::SIGSTOP).unwrap();
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    kill(top, Signal::SIGCONT).unwrap();
    let has_ended = || matches!(state(top.as_raw() as u32), None | Some('Z'));
    let ended = becomes_true(SETTLED, has_ended);
    if !ended {
        kill(top, Signal::SIGKILL).ok();
    }
    assert!(ended, "it goes on without a terminal");
}

#[test]
fn top_shows_a_node_that_is_down() {
    let mut cluster = Cluster::start(3);
    let mut terminal = Terminal::start(&cluster, "NO_COLOR");
    wait_until("it is there", SETTLED, || terminal.shows("healthy"));
    cluster.kill(2);
    for text in ["degraded", "Connection refused"] {
        wait_until(text, SETTLED, || terminal.shows(text));
    }
    terminal.press("q");
    assert!(terminal.end().success());
}

#[test]
fn without_a_terminal_top_refuses_or_prints_one_round() {
    let cluster = Cluster::start(3);
    let refused = cluster.holdfast(&["top"]);
    assert_eq!(refused.status.code(), Some(1));
    let line = "holdfast: this is no terminal: say --once for one round as text, or --json\n";
    assert_eq!(refused.stderr, line);
    let client = cluster.client();
    let hot = client.mkdir(InodeId::ROOT, "hot").unwrap();
    let mut seen = Value::Null;
    while_making(&client, hot, || {
        // A round in which somebody was elected may count nothing.
        wait_until("a round shows what is done", SETTLED, || {
            seen = serde_json::from_str(&cluster.ask(&["top", "--json"])).unwrap();
            seen["health"] == "healthy" && shows_directory(&seen, hot)
        });
    });
    assert_eq!(seen["version"], 1);
    assert_eq!(seen["nodes"].as_array().unwrap().len(), 3);
    assert!(seen["changes"]["count"].as_u64().unwrap() > 0, "{seen:#}");
    let text = cluster.ask(&["top", "--once"]);
    assert!(
        text.starts_with("healthy ") && text.contains(" changes "),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
    client.close();
}

/// One call of sixteen is counted where it was: about as many as the only session has made.
fn shows_directory(seen: &Value, directory: InodeId) -> bool {
    let hot = &seen["directories"][0];
    let calls = seen["sessions"][0]["calls"].as_u64().unwrap_or_default();
    let counted = hot["calls"].as_u64().unwrap_or_default();
    hot["path"] == "/hot"
        && hot["inode"].as_str() == Some(&directory.get().to_string())
        && counted > calls / 2
        && counted < calls * 2
}

/// Does it while directories are made in one, without end.
fn while_making<T>(client: &Client, parent: InodeId, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                client.mkdir(parent, &format!("d{number}")).unwrap();
            }
        });
        let done = work();
        is_over.store(true, Ordering::Release);
        done
    })
}
