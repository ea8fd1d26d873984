//! Data directories that earlier programs left, and what was to be seen of them (`tests/fixtures`).
//!
//! A set is what one program made: a directory with a number. An archive `NAME.tar.gz` is a data directory, a text
//! `NAME.txt` or `NAME.VOLUME.txt` the digest of the volume in it and a line for each file. `make-fixtures` makes a set.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::run;
use crate::{place, tree};

/// The second volume of a node; the mount of it was killed while a file without a name was open there, and one was locked.
pub const SECOND_VOLUME: &str = "second";
/// The file in it that is locked.
pub const LOCKED: &str = "locked";

/// How the program ended that had the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As an operator ends it.
    Stopped,
    /// As a crash does: what was done last is only in a log.
    Killed,
}

impl End {
    /// Both of them.
    pub const ALL: [End; 2] = [End::Stopped, End::Killed];

    /// The archive of the data directory of a mount.
    pub fn one_machine(self) -> &'static str {
        match self {
            End::Stopped => "one-machine",
            End::Killed => "one-machine-killed",
        }
    }

    /// The archive of that of a node, the only one of its cluster.
    pub fn node(self) -> &'static str {
        match self {
            End::Stopped => "node",
            End::Killed => "node-killed",
        }
    }
}

/// What is known of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// That of its dump.
    pub digest: String,
    /// A line for each file.
    pub lines: Vec<String>,
}

impl Known {
    /// What is to be seen at a mountpoint.
    #[track_caller]
    pub fn look(digest: &str, root: &Path) -> Known {
        Known {
            digest: digest.to_owned(),
            lines: lines(&tree::look(root)),
        }
    }

    /// Fails with the lines that differ.
    #[track_caller]
    pub fn assert_is_seen(&self, root: &Path) {
        let seen = lines(&tree::look(root));
        let lost: Vec<&String> = self.lines.iter().filter(|it| !seen.contains(it)).collect();
        let new: Vec<&String> = seen.iter().filter(|it| !self.lines.contains(it)).collect();
        assert!(
            lost.is_empty() && new.is_empty(),
            "what was there:\n{lost:#?}\nwhat is there now:\n{new:#?}"
        );
    }
}

fn lines(seen: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let lines = seen.iter().map(|(path, said)| {
        let path = path.as_os_str().as_bytes().escape_ascii();
        format!("\"{path}\" {said}")
    });
    lines.collect()
}

/// What one program made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FixtureSet(PathBuf);

impl FixtureSet {
    /// Those that are kept, the oldest first.
    #[track_caller]
    pub fn all() -> Vec<FixtureSet> {
        let entries = fs::read_dir(place::fixture("fixtures")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut sets: Vec<FixtureSet> =
            paths.filter(|path| path.is_dir()).map(FixtureSet).collect();
        sets.sort();
        assert!(!sets.is_empty());
        sets
    }

    /// A new one.
    #[track_caller]
    pub fn create(directory: &Path) -> FixtureSet {
        fs::create_dir(directory).unwrap();
        FixtureSet(directory.to_owned())
    }

    /// Its number.
    #[track_caller]
    pub fn name(&self) -> &str {
        self.0.file_name().and_then(OsStr::to_str).unwrap()
    }

    /// Keeps a data directory that is not in use. What programs only say there is left out, as it may name this machine.
    #[track_caller]
    pub fn pack(&self, name: &str, data: &Path) {
        fs::write(data.join("LOCK"), "").unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--create", "--use-compress-program=gzip --best --no-name"])
            .args(["--sort=name", "--mtime=@0", "--numeric-owner"])
            .args(["--owner=0", "--group=0", "--exclude=LOG"])
            .args(["--exclude=LOG.old.*", "--exclude=holdfast.log*"])
            .arg("--file")
            .arg(self.0.join(format!("{name}.tar.gz")))
            .arg("--directory")
            .arg(data)
            .arg(".");
        run(&mut tar).success();
    }

    /// A copy of a data directory, to be used; gone when dropped.
    #[track_caller]
    pub fn unpack(&self, name: &str) -> TempDir {
        let data = place::scratch();
        let archive = self.0.join(format!("{name}.tar.gz"));
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--gzip", "--file"]).arg(archive);
        run(tar.arg("--directory").arg(data.path())).success();
        data
    }

    /// Keeps a text.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(format!("{name}.txt")), text).unwrap();
    }

    /// Keeps what is known of a volume.
    #[track_caller]
    pub fn keep(&self, name: &str, known: &Known) {
        let Known { digest, lines } = known;
        self.write(name, &format!("digest {digest}\n{}\n", lines.join("\n")));
    }

    /// What was known of a volume.
    #[track_caller]
    pub fn known(&self, name: &str) -> Known {
        let text = fs::read_to_string(self.0.join(format!("{name}.txt"))).unwrap();
        let mut lines = text.lines();
        let digest = lines.next().and_then(|line| line.strip_prefix("digest "));
        Known {
            digest: digest.unwrap().to_owned(),
            lines: lines.map(str::to_owned).collect(),
        }
    }
}

/// What `dump` says at its end.
#[track_caller]
pub fn digest_in(said: &str) -> String {
    let (_, rest) = said.split_once("digest ").unwrap();
    rest[..32].to_owned()
}
