//! What the strings after `-o` say.
//!
//! They come from people, from fstab, and from mount(8) and systemd, which pass on words that mean
//! nothing to a filesystem. Those are known and passed over; an unknown one is an error, because a
//! mount that ignores what it was asked for is worse than none.

mod help;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use holdfast_fs::{AtimePolicy, LockKeeper, MountOptions};
use holdfast_metadata::TableCache;
use holdfast_replicator::{CallLimits, Durability};

use self::table::{Effect, Known, Scope};
use crate::logging::LogSettings;
use crate::tree::TreeKind;

/// Everything the options decide.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// For the filesystem; its `source` is empty unless `fsname=` was given.
    pub(crate) mount: MountOptions,
    /// When a change is durable; a cluster knows but one answer, and does not ask.
    pub(crate) durability: Durability,
    /// Most memory for what was read of a data directory.
    pub(crate) cache_mib: usize,
    /// How much waits for a cluster, and is kept of it.
    pub(crate) calls: CallLimits,
    /// How long an operation waits for a cluster; without it as long as it takes.
    pub(crate) soft: Option<Duration>,
    /// Which certificates to show to a cluster.
    pub(crate) tls: Option<PathBuf>,
    pub(crate) log: LogSettings,
    /// `remount`: change an existing mount instead of making one.
    pub(crate) remount: bool,
    /// The words that the kernel, not the daemon, acts on at a remount, in their order.
    pub(crate) kernel_words: Vec<String>,
}

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    /// Nothing of that name is known.
    #[error(
        "unknown mount option {name:?}: there are {} (holdfast help mount explains them)",
        table::names()
    )]
    Unknown {
        /// As it was given.
        name: String,
    },
    /// It has none.
    #[error("mount option {name:?} needs a value, as in {typed}")]
    MissingValue {
        /// The name.
        name: String,
        /// How it is typed.
        typed: String,
    },
    /// It needs another one.
    #[error("mount option {name}={value:?}: expected {expected}")]
    BadValue {
        /// The name.
        name: String,
        /// As it was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// The nodes of a cluster have the data.
    #[error(
        "mount option {name:?} is for a data directory: nodes of a cluster have settings of their own (holdfast help serve)"
    )]
    OnlyForDataDirectories {
        /// The name.
        name: String,
    },
    /// A data directory is always there.
    #[error(
        "mount option {name:?} is for a volume of a cluster: a data directory on this machine is \
         neither waited for nor asked who it is"
    )]
    OnlyForClusters {
        /// The name.
        name: String,
    },
    /// Nobody else mounts a data directory.
    #[error(
        "mount option locks=shared is for a volume of a cluster: the locks of a data directory on this \
         machine are always local"
    )]
    NobodyToShareLocks,
    /// It has a value and takes none.
    #[error("mount option {name:?} takes no value")]
    UnwantedValue {
        /// The name.
        name: String,
    },
}

impl Settings {
    /// What holds when nothing is said. Root gets what a local disk has: devices and set-user-id
    /// work; for others the kernel forbids both in any case.
    pub(crate) fn new(kind: TreeKind) -> Settings {
        let root = nix::unistd::geteuid().is_root();
        let defaults = match kind {
            TreeKind::Data => MountOptions::default(),
            TreeKind::Cluster => MountOptions::shared(),
        };
        Settings {
            mount: MountOptions {
                source: String::new(),
                subtype: Some("holdfast".into()),
                read_only: false,
                atime: AtimePolicy::Relatime,
                directory_atime: true,
                allow_other: false,
                default_permissions: true,
                device_files: root,
                set_id: root,
                execute: true,
                synchronous: false,
                directory_synchronous: false,
                ..defaults
            },
            durability: Durability::Fsync,
            cache_mib: TableCache::BYTES >> 20,
            calls: CallLimits::default(),
            soft: None,
            tls: None,
            log: LogSettings::default(),
            remount: false,
            kernel_words: Vec::new(),
        }
    }

    /// Reads the strings in their order; a later word wins over an earlier one.
    pub(crate) fn parse<'a>(
        kind: TreeKind,
        strings: impl IntoIterator<Item = &'a str>,
    ) -> Result<Settings, OptionError> {
        let words: Vec<String> = strings.into_iter().flat_map(split).collect();
        let mut settings = Settings::new(kind);
        settings.remount = words.iter().any(|word| word == "remount");
        for word in words.iter().filter(|word| !word.is_empty()) {
            settings.set(kind, word)?;
        }
        let is_shared = settings.mount.locks == LockKeeper::Cluster;
        if kind == TreeKind::Data && is_shared && !settings.remount {
            return Err(OptionError::NobodyToShareLocks);
        }
        Ok(settings)
    }

    fn set(&mut self, kind: TreeKind, word: &str) -> Result<(), OptionError> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(known) = table::find(name, value.is_some()) else {
            return Err(match (table::find(name, value.is_none()), value) {
                (Some(_), Some(_)) => OptionError::UnwantedValue { name: name.into() },
                (Some(known), None) => OptionError::MissingValue {
                    name: name.into(),
                    typed: table::signature(known),
                },
                (None, _) => OptionError::Unknown { name: name.into() },
            });
        };
        match known.scope {
            Scope::Kernel => self.kernel_words.push(word.to_owned()),
            Scope::RemountOnly if !self.remount => {
                return Err(OptionError::Unknown { name: name.into() });
            }
            // A remount may know the source by another name; the daemon is not asked then anyway.
            Scope::Cluster if kind == TreeKind::Data && !self.remount => {
                return Err(OptionError::OnlyForClusters { name: name.into() });
            }
            Scope::Data if kind == TreeKind::Cluster && !self.remount => {
                return Err(OptionError::OnlyForDataDirectories { name: name.into() });
            }
            Scope::Daemon | Scope::Cluster | Scope::Data | Scope::Others | Scope::RemountOnly => {}
        }
        match (&known.effect, value.unwrap_or_default()) {
            (Effect::Nothing, _) => Ok(()),
            (Effect::Flag(set), _) => {
                set(self);
                Ok(())
            }
            (Effect::Value(set), value) => set(self, value).ok_or_else(|| bad_value(known, value)),
        }
    }
}

/// What `-o` takes, for the manuals: how an option is typed, and what it does.
pub(crate) fn entries() -> impl Iterator<Item = (String, &'static str)> {
    table::entries()
}

/// What the manuals say of the options that are not in them.
pub(crate) const OTHERS: &str =
    "Words for mount(8), systemd and fstab (defaults, noauto, x-*, ...) are accepted.";

/// The part of the help that tells of the options.
pub(crate) fn help() -> String {
    help::table()
}

fn bad_value(known: &Known, value: &str) -> OptionError {
    OptionError::BadValue {
        name: known.name.into(),
        value: value.into(),
        expected: known.value.map_or("no value", |value| value.expected),
    }
}

/// Splits at commas. A comma belongs to a value when it follows a backslash, or when the value
/// begins and ends with a double quote, as mount(8) has it.
fn split(string: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut characters = string.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = characters.next_if(|next| character == '\\' && matches!(next, ',' | '\\'));
        if character == ',' && !quoted {
            words.push(String::new());
            continue;
        }
        let Some(word) = words.last_mut() else { break };
        if character == '"' && (quoted || word.ends_with('=')) {
            quoted = !quoted;
        } else {
            word.push(escaped.unwrap_or(character));
        }
    }
    words
}

/// As long as anybody waits: a clock has an end, and what is longer would not be reached but overflow.
const SECONDS_MAX: Duration = Duration::from_secs(u32::MAX as u64);

/// `0.5`: seconds.
fn seconds(value: &str) -> Option<Duration> {
    let seconds = Duration::try_from_secs_f64(value.parse().ok()?).ok()?;
    (seconds <= SECONDS_MAX).then_some(seconds)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
