//! `expected/*.txt`: how every test ends that is not excluded.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::arguments::Backend;
use crate::outcome::{Ended, Outcome};
use crate::test_name::TestName;

/// How tests end.
pub(crate) type Endings = BTreeMap<TestName, Ended>;

/// Fails also if a test is expected to fail: such a test is excluded, with a reason.
pub(crate) fn read(lists: &Path, backend: Backend) -> anyhow::Result<Endings> {
    let path = path(lists, backend);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

/// Replaces what is expected of the tests that were run, and keeps the rest.
pub(crate) fn accept(lists: &Path, backend: Backend, seen: &Endings) -> anyhow::Result<()> {
    let path = path(lists, backend);
    let mut endings = read(lists, backend)?;
    for (test, ended) in seen {
        if ended.outcome == Outcome::Failed {
            endings.remove(test);
        } else {
            endings.insert(test.clone(), ended.clone());
        }
    }
    fs::write(&path, format(&endings)).with_context(|| path.display().to_string())
}

fn path(lists: &Path, backend: Backend) -> PathBuf {
    lists
        .join("expected")
        .join(format!("{}.txt", backend.name()))
}

fn parse(text: &str) -> anyhow::Result<Endings> {
    let mut endings = Endings::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || format!("line {}", number + 1);
        let mut parts = line.splitn(3, ' ');
        let test: TestName = parts
            .next()
            .unwrap_or_default()
            .parse()
            .with_context(place)?;
        let outcome: Outcome = parts
            .next()
            .unwrap_or_default()
            .parse()
            .with_context(place)?;
        ensure!(
            outcome != Outcome::Failed,
            "line {}: nothing is expected to fail: exclude {test}, and say why",
            number + 1
        );
        let ended = Ended::new(outcome, parts.next().unwrap_or_default());
        let twice = endings.insert(test.clone(), ended).is_some();
        ensure!(!twice, "line {}: {test} is there twice", number + 1);
    }
    Ok(endings)
}

fn format(endings: &Endings) -> String {
    let mut text =
        String::from("# What `xfstests/run` compares with; `xfstests/run --accept` writes it.\n");
    for (test, ended) in endings {
        let line = format!("{test} {} {}", ended.outcome, ended.remark);
        // Writing to a string cannot fail.
        writeln!(text, "{}", line.trim_end()).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "# About.\ngeneric/001 passed\ngeneric/004 not-run no  O_TMPFILE here\n";
        let endings = parse(text).unwrap();
        assert_eq!(endings.len(), 2);
        assert_eq!(parse(&format(&endings)).unwrap(), endings);
    }

    #[test]
    fn nothing_is_expected_to_fail() {
        let error = parse("generic/001 passed\ngeneric/002 failed\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
        parse("generic/001 maybe\n").unwrap_err();
        parse("generic/001 passed\ngeneric/001 passed\n").unwrap_err();
    }

    #[test]
    fn what_was_seen_replaces_what_was_expected_and_a_failure_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("expected")).unwrap();
        let file = directory.path().join("expected/noop.txt");
        fs::write(
            &file,
            "generic/001 passed\ngeneric/002 passed\ngeneric/003 not-run x\n",
        )
        .unwrap();
        let seen = [
            ("generic/001", Ended::new(Outcome::Failed, "mismatch")),
            ("generic/003", Ended::new(Outcome::Passed, "")),
        ];
        let seen = seen.map(|(name, ended)| (name.parse().unwrap(), ended));
        accept(directory.path(), Backend::Noop, &seen.into()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.ends_with(".\ngeneric/002 passed\ngeneric/003 passed\n"),
            "{text}"
        );
    }

    #[test]
    fn the_lists_of_the_repository_can_be_read() {
        let lists = Path::new(env!("CARGO_MANIFEST_DIR"));
        for backend in [Backend::Noop, Backend::Cluster] {
            read(lists, backend).unwrap();
        }
    }
}
