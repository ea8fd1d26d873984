//! What every run of pjdfstest needs, wherever it is mounted.

use std::collections::BTreeSet;
use std::process::Command;

use nix::unistd::User;

use crate::run;

/// pjdfstest switches to two users who are nobody else; Debian has one of them.
pub fn make_user() {
    if User::from_name("tests").unwrap().is_none() {
        let mut command = Command::new("useradd");
        run(command.args(["--system", "--user-group", "--no-create-home", "tests"])).success();
    }
}

/// The names of the tests with this result.
pub fn names<'a>(output: &'a str, result: &str) -> BTreeSet<&'a str> {
    let lines = output.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(_, rest)| rest.trim() == result)
        .map(|(name, _)| name)
        .collect()
}

/// The names in backquotes that begin a line of the list in `SKIPS.md`.
pub fn explained(text: &str) -> BTreeSet<&str> {
    let items = text.lines().filter_map(|line| line.strip_prefix("* `"));
    items
        .filter_map(|item| Some(item.split_once('`')?.0))
        .collect()
}
