//! Planted histories: the checker must refuse each bad one, and at the right operation; and explain each good one.

mod errors;
mod explained;
mod flags;
mod refused;
mod stale;

use std::collections::BTreeMap;
use std::time::Duration;

use nix::errno::Errno;

use super::super::checker::{Limits, Verdict, check};
use super::super::history::{History, Moment, Operation};
use super::super::window::Window;
use super::*;

const LIMITS: Limits = Limits {
    places: 200_000,
    time: Duration::from_secs(20),
};

type Asked = Operation<Call, Outcome>;

/// A history that is written down: what was asked and answered between which moments.
struct Planted {
    asked: Vec<Asked>,
    initial: Tree,
}

impl Default for Planted {
    fn default() -> Planted {
        Planted::on(Disk::Ample)
    }
}

impl Planted {
    fn on(disk: Disk) -> Planted {
        Planted {
            asked: Vec::new(),
            initial: Tree::empty(disk),
        }
    }

    fn add(mut self, invoked: Moment, call: Call, answer: Option<(Outcome, Moment)>) -> Planted {
        let id = self.asked.len() as u32 + 1;
        self.asked.push(Operation {
            id,
            client: format!("client {id}"),
            call,
            answer,
            invoked,
        });
        self
    }

    fn done(self, (invoked, returned): (Moment, Moment), call: Call) -> Planted {
        self.add(invoked, call, Some((Outcome::Done, returned)))
    }

    fn fails(self, (from, to): (Moment, Moment), call: Call, errno: Errno) -> Planted {
        self.add(from, call, Some((Outcome::Failed(errno), to)))
    }

    fn says(self, (from, to): (Moment, Moment), call: Call, outcome: Outcome) -> Planted {
        self.add(from, call, Some((outcome, to)))
    }

    fn unknown(self, invoked: Moment, call: Call) -> Planted {
        self.add(invoked, call, None)
    }

    fn verdict(&self) -> Verdict<Tree> {
        check::<Namespace>(&History::new(self.asked.clone()), &self.initial, LIMITS)
    }

    #[track_caller]
    fn explained(self) {
        let verdict = self.verdict();
        assert!(matches!(verdict, Verdict::Explained(_)), "{verdict:?}");
    }

    /// The operation of this number is the first that nothing explains.
    #[track_caller]
    fn refuted_at(self, number: u32) {
        let (verdict, history) = (self.verdict(), History::new(self.asked));
        let window = Window::<Namespace>::new(&history, &self.initial, &verdict);
        let window = window.unwrap_or_else(|| panic!("{verdict:?}"));
        assert_eq!(window.culprit, number, "{window}");
    }
}

fn path(text: &str) -> Path {
    match *text.as_bytes() {
        [name] => Path {
            directory: None,
            name: Name(name),
        },
        [directory, b'/', name] => Path {
            directory: Some(Name(directory)),
            name: Name(name),
        },
        _ => panic!("{text}"),
    }
}

fn create(name: &str) -> Call {
    Call::Create(path(name), 0o644)
}

fn mkdir(name: &str) -> Call {
    Call::Mkdir(path(name), 0o700)
}

fn unlink(name: &str) -> Call {
    Call::Unlink(path(name))
}

fn rename(old: &str, new: &str) -> Call {
    Call::Rename(path(old), path(new), Exchange::Replace)
}

fn whiteout(old: &str, new: &str) -> Call {
    Call::Rename(path(old), path(new), Exchange::Whiteout)
}

fn stat(name: &str) -> Call {
    Call::Stat(path(name))
}

fn attributes(kind: Kind, mode: u16, nlink: u32, size: u32) -> Outcome {
    Outcome::Attributes {
        kind,
        mode,
        nlink,
        size,
        uid: 0,
        gid: 0,
    }
}

fn file(nlink: u32, size: u32) -> Outcome {
    attributes(Kind::File, 0o644, nlink, size)
}

fn directory(nlink: u32, size: u32) -> Outcome {
    attributes(Kind::Directory, 0o700, nlink, size)
}

fn names(entries: &[(&str, Kind)]) -> Outcome {
    let names = entries.iter().map(|(name, kind)| (path(name).name, *kind));
    Outcome::Names(names.collect::<BTreeMap<_, _>>())
}
