//! A random sequence of system calls, noted before and after each, and what a tree looks like after
//! any prefix of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use holdfast_tests::Random;

/// Content by name; directories have none.
pub(crate) type Tree = BTreeMap<String, Option<Vec<u8>>>;

const PAGE_BYTES: usize = 4096;

/// One system call.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    MakeDirectory {
        name: String,
    },
    Create {
        name: String,
    },
    /// At this offset, all bytes of this value.
    Write {
        name: String,
        offset: usize,
        length: usize,
        value: u8,
    },
    Truncate {
        name: String,
        length: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    Sync {
        name: String,
    },
}

impl Step {
    /// Chooses a step that can be done to this tree.
    pub(crate) fn choose(random: &mut Random, tree: &Tree, number: u64) -> Step {
        let files: Vec<&String> = tree
            .iter()
            .filter(|(_, content)| content.is_some())
            .map(|(name, _)| name)
            .collect();
        let directories: Vec<&String> = tree
            .iter()
            .filter(|(_, content)| content.is_none())
            .map(|(name, _)| name)
            .collect();
        let fresh = match directories.get(random.below(4) as usize) {
            Some(directory) => format!("{directory}/n{number}"),
            None => format!("n{number}"),
        };
        if files.is_empty() {
            return Step::Create { name: fresh };
        }
        let name = files[random.below(files.len() as u64) as usize].clone();
        match random.below(100) {
            0..2 if directories.len() < 4 => Step::MakeDirectory {
                name: format!("d{number}"),
            },
            0..25 => Step::Create { name: fresh },
            25..65 => Step::Write {
                name,
                offset: random.below(20_000) as usize,
                length: 1 + random.below(if number.is_multiple_of(10) {
                    200_000
                } else {
                    5_000
                }) as usize,
                value: 1 + random.below(255) as u8,
            },
            65..70 => Step::Truncate {
                name,
                length: random.below(30_000) as usize,
            },
            70..80 => Step::Rename {
                from: name,
                to: fresh,
            },
            // Onto a name that exists.
            80..85 => {
                let to = files[random.below(files.len() as u64) as usize].clone();
                Step::Rename { from: name, to }
            }
            85..97 => Step::Remove { name },
            _ => Step::Sync { name },
        }
    }

    /// The system call.
    pub(crate) fn perform(&self, root: &Path) -> io::Result<()> {
        match self {
            Step::MakeDirectory { name } => fs::create_dir(root.join(name)),
            Step::Create { name } => File::create_new(root.join(name)).map(drop),
            Step::Write {
                name,
                offset,
                length,
                value,
            } => {
                let file = File::options().write(true).open(root.join(name))?;
                file.write_all_at(&vec![*value; *length], *offset as u64)
            }
            Step::Truncate { name, length } => {
                let file = File::options().write(true).open(root.join(name))?;
                file.set_len(*length as u64)
            }
            Step::Rename { from, to } => fs::rename(root.join(from), root.join(to)),
            Step::Remove { name } => fs::remove_file(root.join(name)),
            Step::Sync { name } => File::open(root.join(name))?.sync_all(),
        }
    }

    /// What it does to a tree.
    pub(crate) fn apply(&self, tree: &mut Tree) {
        match self {
            Step::MakeDirectory { name } => drop(tree.insert(name.clone(), None)),
            Step::Create { name } => drop(tree.insert(name.clone(), Some(Vec::new()))),
            Step::Write {
                name,
                offset,
                length,
                value,
            } => {
                let content = content_of(tree, name);
                content.resize(content.len().max(offset + length), 0);
                content[*offset..offset + length].fill(*value);
            }
            Step::Truncate { name, length } => content_of(tree, name).resize(*length, 0),
            Step::Rename { from, to } => {
                let content = tree.remove(from).unwrap();
                tree.insert(to.clone(), content);
            }
            Step::Remove { name } => drop(tree.remove(name)),
            Step::Sync { .. } => {}
        }
    }

    /// The requests that the kernel may make of the system call, in their order. Those of a write end
    /// at the pages that the page cache did not have.
    pub(crate) fn requests(&self) -> Vec<Step> {
        let Step::Write {
            name,
            offset,
            length,
            value,
        } = self
        else {
            return vec![self.clone()];
        };
        let ends = (offset + 1..offset + length).filter(|end| end.is_multiple_of(PAGE_BYTES));
        let up_to = |end: usize| Step::Write {
            name: name.clone(),
            offset: *offset,
            length: end - offset,
            value: *value,
        };
        ends.chain([offset + length]).map(up_to).collect()
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self, Step::Sync { .. })
    }
}

fn content_of<'a>(tree: &'a mut Tree, name: &str) -> &'a mut Vec<u8> {
    tree.get_mut(name).unwrap().as_mut().unwrap()
}

/// What is there.
pub(crate) fn read(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::new();
    add(root, "", &mut tree)?;
    Ok(tree)
}

fn add(root: &Path, directory: &str, tree: &mut Tree) -> io::Result<()> {
    for entry in fs::read_dir(root.join(directory))? {
        let entry = entry?;
        let mut name = entry.file_name().into_string().unwrap();
        if !directory.is_empty() {
            name = format!("{directory}/{name}");
        }
        if entry.file_type()?.is_dir() {
            add(root, &name, tree)?;
            tree.insert(name, None);
        } else {
            let content = fs::read(entry.path())?;
            tree.insert(name, Some(content));
        }
    }
    Ok(())
}

/// How many steps were done, the last one perhaps in part, when the tree looked so; the most of those
/// that are possible.
pub(crate) fn prefix_that_made(begin: &Tree, steps: &[Step], found: &Tree) -> Option<usize> {
    let mut tree = begin.clone();
    let mut matching = (tree == *found).then_some(0);
    for (number, step) in steps.iter().enumerate() {
        let requests = step.requests();
        for (request, count) in requests.iter().zip(1..) {
            request.apply(&mut tree);
            if tree == *found {
                let whole = count == requests.len();
                matching = Some(if whole { number + 1 } else { number });
            }
        }
    }
    matching
}

/// Where two trees differ, in short.
pub(crate) fn difference(expected: &Tree, found: &Tree) -> String {
    let mut lines = Vec::new();
    for name in expected.keys().chain(found.keys()) {
        let (left, right) = (expected.get(name), found.get(name));
        if left != right {
            let length = |side: Option<&Option<Vec<u8>>>| match side {
                None => "missing".to_owned(),
                Some(None) => "a directory".to_owned(),
                Some(Some(content)) => format!("{} bytes", content.len()),
            };
            lines.push(format!(
                "{name}: expected {}, found {}",
                length(left),
                length(right)
            ));
        }
    }
    lines.dedup();
    lines.join("\n")
}
