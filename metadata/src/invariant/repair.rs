//! Mends what can be mended without losing anything (decision 24).

#[cfg(test)]
mod tests;

use super::mend::Mend;
use super::report::Report;
use super::{Progress, RULES, Violation, check};
use crate::fault::Fault;
use crate::store::{Engine, Overlay, View};
use crate::types::Timestamp;

/// More than the rules need to come to an end, each a few times.
const ROUNDS_MAX: usize = 100;

/// What became of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What was wrong and is not any more, in the order in which it was mended.
    pub mended: Vec<Violation>,
    /// What is still wrong.
    pub left: Vec<Violation>,
}

/// Mends and checks again until there is nothing left that can be mended; what was mended is durable then.
///
/// `now` is the time at which a name in `/lost+found` is given.
pub fn repair(
    engine: &impl Engine,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Repair, Fault> {
    let mut mended = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let found = first_mendable(&engine.view(), progress)?;
        if found.is_empty() {
            break;
        }
        let mut state = Overlay::new(engine.view());
        for (violation, mend) in found {
            mend.write(&mut state, now)?;
            mended.push(violation);
        }
        state.accept();
        engine.commit(state.into_batch())?;
        engine.sync()?;
    }
    let left = check(&engine.view(), progress)?;
    Ok(Repair { mended, left })
}

/// What the first of the rules that has something to mend found: the ones behind it trust it.
fn first_mendable(
    view: &dyn View,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<(Violation, Mend)>, Fault> {
    let mut report = Report::new(progress, RULES.len()).of_mends();
    for (rule, check) in RULES {
        report.begin(rule);
        check(view, &mut report)?;
        let found = report.take_mendable();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
