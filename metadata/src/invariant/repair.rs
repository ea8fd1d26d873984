//! Mends what can be mended without losing anything (decision 24).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::mend::Mend;
use super::report::{Mends, Report, Rule};
use super::{
    Check, Progress, RULES, VIOLATIONS_MAX, Violation, blocks, check, names, owners, quotas,
};
use crate::fault::Fault;
use crate::store::{Batch, Engine, Overlay, View};
use crate::types::Timestamp;

/// What became of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What was wrong and is not any more, in the order in which it was mended; a last one counts those that are not listed.
    pub mended: Vec<Violation>,
    /// What is still wrong, or why that is not known.
    pub left: Result<Vec<Violation>, Fault>,
}

/// Mends and checks again until there is nothing left that can be mended; what was mended is durable then.
///
/// A rule is mended when those before it hold and all its breaches can be. `now` is the time at which a name in `/lost+found` is given.
pub fn repair(engine: &impl Engine, now: Timestamp, progress: &mut dyn FnMut(Progress)) -> Repair {
    let mut mended = Mended::default();
    let left = loop {
        match round(engine, now, progress) {
            Ok(found) if found.is_empty() => break check(&engine.view(), progress),
            Ok(found) => mended.add(found),
            Err(fault) => break Err(fault),
        }
    };
    Repair {
        mended: mended.finish(),
        left,
    }
}

/// Mends what the first rule that is broken has to mend; answers with what that was.
fn round(
    engine: &impl Engine,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Violation>, Fault> {
    let mends = first_mends(&engine.view(), progress)?;
    let mut state = Overlay::new(engine.view());
    let mut violations = Vec::with_capacity(mends.len());
    for (violation, mend) in mends {
        mend.write(&mut state, now)?;
        violations.push(violation);
    }
    state.accept();
    let batch = state.into_batch();
    // It would be found again and again.
    if !changes(&engine.view(), &batch)? {
        return Ok(Vec::new());
    }
    engine.commit(batch)?;
    engine.sync()?;
    Ok(violations)
}

/// What the first broken rule has to mend; nothing if it is broken in a way that cannot be mended, for all behind it trust it.
fn first_mends(
    view: &dyn View,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<(Violation, Mend)>, Fault> {
    let mut report = Report::of_mends(progress, RULES.len());
    for (rule, check) in RULES {
        report.begin(rule);
        check(view, &mut report)?;
        let mut mends = report.take_mends();
        if !mends.found.is_empty() {
            for check in beside(rule) {
                check(view, &mut report)?;
                mends.is_broken |= report.take_mends().is_broken;
            }
        }
        if mends.is_broken || contradict(&mends) {
            return Ok(Vec::new());
        }
        if !mends.found.is_empty() {
            return Ok(mends.found);
        }
    }
    Ok(Vec::new())
}

/// What must be mendable as well before a rule is mended, though it comes later.
fn beside(rule: Rule) -> &'static [Check] {
    match rule {
        // It counts subdirectories as names call them.
        Rule::Directories => &[names::check],
        // That a sum is too large may be all that is left of an extent that is lost; and others count the sums.
        Rule::Extents => &[blocks::check, quotas::check, owners::check],
        Rule::Records
        | Rule::Dentries
        | Rule::Names
        | Rule::Reachability
        | Rule::Orphans
        | Rule::Blocks
        | Rule::Xattrs
        | Rule::Counters
        | Rule::Quotas
        | Rule::Owners
        | Rule::Sessions
        | Rule::Locks
        | Rule::More => &[],
    }
}

/// Whether two would make different things of one record.
fn contradict(mends: &Mends) -> bool {
    let mut seen = BTreeMap::new();
    let mut whole = mends.found.iter().filter_map(|(_, mend)| mend.whole());
    whole.any(|(key, value)| seen.insert(key, value).is_some_and(|other| other != value))
}

fn changes(view: &dyn View, batch: &Batch) -> Result<bool, Fault> {
    for (key, value) in batch.changes() {
        if view.get(key)? != *value {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A bounded list of what was mended.
#[derive(Default)]
struct Mended {
    listed: Vec<Violation>,
    unlisted: usize,
}

impl Mended {
    fn add(&mut self, found: Vec<Violation>) {
        let room = VIOLATIONS_MAX - self.listed.len();
        self.unlisted += found.len().saturating_sub(room);
        self.listed.extend(found.into_iter().take(room));
    }

    fn finish(mut self) -> Vec<Violation> {
        if self.unlisted > 0 {
            self.listed.push(Violation {
                rule: Rule::More,
                detail: format!("{} more violations", self.unlisted),
            });
        }
        self.listed
    }
}
