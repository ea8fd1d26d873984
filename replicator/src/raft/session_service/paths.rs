//! Where directories are: the names that lead to them, found by reading the directories above.

use holdfast_metadata::{Cookie, Engine, Fault, InodeId, Query, Reply, StateMachine};

/// Entries that are read at a time.
const PAGE: usize = 500;

/// Looks for names, and reads no more than so many entries for all of them: a name among millions is not worth the wait.
pub(super) struct Finder<'a, E: Engine> {
    pub(super) machine: &'a StateMachine<E>,
    pub(super) entries_left: usize,
}

impl<E: Engine> Finder<'_, E> {
    /// Nothing when it is gone, or when too much would have to be read.
    pub(super) fn path(&mut self, mut ino: InodeId) -> Result<Option<Vec<u8>>, Fault> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        while ino != InodeId::ROOT {
            let Ok(Reply::Attributes(parent)) = self.machine.query(&Query::Parent { ino })? else {
                return Ok(None);
            };
            let Some(name) = self.name(parent.ino, ino)? else {
                return Ok(None);
            };
            names.push(name);
            ino = parent.ino;
        }
        if names.is_empty() {
            return Ok(Some(b"/".to_vec()));
        }
        names.reverse();
        let names = names
            .into_iter()
            .flat_map(|name| [b"/".as_slice().into(), name]);
        Ok(Some(names.collect::<Vec<Box<[u8]>>>().concat()))
    }

    fn name(&mut self, parent: InodeId, ino: InodeId) -> Result<Option<Box<[u8]>>, Fault> {
        let mut after = Cookie::DOT_DOT;
        while self.entries_left > 0 {
            let query = Query::ReadDirectory {
                ino: parent,
                after,
                entries_max: PAGE,
                with_attributes: false,
            };
            let Ok(Reply::Directory { entries, .. }) = self.machine.query(&query)? else {
                return Ok(None);
            };
            let Some(last) = entries.last() else {
                return Ok(None);
            };
            after = last.cookie;
            self.entries_left = self.entries_left.saturating_sub(entries.len());
            if let Some(found) = entries.into_iter().find(|entry| entry.ino == ino) {
                return Ok(Some(found.name));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{
        Answer, Command, Credentials, FileName, Format, LogIndex, MemoryEngine, Mkdir, Mode,
        Operation, Timestamp,
    };

    use super::*;

    type Machine = StateMachine<MemoryEngine>;

    fn mkdir(machine: &Machine, index: usize, parent: InodeId, name: &str) -> InodeId {
        let command = Command {
            request: None,
            now: Timestamp::default(),
            credentials: Credentials::ROOT,
            operation: Operation::Mkdir(Mkdir {
                parent,
                name: FileName::new(name.as_bytes()).unwrap(),
                mode: Mode::new(0o755),
                umask: Mode::new(0),
            }),
        };
        let applied = machine.apply(LogIndex(index as u64 + 1), &[command]);
        match applied.unwrap().remove(0) {
            Ok(Answer::Entry { attributes, .. }) => attributes.ino,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_path_is_found_unless_that_takes_too_long() {
        let machine = StateMachine::open(
            MemoryEngine::new(),
            Format::of_root(1, Timestamp::default()),
        )
        .unwrap();
        for number in 0..PAGE {
            mkdir(&machine, number, InodeId::ROOT, &format!("d{number}"));
        }
        let above = mkdir(&machine, PAGE, InodeId::ROOT, "above");
        let below = mkdir(&machine, PAGE + 1, above, "below");
        let path = |ino, entries_left| {
            let mut finder = Finder {
                machine: &machine,
                entries_left,
            };
            finder.path(ino).unwrap()
        };
        assert_eq!(path(below, 10_000), Some(b"/above/below".to_vec()));
        assert_eq!(path(InodeId::ROOT, 0), Some(b"/".to_vec()));
        assert_eq!(path(below, PAGE), None);
        assert_eq!(path(InodeId::new(below.get() + 1), 10_000), None);
    }
}
