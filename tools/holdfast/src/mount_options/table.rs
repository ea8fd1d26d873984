//! Every mount option there is: the parser, the error that lists them and the manuals read this.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::ValueEnum;
use holdfast_fs::{AtimePolicy, LockKeeper};
use holdfast_replicator::Durability;

use super::{Settings, seconds};
use crate::logging::LogFormat;

/// One option.
pub(super) struct Known {
    /// As it is typed; ends with `*` when it is only the beginning of a name.
    pub(super) name: &'static str,
    /// What the value is, if it takes one.
    pub(super) value: Option<Value>,
    /// Who acts on it.
    pub(super) scope: Scope,
    /// For the manual; options without are not in it.
    about: &'static str,
    pub(super) effect: Effect,
}

/// The value of an option.
#[derive(Clone, Copy)]
pub(super) struct Value {
    /// In the manual: `fsname=NAME`.
    placeholder: &'static str,
    /// In the error, after "expected".
    pub(super) expected: &'static str,
}

const SECONDS: Value = Value {
    placeholder: "SECONDS",
    expected: "a number of seconds, such as 0.5",
};
const NUMBER: Value = Value {
    placeholder: "N",
    expected: "a number within its bounds (holdfast help mount)",
};
const NAME: Value = Value {
    placeholder: "NAME",
    expected: "a name",
};
const ANYTHING: Value = Value {
    placeholder: "VALUE",
    expected: "a value",
};

/// What an option does to the settings.
pub(super) enum Effect {
    Nothing,
    Flag(fn(&mut Settings)),
    /// `None` when the value is not one.
    Value(fn(&mut Settings, &str) -> Option<()>),
}

/// Who acts on an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The kernel, and at a remount nobody else; the daemon must often know as well.
    Kernel,
    /// The daemon.
    Daemon,
    /// The daemon, if the tree is in a cluster.
    Cluster,
    /// The daemon, if the tree is in a data directory.
    Data,
    /// Somebody else: mount(8), systemd, the reader of fstab.
    Others,
    /// Shown by the kernel in the mount table, from where mount(8) passes it on at a remount.
    RemountOnly,
}

const fn flag(scope: Scope, name: &'static str, about: &'static str, effect: Effect) -> Known {
    Known {
        name,
        value: None,
        scope,
        about,
        effect,
    }
}

const fn kernel(name: &'static str, about: &'static str, set: fn(&mut Settings)) -> Known {
    flag(Scope::Kernel, name, about, Effect::Flag(set))
}

const fn daemon(name: &'static str, about: &'static str, set: fn(&mut Settings)) -> Known {
    flag(Scope::Daemon, name, about, Effect::Flag(set))
}

const fn valued(
    name: &'static str,
    value: Value,
    about: &'static str,
    set: fn(&mut Settings, &str) -> Option<()>,
) -> Known {
    Known {
        name,
        value: Some(value),
        scope: Scope::Daemon,
        about,
        effect: Effect::Value(set),
    }
}

/// A number that is within its bounds.
fn number(value: &str, bounds: RangeInclusive<usize>) -> Option<usize> {
    let number = value.parse().ok();
    number.filter(|number| bounds.contains(number))
}

const fn without_effect(scope: Scope, name: &'static str, value: Option<Value>) -> Known {
    Known {
        name,
        value,
        scope,
        about: "",
        effect: Effect::Nothing,
    }
}

const fn others(name: &'static str, value: Option<Value>) -> Known {
    without_effect(Scope::Others, name, value)
}

const fn remount_only(name: &'static str) -> Known {
    without_effect(Scope::RemountOnly, name, Some(ANYTHING))
}

const KNOWN: &[Known] = &[
    kernel("ro", "no changes", |s| s.mount.read_only = true),
    kernel("rw", "changes are possible (default)", |s| {
        s.mount.read_only = false;
    }),
    kernel(
        "relatime",
        "access times as on a local disk: at most once a day and after changes (default)",
        |s| s.mount.atime = AtimePolicy::Relatime,
    ),
    kernel("noatime", "no access times", |s| {
        s.mount.atime = AtimePolicy::Never;
    }),
    kernel("strictatime", "every read sets the access time", |s| {
        s.mount.atime = AtimePolicy::Strict;
    }),
    kernel("atime", "the opposite of noatime: as relatime", |s| {
        s.mount.atime = AtimePolicy::Relatime;
    }),
    without_effect(Scope::Kernel, "norelatime", None),
    without_effect(Scope::Kernel, "nostrictatime", None),
    kernel("nodiratime", "no access times of directories", |s| {
        s.mount.directory_atime = false;
    }),
    kernel(
        "diratime",
        "access times of directories too (default)",
        |s| {
            s.mount.directory_atime = true;
        },
    ),
    without_effect(Scope::Kernel, "lazytime", None),
    without_effect(Scope::Kernel, "nolazytime", None),
    kernel("dev", "device files work (default for root)", |s| {
        s.mount.device_files = true;
    }),
    kernel("nodev", "device files do not work", |s| {
        s.mount.device_files = false;
    }),
    kernel(
        "suid",
        "set-user-id and set-group-id work (default for root)",
        |s| s.mount.set_id = true,
    ),
    kernel("nosuid", "set-user-id and set-group-id do not work", |s| {
        s.mount.set_id = false;
    }),
    kernel("exec", "programs can be run (default)", |s| {
        s.mount.execute = true;
    }),
    kernel("noexec", "programs cannot be run", |s| {
        s.mount.execute = false;
    }),
    kernel("sync", "every write is durable before it returns", |s| {
        s.mount.synchronous = true;
    }),
    kernel("async", "writes are durable after fsync (default)", |s| {
        s.mount.synchronous = false;
    }),
    kernel(
        "dirsync",
        "every change of a directory is durable before it returns",
        |s| s.mount.directory_synchronous = true,
    ),
    valued(
        "sync",
        Value {
            placeholder: "commit|fsync",
            expected: "commit or fsync",
        },
        "what is durable when it returns: every change, or only what was synced with fsync and \
         the rest about a second later (default: fsync); in a cluster every change is, always",
        |s, value| {
            s.durability = match value {
                "commit" => Durability::Commit,
                "fsync" => Durability::Fsync,
                _ => return None,
            };
            Some(())
        },
    ),
    daemon(
        "allow_other",
        "other users may enter (default when root mounts by mount(8) or fstab; \
         not for root: needs user_allow_other in /etc/fuse.conf)",
        |s| s.mount.allow_other = true,
    ),
    daemon(
        "noallow_other",
        "other users may not enter, not even root (default)",
        |s| s.mount.allow_other = false,
    ),
    daemon(
        "default_permissions",
        "modes and access lists are enforced (default)",
        |s| s.mount.default_permissions = true,
    ),
    daemon(
        "nodefault_permissions",
        "modes and access lists are not enforced: whoever can enter may do anything",
        |s| s.mount.default_permissions = false,
    ),
    valued(
        "fsname",
        NAME,
        "the first column of df and of the mount table; if not given the data directory, or the \
         nodes and the volume",
        |s, value| {
            value.clone_into(&mut s.mount.source);
            Some(())
        },
    ),
    valued(
        "fstype",
        Value {
            placeholder: "TYPE",
            expected: "fuse or fuse.NAME",
        },
        "the type in the mount table: fuse or fuse.NAME (default: fuse.holdfast)",
        |s, value| {
            s.mount.subtype = match value.split_once('.') {
                None if value == "fuse" => None,
                Some(("fuse", name)) if !name.is_empty() => Some(name.into()),
                _ => return None,
            };
            Some(())
        },
    ),
    valued(
        "subtype",
        NAME,
        "the same as fstype=fuse.NAME",
        |s, value| {
            s.mount.subtype = (!value.is_empty()).then(|| value.into());
            Some(())
        },
    ),
    valued(
        "entry_timeout",
        SECONDS,
        "how long the kernel may trust where a name leads without asking (default: 3600; 0 in \
         a cluster, where others change it too)",
        |s, value| {
            s.mount.entry_timeout = seconds(value)?;
            Some(())
        },
    ),
    valued(
        "attr_timeout",
        SECONDS,
        "how long the kernel may trust attributes without asking (default: 3600; 0 in a cluster)",
        |s, value| {
            s.mount.attribute_timeout = seconds(value)?;
            Some(())
        },
    ),
    valued(
        "threads",
        Value {
            placeholder: "NUMBER",
            expected: "a number from 1 to 256",
        },
        "how many threads serve the kernel, 1 to 256 (default: 4)",
        |s, value| {
            s.mount.threads = value
                .parse()
                .ok()
                .filter(|threads| (1..=256).contains(threads))?;
            Some(())
        },
    ),
    Known {
        scope: Scope::Data,
        ..valued(
            "cache",
            Value {
                placeholder: "MIB",
                expected: "a number of MiB from 8 to 1048576",
            },
            "memory for what was read of the data directory, in MiB (default: 256; not for a cluster, \
             whose nodes have a setting); the indexes of its newest tables come on top",
            |s, value| {
                s.cache_mib = number(value, 8..=1 << 20)?;
                Some(())
            },
        )
    },
    valued(
        "slow_operation",
        SECONDS,
        "an operation that takes longer is logged (default: 1)",
        |s, value| {
            s.mount.slow_operation = seconds(value)?;
            Some(())
        },
    ),
    valued(
        "log_format",
        Value {
            placeholder: "FORMAT",
            expected: "human or json",
        },
        "how log lines look: human (default) or json, an object a line",
        |s, value| {
            s.log.format = Some(LogFormat::from_str(value, false).ok()?);
            Some(())
        },
    ),
    valued(
        "log",
        Value {
            placeholder: "FILTER",
            expected: "a level, such as debug",
        },
        "what is logged: error, warn, info (default) or debug",
        |s, value| {
            s.log.filter = Some(value.to_owned());
            Some(())
        },
    ),
    valued(
        "traces",
        Value {
            placeholder: "URL",
            expected: "the address of a collector, http://HOST:PORT",
        },
        "traces are sent to a collector of OpenTelemetry (OTLP over HTTP)",
        |s, value| {
            s.log.traces = Some(value.parse().ok()?);
            Some(())
        },
    ),
    valued(
        "trace_every",
        Value {
            placeholder: "N",
            expected: "a number from 1 on",
        },
        "one of so many requests is traced (default: 1)",
        |s, value| {
            s.log.trace_every = Some(value.parse().ok()?);
            Some(())
        },
    ),
    Known {
        scope: Scope::Cluster,
        ..valued(
            "calls",
            NUMBER,
            "at most so many calls are under way to a node, 16 to 1024; more wait (default: 1024; only for a cluster)",
            |s, value| {
                s.calls.calls = number(value, 16..=1024)?;
                Some(())
            },
        )
    },
    Known {
        scope: Scope::Cluster,
        ..valued(
            "calls_mib",
            NUMBER,
            "and so many MiB of them, 8 to 64 (default: 64; only for a cluster)",
            |s, value| {
                s.calls.bytes = number(value, 8..=64)? << 20;
                Some(())
            },
        )
    },
    Known {
        scope: Scope::Cluster,
        ..valued(
            "records",
            NUMBER,
            "what is kept to answer from is two generations of so many records, 1024 to 268435456 (default: 131072, \
             some hundred bytes each; only for a cluster)",
            |s, value| {
                s.calls.records = number(value, 1024..=1 << 28)?;
                Some(())
            },
        )
    },
    Known {
        scope: Scope::Cluster,
        ..valued(
            "soft",
            SECONDS,
            "an operation that the cluster has not answered for so long fails with ETIMEDOUT; it may \
             still take effect (only for a cluster)",
            |s, value| {
                s.soft = Some(seconds(value).filter(|limit| !limit.is_zero())?);
                Some(())
            },
        )
    },
    Known {
        scope: Scope::Cluster,
        ..valued(
            "tls",
            Value {
                placeholder: "DIR",
                expected: "a directory with ca.crt, tls.crt and tls.key",
            },
            "the certificates of this mount, as --tls (only for a cluster)",
            |s, value| {
                s.tls = Some(PathBuf::from(value)).filter(|_| !value.is_empty());
                s.tls.as_ref().map(drop)
            },
        )
    },
    flag(
        Scope::Cluster,
        "hard",
        "an operation waits for as long as the cluster needs (default; only for a cluster)",
        Effect::Flag(|s| s.soft = None),
    ),
    valued(
        "locks",
        Value {
            placeholder: "shared|local",
            expected: "shared or local",
        },
        "who keeps fcntl and flock locks: the cluster, so that they hold between all mounts (default for \
         a cluster), or the kernel, so that they hold between the programs of this mount",
        |s, value| {
            s.mount.locks = match value {
                "shared" => LockKeeper::Cluster,
                "local" => LockKeeper::Kernel,
                _ => return None,
            };
            Some(())
        },
    ),
    flag(
        Scope::Daemon,
        "remount",
        "changes the flags of an existing mount, for mount(8)",
        Effect::Nothing,
    ),
    others("defaults", None),
    others("auto", None),
    others("noauto", None),
    others("nofail", None),
    others("user", None),
    others("user", Some(NAME)),
    others("nouser", None),
    others("users", None),
    others("nousers", None),
    others("owner", None),
    others("noowner", None),
    others("group", None),
    others("nogroup", None),
    others("_netdev", None),
    others("_rnetdev", None),
    others("silent", None),
    others("loud", None),
    others("comment", Some(ANYTHING)),
    others("helper", Some(NAME)),
    others("uhelper", Some(NAME)),
    others("x-*", None),
    others("x-*", Some(ANYTHING)),
    others("X-*", None),
    others("X-*", Some(ANYTHING)),
    remount_only("fd"),
    remount_only("rootmode"),
    remount_only("user_id"),
    remount_only("group_id"),
    remount_only("max_read"),
    remount_only("blksize"),
];

/// The option of that name, with or without a value.
pub(super) fn find(name: &str, valued: bool) -> Option<&'static Known> {
    KNOWN.iter().find(|known| {
        let same = match known.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == known.name,
        };
        same && known.value.is_some() == valued
    })
}

/// What the manual tells of, as it is typed.
pub(super) fn names() -> String {
    let names: Vec<String> = documented().map(signature).collect();
    names.join(", ")
}

/// How each option in the manual is typed, and what it does.
pub(super) fn entries() -> impl Iterator<Item = (String, &'static str)> {
    documented().map(|known| (signature(known), known.about))
}

fn documented() -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(|known| !known.about.is_empty())
}

/// As it is typed.
pub(super) fn signature(known: &Known) -> String {
    match known.value {
        None => known.name.into(),
        Some(value) => format!("{}={}", known.name, value.placeholder),
    }
}
