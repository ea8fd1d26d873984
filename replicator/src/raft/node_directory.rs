//! The data directory of a node: whose it is, and the lock that keeps others out.
//!
//! ```text
//! DATA/NODE      whose directory it is     DATA/log/           the log of all groups
//! DATA/LOCK      held by the process       DATA/groups/<id>/   the state of each group
//! ```
//!
//! `NODE` is text, with the CRC-32 of the lines above in its last line:
//!
//! ```text
//! holdfast node directory
//! version 1
//! node 3
//! cluster 0f9b6a528e5c4c8e9a5364d1f0a1b2c3
//! incarnation 5d1c61a8c1f34a3f9d0ce1a2b3c4d5e6
//! checksum 7d1f03ab
//! ```
//!
//! The cluster is `-` until the node has joined one. An empty file `BOOTSTRAP` says that the node began to make a new
//! cluster and has not come to the end of it, and `RECOVERY` that somebody began to make one of its data.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::node_error::NodeError;
use crate::durable;

const MAGIC: &str = "holdfast node directory";
pub(super) const VERSION: u64 = 1;
const NODE: &str = "NODE";
const BOOTSTRAP: &str = "BOOTSTRAP";
const RECOVERY: &str = "RECOVERY";

/// Sixteen random bytes that name something.
pub(crate) type RandomId = [u8; 16];

/// Whose directory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeFile {
    pub(crate) node: u64,
    pub(crate) cluster: Option<RandomId>,
    /// Made with the directory: the same node with an empty directory is another node.
    pub(crate) incarnation: RandomId,
}

/// An open data directory; nobody else has it.
#[derive(Debug)]
pub(crate) struct NodeDirectory {
    path: PathBuf,
    /// What `NODE` says, if the directory is not new.
    pub(crate) file: Option<NodeFile>,
    _lock: Flock<File>,
}

impl NodeDirectory {
    /// Opens the directory for this node, or makes it.
    pub(crate) fn open(path: &Path, node: u64) -> Result<NodeDirectory, NodeError> {
        durable::create_directories(path).map_err(|error| NodeError::io(path, error))?;
        let file = read(path)?;
        match file {
            Some(file) if file.node != node => {
                return Err(NodeError::OtherNode {
                    path: path.to_owned(),
                    found: file.node,
                    asked: node,
                });
            }
            Some(_) => {}
            None => check_empty(path)?,
        }
        let lock = lock(path)?;
        Ok(NodeDirectory {
            path: path.to_owned(),
            file,
            _lock: lock,
        })
    }

    /// Opens the directory of whichever node, if it is one.
    pub(crate) fn open_made(path: &Path) -> Result<Option<NodeDirectory>, NodeError> {
        // What is there and cannot be looked into is not known to be one.
        if fs::metadata(path.join(NODE)).is_err() {
            return Ok(None);
        }
        let Some(file) = read(path)? else {
            return Ok(None);
        };
        Ok(Some(NodeDirectory {
            path: path.to_owned(),
            file: Some(file),
            _lock: lock(path)?,
        }))
    }

    /// Says whose directory it is, durably.
    pub(crate) fn write(&mut self, file: NodeFile) -> Result<(), NodeError> {
        let path = self.path.join(NODE);
        replace(&self.path, &path, &encode(&file)).map_err(|error| NodeError::io(&path, error))?;
        self.file = Some(file);
        Ok(())
    }

    /// The node begins to make a new cluster.
    pub(crate) fn begin_bootstrap(&self) -> Result<(), NodeError> {
        self.mark(BOOTSTRAP)
    }

    /// Whether it began to, and has not come to the end.
    pub(crate) fn is_bootstrapping(&self) -> bool {
        self.path.join(BOOTSTRAP).exists()
    }

    /// The new cluster is complete.
    pub(crate) fn end_bootstrap(&self) -> Result<(), NodeError> {
        self.unmark(BOOTSTRAP)
    }

    /// From here on the directory is of no use until the recovery has come to its end.
    pub(crate) fn begin_recovery(&self) -> Result<(), NodeError> {
        self.mark(RECOVERY)
    }

    /// Whether a recovery was begun, and has not come to its end.
    pub(crate) fn is_recovering(&self) -> bool {
        self.path.join(RECOVERY).exists()
    }

    /// The node can be started again.
    pub(crate) fn end_recovery(&self) -> Result<(), NodeError> {
        self.unmark(RECOVERY)
    }

    fn mark(&self, name: &str) -> Result<(), NodeError> {
        let path = self.path.join(name);
        let made = File::create(&path).and_then(|_| durable::sync_directory(&self.path));
        made.map_err(|error| NodeError::io(&path, error))
    }

    fn unmark(&self, name: &str) -> Result<(), NodeError> {
        let path = self.path.join(name);
        let removed = fs::remove_file(&path).and_then(|()| durable::sync_directory(&self.path));
        removed.map_err(|error| NodeError::io(&path, error))
    }

    /// A node that has groups and no log has forgotten how it voted and what it acknowledged.
    pub(crate) fn check_log(&self) -> Result<(), NodeError> {
        if self.groups().exists() && !self.log().exists() {
            return Err(NodeError::Corrupt {
                path: self.path.clone(),
                detail: "its log is missing".to_owned(),
            });
        }
        Ok(())
    }

    /// The log of all groups.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Where the groups have their directories.
    pub(crate) fn groups(&self) -> PathBuf {
        self.path.join("groups")
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A new name, from the random numbers of the system.
pub(crate) fn random_id() -> io::Result<RandomId> {
    let mut id = RandomId::default();
    File::open("/dev/urandom")?.read_exact(&mut id)?;
    Ok(id)
}

fn lock(directory: &Path) -> Result<Flock<File>, NodeError> {
    let path = directory.join("LOCK");
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = opened.map_err(|error| NodeError::io(&path, error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => NodeError::InUse(directory.to_owned()),
        errno => NodeError::io(&path, errno.into()),
    })
}

/// A directory without `NODE` is new, unless there is something else in it.
fn check_empty(path: &Path) -> Result<(), NodeError> {
    let entries = fs::read_dir(path).map_err(|error| NodeError::io(path, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| NodeError::io(path, error))?;
        let name = entry.file_name();
        // What is left of a start that did not get far, what a service writes, and what mkfs makes.
        let ours = ["LOCK", BOOTSTRAP, "NODE.new", "holdfast.log", "lost+found"];
        if !ours.iter().any(|own| name == *own) {
            return Err(NodeError::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

/// Writes a file so that after a crash there is the old one or the new one.
fn replace(directory: &Path, path: &Path, content: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    durable::sync_directory(directory)
}

fn encode(file: &NodeFile) -> String {
    let cluster = file.cluster.map_or_else(|| "-".to_owned(), hex);
    let incarnation = hex(file.incarnation);
    let lines = format!(
        "{MAGIC}\nversion {VERSION}\nnode {}\ncluster {cluster}\nincarnation {incarnation}\n",
        file.node
    );
    format!(
        "{lines}checksum {:08x}\n",
        crc32fast::hash(lines.as_bytes())
    )
}

fn read(directory: &Path) -> Result<Option<NodeFile>, NodeError> {
    let path = directory.join(NODE);
    match fs::read_to_string(&path) {
        Ok(text) => parse(directory, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NodeError::io(&path, error)),
    }
}

/// What the file in the directory says.
fn parse(directory: &Path, text: &str) -> Result<NodeFile, NodeError> {
    let corrupt = |detail: &str| NodeError::Corrupt {
        path: directory.to_owned(),
        detail: format!("{NODE}: {detail}"),
    };
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return Err(corrupt("it is not the file of a node"));
    }
    let version = lines.next().and_then(|line| line.strip_prefix("version "));
    let version: u64 = version
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| corrupt("no version"))?;
    if version != VERSION {
        return Err(NodeError::OtherFormat {
            path: directory.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    decode(text, lines).ok_or_else(|| corrupt("a line is missing or damaged"))
}

/// For fuzzing: a file that is read is written alike.
#[cfg(feature = "testing")]
pub(super) fn check_text(text: &str) {
    if let Ok(file) = parse(Path::new(""), text) {
        let again = parse(Path::new(""), &encode(&file));
        assert!(again.is_ok_and(|again| encode(&again) == encode(&file)));
    }
}

/// For fuzzing: a file as it is written.
#[cfg(feature = "testing")]
pub(super) fn sample_text() -> String {
    encode(&NodeFile {
        node: 3,
        cluster: Some([7; 16]),
        incarnation: [8; 16],
    })
}

/// The lines after the version, if they are all there and their checksum is right.
fn decode<'a>(text: &str, mut lines: impl Iterator<Item = &'a str>) -> Option<NodeFile> {
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let node = field("node")?.parse().ok()?;
    let cluster = match field("cluster")? {
        "-" => None,
        cluster => Some(unhex(cluster)?),
    };
    let incarnation = unhex(field("incarnation")?)?;
    let checksum = u32::from_str_radix(field("checksum")?, 16).ok()?;
    let (checked, _) = text.rsplit_once("checksum ")?;
    let sound = crc32fast::hash(checked.as_bytes()) == checksum;
    sound.then_some(NodeFile {
        node,
        cluster,
        incarnation,
    })
}

/// As it is written in files and headers.
pub(crate) fn hex(id: RandomId) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn unhex(text: &str) -> Option<RandomId> {
    let number = u128::from_str_radix(text, 16).ok()?;
    (text.len() == 32).then(|| number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: NodeFile = NodeFile {
        node: 3,
        cluster: Some([7; 16]),
        incarnation: [9; 16],
    };

    fn directory_of_node_3() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let mut opened = NodeDirectory::open(directory.path(), 3).unwrap();
        assert_eq!(opened.file, None);
        opened.write(FILE).unwrap();
        directory
    }

    #[test]
    fn a_directory_knows_whose_it_is() {
        let directory = directory_of_node_3();
        let opened = NodeDirectory::open(directory.path(), 3).unwrap();
        assert_eq!(opened.file, Some(FILE));
    }

    #[test]
    fn another_node_is_refused() {
        let directory = directory_of_node_3();
        let error = NodeDirectory::open(directory.path(), 4).unwrap_err();
        assert!(matches!(
            error,
            NodeError::OtherNode {
                found: 3,
                asked: 4,
                ..
            }
        ));
    }

    #[test]
    fn a_second_process_is_refused() {
        let directory = directory_of_node_3();
        let _first = NodeDirectory::open(directory.path(), 3).unwrap();
        let error = NodeDirectory::open(directory.path(), 3).unwrap_err();
        assert!(matches!(error, NodeError::InUse(_)));
    }

    #[test]
    fn a_directory_of_something_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "important").unwrap();
        let error = NodeDirectory::open(directory.path(), 1).unwrap_err();
        assert!(matches!(error, NodeError::Foreign(_)));
        assert!(!directory.path().join("LOCK").exists());
    }

    #[test]
    fn another_version_is_named() {
        let directory = directory_of_node_3();
        let path = directory.path().join(NODE);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("version 1", "version 9")).unwrap();
        let error = NodeDirectory::open(directory.path(), 3).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("format version 9, this holdfast knows version 1")
        );
    }

    #[test]
    fn a_node_whose_log_is_gone_is_refused() {
        let directory = directory_of_node_3();
        let opened = NodeDirectory::open(directory.path(), 3).unwrap();
        assert!(opened.check_log().is_ok(), "it is new");
        fs::create_dir(opened.groups()).unwrap();
        assert!(matches!(opened.check_log(), Err(NodeError::Corrupt { .. })));
        fs::create_dir(opened.log()).unwrap();
        assert!(opened.check_log().is_ok());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let directory = directory_of_node_3();
        let path = directory.path().join(NODE);
        let sound = fs::read(&path).unwrap();
        for position in 0..sound.len() - 1 {
            let mut damaged = sound.clone();
            damaged[position] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let refused = NodeDirectory::open(directory.path(), 3).unwrap_err();
            assert!(
                !matches!(refused, NodeError::Foreign(_) | NodeError::InUse(_)),
                "byte {position}: {refused}"
            );
        }
    }
}
