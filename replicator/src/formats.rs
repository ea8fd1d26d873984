//! The versions of what this program writes, at rest and on the wire: `docs/formats` draws each.

use holdfast_metadata::{record, snapshot};
use holdfast_proto::identity::PROTOCOL_VERSION;

use crate::noop::DataDirectory;
use crate::raft;

/// A format, and which versions of it are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatVersion {
    /// What has it.
    pub name: &'static str,
    /// What this program writes.
    pub version: u64,
    /// The oldest that it reads.
    pub reads_from: u64,
}

/// All of them.
pub fn format_versions() -> Vec<FormatVersion> {
    let only = |(name, version)| FormatVersion {
        name,
        version,
        reads_from: version,
    };
    let mut versions = vec![
        only(("protocol between programs", PROTOCOL_VERSION.into())),
        only(("data directory", DataDirectory::FORMAT_VERSION)),
    ];
    versions.extend(raft::FORMATS.map(only));
    versions.push(FormatVersion {
        name: "dump",
        version: snapshot::VERSION.into(),
        reads_from: snapshot::OLDEST_VERSION.into(),
    });
    versions.extend(record::LATEST.map(|(name, version)| FormatVersion {
        name,
        version,
        reads_from: 1,
    }));
    versions
}
