//! Where directories are: the names that lead to them, found by reading each directory above them once.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_metadata::{Cookie, Engine, Fault, InodeId, Query, Reply, StateMachine};

/// Entries that are read at a time.
const PAGE: usize = 500;
/// Longer paths are not told.
const PATH_BYTES_MAX: usize = 4096;
/// A path has no more names: each has a letter and a slash.
const DEPTH_MAX: usize = PATH_BYTES_MAX / 2;

/// Looks for names, and reads no more than so many entries for all of them: a name among millions is not worth the wait.
pub(super) struct Finder<'a, E: Engine> {
    pub(super) machine: &'a StateMachine<E>,
    pub(super) entries_left: usize,
}

/// Each directory with the one it is in, and its name there.
type Places = BTreeMap<InodeId, (InodeId, Box<[u8]>)>;

impl<E: Engine> Finder<'_, E> {
    /// Nothing for what is gone, is too deep, or would take too much to be read.
    pub(super) fn paths(&mut self, directories: &[InodeId]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let mut places = Places::new();
        for (parent, children) in self.above(directories)? {
            self.look_in(parent, children, &mut places)?;
        }
        let paths = directories.iter().map(|ino| path(*ino, &places));
        Ok(paths.collect())
    }

    /// The directories on the way to the root, and what is looked for in each.
    fn above(
        &self,
        directories: &[InodeId],
    ) -> Result<BTreeMap<InodeId, BTreeSet<InodeId>>, Fault> {
        let mut above: BTreeMap<InodeId, BTreeSet<InodeId>> = BTreeMap::new();
        let mut known = BTreeSet::from([InodeId::ROOT]);
        let mut next: Vec<InodeId> = directories.to_vec();
        for _ in 0..DEPTH_MAX {
            if next.is_empty() {
                break;
            }
            let here = std::mem::take(&mut next).into_iter();
            for ino in here.filter(|ino| known.insert(*ino)) {
                if let Ok(Reply::Attributes(parent)) = self.machine.query(&Query::Parent { ino })? {
                    above.entry(parent.ino).or_default().insert(ino);
                    next.push(parent.ino);
                }
            }
        }
        Ok(above)
    }

    fn look_in(
        &mut self,
        parent: InodeId,
        mut children: BTreeSet<InodeId>,
        places: &mut Places,
    ) -> Result<(), Fault> {
        let mut after = Cookie::DOT_DOT;
        while self.entries_left > 0 && !children.is_empty() {
            let query = Query::ReadDirectory {
                ino: parent,
                after,
                entries_max: PAGE,
                with_attributes: false,
            };
            let Ok(Reply::Directory { entries, .. }) = self.machine.query(&query)? else {
                return Ok(());
            };
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.cookie;
            self.entries_left = self.entries_left.saturating_sub(entries.len());
            for entry in entries {
                if children.remove(&entry.ino) {
                    places.insert(entry.ino, (parent, entry.name));
                }
            }
        }
        Ok(())
    }
}

fn path(directory: InodeId, places: &Places) -> Option<Vec<u8>> {
    let (mut names, mut bytes) = (Vec::new(), 0);
    let mut at = directory;
    while at != InodeId::ROOT {
        let (parent, name) = places.get(&at)?;
        names.push(name);
        bytes += name.len() + 1;
        // Also where a move meanwhile has made a loop of it.
        if bytes > PATH_BYTES_MAX {
            return None;
        }
        at = *parent;
    }
    if names.is_empty() {
        return Some(b"/".to_vec());
    }
    let names = names.into_iter().rev();
    Some(
        names
            .flat_map(|name| [b"/".as_slice(), &name[..]].concat())
            .collect(),
    )
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
        let beside = mkdir(&machine, PAGE + 2, InodeId::ROOT, "beside");
        let paths = |inodes: &[InodeId], entries_left| {
            let mut finder = Finder {
                machine: &machine,
                entries_left,
            };
            let paths = finder.paths(inodes).unwrap().into_iter();
            let paths = paths.map(|path| path.map(|path| String::from_utf8(path).unwrap()));
            paths.collect::<Vec<_>>()
        };
        let some = |path: &str| Some(path.to_owned());
        let gone = InodeId::new(beside.get() + 1);
        assert_eq!(paths(&[InodeId::ROOT], 0), [some("/")]);
        assert_eq!(paths(&[below], PAGE), [None]);
        assert_eq!(paths(&[gone, below], 10_000), [None, some("/above/below")]);
        // What all of them are below is read once.
        assert_eq!(
            paths(&[beside, below, above, beside], PAGE + 10),
            [
                some("/beside"),
                some("/above/below"),
                some("/above"),
                some("/beside")
            ]
        );
    }

    #[test]
    fn a_path_that_is_too_long_is_not_told() {
        let format = Format::of_root(1, Timestamp::default());
        let machine = StateMachine::open(MemoryEngine::new(), format).unwrap();
        let mut chain = vec![InodeId::ROOT];
        for index in 0..17 {
            chain.push(mkdir(&machine, index, chain[index], &"n".repeat(255)));
        }
        let mut finder = Finder {
            machine: &machine,
            entries_left: 10_000,
        };
        let paths = finder.paths(&chain[15..]).unwrap();
        let lengths = paths.iter().map(|path| path.as_ref().map(Vec::len));
        assert_eq!(
            lengths.collect::<Vec<_>>(),
            [Some(15 * 256), Some(16 * 256), None]
        );
    }
}
