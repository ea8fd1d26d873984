//! Listings that are read while the directory changes.

use std::collections::BTreeSet;

use holdfast_metadata::{
    Command, Cookie, FileName, InodeId, MemoryEngine, Query, Reply, StateMachine,
};
use proptest::prop_assert;
use proptest::test_runner::TestCaseResult;

type Names = BTreeSet<FileName>;

/// A listing of the root directory, one entry at a time.
struct Listing {
    after: Cookie,
    seen: Vec<FileName>,
    /// There at its beginning, and ever since.
    always: Names,
    /// There at some time since its beginning.
    ever: Names,
}

/// Names the root directory holds, read at once.
fn names(
    machine: &StateMachine<MemoryEngine>,
    after: Cookie,
    entries_max: usize,
) -> Vec<(FileName, Cookie)> {
    let query = Query::ReadDirectory {
        ino: InodeId::ROOT,
        after: after.max(Cookie::DOT_DOT),
        entries_max,
        with_attributes: false,
    };
    let Ok(Ok(Reply::Directory { entries, .. })) = machine.query(&query) else {
        panic!("the root directory cannot be listed");
    };
    let named = |entry: &holdfast_metadata::DirectoryEntry| {
        (FileName::new(&entry.name).unwrap(), entry.cookie)
    };
    entries.iter().map(named).collect()
}

fn all_names(machine: &StateMachine<MemoryEngine>) -> Names {
    names(machine, Cookie::START, 1000)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

impl Listing {
    fn begin(machine: &StateMachine<MemoryEngine>) -> Listing {
        Listing {
            after: Cookie::START,
            seen: Vec::new(),
            always: all_names(machine),
            ever: all_names(machine),
        }
    }

    /// Reads one more entry; answers whether there was one.
    fn read_on(&mut self, machine: &StateMachine<MemoryEngine>) -> bool {
        let page = names(machine, self.after, 1);
        for (name, cookie) in &page {
            self.after = *cookie;
            self.seen.push(name.clone());
        }
        !page.is_empty()
    }

    fn directory_changed(&mut self, machine: &StateMachine<MemoryEngine>) {
        let now = all_names(machine);
        self.always.retain(|name| now.contains(name));
        self.ever.extend(now);
    }

    fn check(&self) -> TestCaseResult {
        for name in &self.always {
            let times = self.seen.iter().filter(|seen| *seen == name).count();
            prop_assert!(
                times == 1,
                "{name:?} was there all the time and seen {times} times"
            );
        }
        for name in &self.seen {
            prop_assert!(self.ever.contains(name), "{name:?} was never there");
        }
        Ok(())
    }
}

/// Reads one listing after the other, an entry between any two commands.
pub(crate) fn interleaved(
    machine: &StateMachine<MemoryEngine>,
    commands: &[Command],
) -> TestCaseResult {
    let mut listing = Listing::begin(machine);
    for command in commands {
        if !listing.read_on(machine) {
            listing.check()?;
            listing = Listing::begin(machine);
        }
        machine.apply_next(std::slice::from_ref(command)).unwrap();
        listing.directory_changed(machine);
    }
    while listing.read_on(machine) {}
    listing.check()
}
