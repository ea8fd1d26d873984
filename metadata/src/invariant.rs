//! What must be true of every state, checked from outside the operations: one file a rule.
//!
//! The rules read a [`View`] from its first key to its last and keep only sorted numbers, never
//! records: ten million inodes fit in less than a gibibyte. A record that does not decode is a
//! violation like any other; the rules that need its content pass over it.

mod blocks;
mod counters;
mod cursor;
mod dentries;
mod directories;
mod extents;
mod locks;
mod mend;
mod names;
mod orphans;
mod owners;
mod quotas;
mod reachability;
mod records;
mod repair;
mod report;
mod rescue;
mod sessions;
#[cfg(test)]
mod testing;
mod xattrs;

pub(crate) use records::is_sound_record;
pub use repair::{Repair, repair};
pub use report::{Progress, Rule, Violation};
#[cfg(test)]
pub(crate) use testing::State;

use self::report::Report;
use crate::fault::Fault;
use crate::store::View;

/// Most violations that are listed; what goes beyond is counted in a last one.
pub const VIOLATIONS_MAX: usize = 1000;

type Check = fn(&dyn View, &mut Report<'_>) -> Result<(), Fault>;

const RULES: [(Rule, Check); 14] = [
    (Rule::Records, records::check),
    (Rule::Dentries, dentries::check),
    (Rule::Directories, directories::check),
    (Rule::Names, names::check),
    (Rule::Reachability, reachability::check),
    (Rule::Orphans, orphans::check),
    (Rule::Extents, extents::check),
    (Rule::Blocks, blocks::check),
    (Rule::Xattrs, xattrs::check),
    (Rule::Counters, counters::check),
    (Rule::Quotas, quotas::check),
    (Rule::Owners, owners::check),
    (Rule::Sessions, sessions::check),
    (Rule::Locks, locks::check),
];

/// Checks every rule and lists what breaks one, in the order of the rules; empty when all is well.
///
/// A fault means the state could not be read at all. `progress` is called every few thousand records.
pub fn check(view: &dyn View, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Violation>, Fault> {
    let mut report = Report::new(progress, RULES.len());
    for (rule, check) in RULES {
        report.begin(rule);
        check(view, &mut report)?;
    }
    Ok(report.finish())
}

#[cfg(test)]
mod tests {
    use super::testing::State;
    use super::{Rule, VIOLATIONS_MAX, check};
    use crate::store::Engine;

    #[test]
    fn a_sound_state_breaks_no_rule() {
        assert_eq!(State::sound().violations(), Vec::<String>::new());
    }

    #[test]
    fn an_empty_map_has_no_volume_record() {
        let violations = State::empty().violations();
        assert!(violations[0].contains("no volume record"), "{violations:?}");
    }

    #[test]
    fn what_goes_beyond_the_list_is_counted() {
        let mut state = State::sound();
        for number in 0..VIOLATIONS_MAX as u64 + 5 {
            state.put(crate::keys::orphan(crate::InodeId::new(1000 + number)), b"");
        }
        let violations = check(&state.engine().view(), &mut |_| ()).unwrap();
        assert_eq!(violations.len(), VIOLATIONS_MAX + 1);
        let last = violations.last().unwrap();
        assert_eq!(last.rule, Rule::More);
        assert_eq!(last.to_string(), "5 more violations");
    }

    #[test]
    fn progress_names_every_rule_in_turn() {
        let mut rules = Vec::new();
        let state = State::sound();
        check(&state.engine().view(), &mut |progress| {
            rules.push(progress.rule);
        })
        .unwrap();
        rules.dedup();
        assert_eq!(rules.len(), super::RULES.len());
    }
}
