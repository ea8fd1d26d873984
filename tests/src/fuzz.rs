//! What must hold for every sequence of bytes: functions that ordinary tests and cargo-fuzz call.
//!
//! A target panics when its promise is broken: nothing panics on the way, what decodes encodes to something that decodes
//! alike, and what does not is refused as such. How much memory an input may take is a part of the promise; whoever calls a
//! target measures it ([`crate::system::allocation`]).

mod commands;
mod corpus;
mod mutation;
mod records;
mod services;
mod snapshots;
mod wire;

use holdfast_replicator::fuzz as raft;

pub use self::mutation::mutate;

/// One promise about arbitrary bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also that of its binary and of its corpus.
    pub name: &'static str,
    /// Panics when the promise is broken.
    pub run: fn(&[u8]),
    /// Memory that it may take at once, whatever comes.
    pub bytes_fixed: usize,
    /// And so many bytes for each byte of the input.
    pub bytes_per_byte: usize,
    corpus: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// Inputs to begin with: what our own encoders make.
    pub fn corpus(&self) -> Vec<Vec<u8>> {
        (self.corpus)()
    }

    /// How much memory an input may take at once.
    pub fn bytes_max(&self, input: &[u8]) -> usize {
        self.bytes_fixed + self.bytes_per_byte * input.len()
    }
}

/// An empty message takes two bytes on the wire, and as a member of a list up to 256 bytes in memory, which a list that grows has
/// twice; decoded, encoded and decoded again there are four of it.
const LISTS_OF_MESSAGES: usize = 2048;

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "records",
        run: records::records,
        bytes_fixed: 4 << 10,
        bytes_per_byte: 16,
        corpus: corpus::records,
    },
    Target {
        name: "keys",
        run: records::keys,
        bytes_fixed: 4 << 10,
        bytes_per_byte: 16,
        corpus: corpus::keys,
    },
    Target {
        name: "snapshots",
        run: snapshots::snapshots,
        // A frame of the greatest length is read at once, with what it is compared with.
        bytes_fixed: 18 << 20,
        bytes_per_byte: 64,
        corpus: corpus::snapshots,
    },
    Target {
        name: "wire",
        run: wire::wire,
        bytes_fixed: 4 << 10,
        bytes_per_byte: LISTS_OF_MESSAGES,
        corpus: corpus::wire,
    },
    Target {
        name: "commands",
        run: commands::commands,
        // The greatest read, and its encoded copy.
        bytes_fixed: 64 << 20,
        bytes_per_byte: LISTS_OF_MESSAGES,
        corpus: corpus::commands,
    },
    Target {
        name: "log",
        run: raft::log_records,
        bytes_fixed: 4 << 10,
        bytes_per_byte: LISTS_OF_MESSAGES,
        corpus: corpus::log,
    },
    Target {
        name: "raft",
        run: raft::messages,
        // The greatest chunk of a snapshot.
        bytes_fixed: 2 << 20,
        bytes_per_byte: LISTS_OF_MESSAGES,
        corpus: corpus::raft,
    },
    Target {
        name: "files",
        run: raft::files,
        bytes_fixed: 4 << 10,
        bytes_per_byte: LISTS_OF_MESSAGES,
        corpus: corpus::files,
    },
];

/// The messages of services that the targets `wire` and `raft` decode, by the names they have in the `.proto` files.
pub fn messages() -> impl Iterator<Item = &'static str> {
    let spoken = services::MESSAGES.iter().map(|spoken| spoken.name);
    spoken.chain(raft::message_names())
}

/// The target of a name.
pub fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("no target {name}"))
}
