//! The operations that can be measured and what each of them needs beforehand.

use std::fmt;

use clap::ValueEnum;

/// What a phase repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// Create an empty file and close it
    Create,
    /// Make a directory
    Mkdir,
    /// Stat existing files over and over: from the kernel's cache, where the filesystem allows one
    Stat,
    /// Stat each file once after dropping the kernel's caches (root only)
    StatCold,
    /// `ls -l`: list a directory and stat each entry (entries a second)
    Readdir,
    /// The same after dropping the kernel's caches (root only)
    ReaddirCold,
    /// Open an existing file for reading and close it
    Open,
    /// Open a 4 KiB file, read it, close it
    Read,
    /// Create a file, write 4 KiB, close it
    Write,
    /// Overwrite 4 KiB of an open file and fsync it
    Fsync,
    /// Rename a file to a new name in its directory
    Rename,
    /// Remove a file
    Unlink,
    /// Remove an empty directory
    Rmdir,
}

/// What must exist before an operation can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// Nothing: every operation makes something new.
    Nothing,
    /// Objects that can be used again and again.
    Reused(Object),
    /// Objects that are gone once used.
    Consumed(Object),
    /// Objects that count only once until the kernel has forgotten them again.
    OncePerPass(Object),
}

/// What is prepared for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    EmptyFile,
    SmallFile,
    EmptyDirectory,
}

impl Operation {
    /// What is measured when nobody says: all that needs no privilege.
    pub(super) const DEFAULT: [Operation; 11] = [
        Operation::Create,
        Operation::Mkdir,
        Operation::Stat,
        Operation::Readdir,
        Operation::Open,
        Operation::Read,
        Operation::Write,
        Operation::Fsync,
        Operation::Rename,
        Operation::Unlink,
        Operation::Rmdir,
    ];

    /// What can be measured without a mount, and is when nobody says.
    pub(super) const OF_CLUSTERS: [Operation; 6] = [
        Operation::Create,
        Operation::Mkdir,
        Operation::Stat,
        Operation::Rename,
        Operation::Unlink,
        Operation::Rmdir,
    ];

    pub(super) fn supply(self) -> Supply {
        match self {
            Operation::Create | Operation::Mkdir | Operation::Write => Supply::Nothing,
            Operation::Stat | Operation::Readdir | Operation::Open | Operation::Rename => {
                Supply::Reused(Object::EmptyFile)
            }
            Operation::Read | Operation::Fsync => Supply::Reused(Object::SmallFile),
            Operation::StatCold | Operation::ReaddirCold => Supply::OncePerPass(Object::EmptyFile),
            Operation::Unlink => Supply::Consumed(Object::EmptyFile),
            Operation::Rmdir => Supply::Consumed(Object::EmptyDirectory),
        }
    }

    /// Whether one operation is a whole listing, and the rate counts its entries.
    pub(super) fn lists(self) -> bool {
        matches!(self, Operation::Readdir | Operation::ReaddirCold)
    }

    /// Whether the kernel's caches are dropped before each pass.
    pub(super) fn is_cold(self) -> bool {
        matches!(self.supply(), Supply::OncePerPass(_))
    }

    /// What the rate counts.
    pub(super) fn unit(self) -> &'static str {
        if self.lists() {
            "entries"
        } else {
            "operations"
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Operation::Create => "create",
            Operation::Mkdir => "mkdir",
            Operation::Stat => "stat",
            Operation::StatCold => "stat-cold",
            Operation::Readdir => "readdir",
            Operation::ReaddirCold => "readdir-cold",
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Fsync => "fsync",
            Operation::Rename => "rename",
            Operation::Unlink => "unlink",
            Operation::Rmdir => "rmdir",
        })
    }
}
