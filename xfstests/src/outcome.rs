//! How a test ended.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// It found that it cannot run here.
    NotRun,
}

impl FromStr for Outcome {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Outcome> {
        match text {
            "passed" => Ok(Outcome::Passed),
            "failed" => Ok(Outcome::Failed),
            "not-run" => Ok(Outcome::NotRun),
            _ => bail!("{text:?} is none of passed, failed and not-run"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::NotRun => "not-run",
        })
    }
}

/// With what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// Why it did not run or how it failed; nothing for a test that passed.
    pub(crate) remark: String,
}

impl Ended {
    pub(crate) fn new(outcome: Outcome, remark: &str) -> Ended {
        let remark = remark.split_whitespace().collect::<Vec<_>>().join(" ");
        Ended { outcome, remark }
    }
}
