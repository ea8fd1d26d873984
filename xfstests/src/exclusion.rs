//! `exclude/*.txt`: which tests are not run, of which class the reason is, and the reason in words.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail, ensure};

use crate::arguments::Backend;
use crate::test_name::TestName;

/// The list of all backends.
const BOTH: &str = "both";
/// A reason has at least so many words.
const WORDS_MIN: usize = 4;

/// Why a test is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exclusion {
    pub(crate) class: Class,
    pub(crate) reason: String,
}

/// Of which kind a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It asks for what no FUSE filesystem can do, or for something that is not so with FUSE.
    NotApplicable,
    /// This machine, its kernel or its tools are the reason.
    Environment,
    /// It takes long: run with `--slow` before a release.
    TooSlow,
    /// Holdfast could do it, does not, and there is an issue about it.
    Unsupported(u32),
}

impl FromStr for Class {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Class> {
        match (text, text.strip_prefix("unsupported:#")) {
            ("not-applicable", _) => Ok(Class::NotApplicable),
            ("environment", _) => Ok(Class::Environment),
            ("too-slow", _) => Ok(Class::TooSlow),
            (_, Some(issue)) => {
                let issue = issue
                    .parse()
                    .context("the number of an issue is a number")?;
                Ok(Class::Unsupported(issue))
            }
            (_, None) => bail!(
                "{text:?} is none of not-applicable, environment, too-slow and unsupported:#ISSUE"
            ),
        }
    }
}

/// What is excluded for a backend: what `both.txt` and its own list say.
pub(crate) fn read(
    lists: &Path,
    backend: Backend,
) -> anyhow::Result<BTreeMap<TestName, Exclusion>> {
    let mut excluded = BTreeMap::new();
    for name in [BOTH, backend.name()] {
        let path = lists.join("exclude").join(format!("{name}.txt"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for (test, exclusion) in parse(&text).with_context(|| path.display().to_string())? {
            let twice = excluded.insert(test.clone(), exclusion).is_some();
            ensure!(!twice, "{test} is in {BOTH}.txt and in {name}.txt");
        }
    }
    Ok(excluded)
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<TestName, Exclusion>> {
    let mut excluded = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (test, exclusion) = parse_line(line).with_context(|| format!("line {}", number + 1))?;
        let twice = excluded.insert(test.clone(), exclusion).is_some();
        ensure!(!twice, "line {}: {test} is there twice", number + 1);
    }
    Ok(excluded)
}

fn parse_line(line: &str) -> anyhow::Result<(TestName, Exclusion)> {
    let mut words = line.split_whitespace();
    let test = words.next().unwrap_or_default().parse()?;
    let class = words.next().context("a class follows the name")?.parse()?;
    let reason: Vec<&str> = words.collect();
    ensure!(
        reason.len() >= WORDS_MIN,
        "the reason in words follows the class"
    );
    let reason = reason.join(" ");
    Ok((test, Exclusion { class, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_test_a_class_and_a_reason_in_words() {
        let text = "# Words about it.\n\n\
                    generic/001 not-applicable needs a block device below\n\
                    generic/069 too-slow takes an hour on two cores\n\
                    generic/004 unsupported:#12 the kernel sends no O_TMPFILE\n";
        let excluded = parse(text).unwrap();
        let classes: Vec<Class> = excluded.values().map(|exclusion| exclusion.class).collect();
        assert_eq!(
            classes,
            [Class::NotApplicable, Class::Unsupported(12), Class::TooSlow]
        );
        let first = excluded.values().next().unwrap();
        assert_eq!(first.reason, "needs a block device below");
    }

    #[test]
    fn anything_else_is_refused() {
        let wrong = [
            "001 environment the kernel is too old",
            "generic/001",
            "generic/001 environment",
            "generic/001 environment unknown",
            "generic/001 unknown it fails and nobody knows why",
            "generic/001 unsupported it is not there yet",
            "generic/001 unsupported:#soon it is not there yet",
            "generic/001 too-slow takes an hour here\ngeneric/001 too-slow takes an hour here",
        ];
        for text in wrong {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_lists_of_the_repository_can_be_read() {
        let lists = Path::new(env!("CARGO_MANIFEST_DIR"));
        for backend in [Backend::Noop, Backend::Cluster] {
            read(lists, backend).unwrap();
        }
    }
}
