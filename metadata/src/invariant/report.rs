//! What a check finds and how it tells of its progress.

use std::fmt;

use super::VIOLATIONS_MAX;
use super::mend::Mend;

/// The rules, in the order they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every key and value decodes.
    Records,
    /// Each name is stored once under itself and once under its cookie.
    Dentries,
    /// Directories hold as many entries and subdirectories as they say.
    Directories,
    /// Names lead to inodes of their kind, as many as the link count says.
    Names,
    /// Every directory leads up to the root.
    Reachability,
    /// Orphans are the inodes without a name.
    Orphans,
    /// Extents are in order, within limits and add up.
    Extents,
    /// Blocks are referred to as often as is noted.
    Blocks,
    /// Extended attributes are as many as the inode says.
    Xattrs,
    /// The counters of the volume add up.
    Counters,
    /// Quota trees use what they say.
    Quotas,
    /// Users and groups use what is said of them.
    Owners,
    /// Outcomes of requests belong to open sessions and were not acknowledged.
    Sessions,
    /// Locks exclude each other, belong to open sessions, and nobody waits who need not.
    Locks,
    /// Not a rule: counts the violations that are not listed.
    More,
}

impl Rule {
    /// The name of the rule, for progress and reports.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Records => "records",
            Rule::Dentries => "dentries",
            Rule::Directories => "directories",
            Rule::Names => "names",
            Rule::Reachability => "reachability",
            Rule::Orphans => "orphans",
            Rule::Extents => "extents",
            Rule::Blocks => "blocks",
            Rule::Xattrs => "xattrs",
            Rule::Counters => "counters",
            Rule::Quotas => "quotas",
            Rule::Owners => "owners",
            Rule::Sessions => "sessions",
            Rule::Locks => "locks",
            Rule::More => "more",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One breach of a rule; shown as one plain line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that is broken.
    pub rule: Rule,
    /// Where and how.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Rule::More => formatter.write_str(&self.detail),
            Rule::Records
            | Rule::Dentries
            | Rule::Directories
            | Rule::Names
            | Rule::Reachability
            | Rule::Orphans
            | Rule::Extents
            | Rule::Blocks
            | Rule::Xattrs
            | Rule::Counters
            | Rule::Quotas
            | Rule::Owners
            | Rule::Sessions
            | Rule::Locks => write!(formatter, "{}: {}", self.rule, self.detail),
        }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The rule at hand.
    pub rule: Rule,
    /// Its place among the rules, from 1.
    pub step: usize,
    /// How many rules there are.
    pub steps: usize,
    /// Records this rule has read.
    pub records: u64,
}

const PROGRESS_RECORDS: u64 = 4096;

/// Most that is mended before all is checked again.
pub(super) const MENDS_MAX: usize = 100_000;

/// Collects violations, a bounded number of them, and passes on progress.
pub(super) struct Report<'a> {
    progress: &'a mut dyn FnMut(Progress),
    now: Progress,
    violations: Vec<Violation>,
    unlisted: u64,
    mends: Option<Mends>,
}

/// What a rule has to mend, for who does.
#[derive(Default)]
pub(super) struct Mends {
    /// What is wrong, and what mends it.
    pub(super) found: Vec<(Violation, Mend)>,
    /// Something is wrong that cannot be mended: who trusts the rule has nothing to go by.
    pub(super) is_broken: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(progress: &'a mut dyn FnMut(Progress), steps: usize) -> Report<'a> {
        Report {
            progress,
            now: Progress {
                rule: Rule::Records,
                step: 0,
                steps,
                records: 0,
            },
            violations: Vec::new(),
            unlisted: 0,
            mends: None,
        }
    }

    /// The same for who mends, and does not list.
    pub(super) fn of_mends(progress: &'a mut dyn FnMut(Progress), steps: usize) -> Report<'a> {
        Report {
            mends: Some(Mends::default()),
            ..Report::new(progress, steps)
        }
    }

    /// Goes on to the next rule.
    pub(super) fn begin(&mut self, rule: Rule) {
        self.now.rule = rule;
        self.now.step += 1;
        self.now.records = 0;
        (self.progress)(self.now);
    }

    /// Counts one record that was read.
    pub(super) fn record(&mut self) {
        self.now.records += 1;
        if self.now.records.is_multiple_of(PROGRESS_RECORDS) {
            (self.progress)(self.now);
        }
    }

    /// Notes a breach of the rule at hand.
    pub(super) fn add(&mut self, detail: impl FnOnce() -> String) {
        self.add_mendable(None, detail);
    }

    /// The same, with what mends it if something does.
    pub(super) fn add_mendable(&mut self, mend: Option<Mend>, detail: impl FnOnce() -> String) {
        let rule = self.now.rule;
        match (&mut self.mends, mend) {
            (Some(mends), None) => mends.is_broken = true,
            (Some(mends), Some(mend)) if mends.found.len() < MENDS_MAX => {
                let detail = detail();
                mends.found.push((Violation { rule, detail }, mend));
            }
            // In the next round.
            (Some(_), Some(_)) => {}
            (None, _) if self.violations.len() < VIOLATIONS_MAX => {
                let detail = detail();
                self.violations.push(Violation { rule, detail });
            }
            (None, _) => self.unlisted += 1,
        }
    }

    /// Whether somebody mends.
    pub(super) fn is_of_mends(&self) -> bool {
        self.mends.is_some()
    }

    /// What there is to mend since this was last asked.
    pub(super) fn take_mends(&mut self) -> Mends {
        self.mends.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Everything that was noted.
    pub(super) fn finish(mut self) -> Vec<Violation> {
        if self.unlisted > 0 {
            self.violations.push(Violation {
                rule: Rule::More,
                detail: format!("{} more violations", self.unlisted),
            });
        }
        self.violations
    }
}

/// A name as a report shows it.
pub(super) fn quoted(name: &[u8]) -> String {
    format!("\"{}\"", name.escape_ascii())
}

/// A key as a report shows it: the prefix as a letter, the rest in hexadecimal.
pub(super) fn shown(key: &[u8]) -> String {
    let Some((prefix, rest)) = key.split_first() else {
        return "(empty)".to_owned();
    };
    let rest: Vec<String> = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {}", prefix.escape_ascii(), rest.concat())
}
