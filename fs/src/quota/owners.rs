//! Quotas of users and groups as extended attributes: their names, and the text they hold.
//!
//! | attribute | holds |
//! |---|---|
//! | `trusted.holdfast.owners` | how far is counted what users and groups use: `off`, `counting 12/345` (inodes), `on`, `forgetting`; setting it to `on` or `off` is one step on the way there |
//! | `trusted.holdfast.quota.user.N`, and `group.N` | the limits of uid or gid N: set by `setxattr`, lifted by `removexattr` |
//! | `holdfast.quota.user.N`, and `group.N` | a line, if anything is known; for the user, who is in the group, and root |
//! | `trusted.holdfast.owners.user.N`, and `group.N` | lines from there on, users before groups; empty after the last |
//!
//! Each is that of the volume, whatever it is asked of. There are no lines before all is counted. A line is `user=1000 bytes=4096/1000000 inodes=3/none`.

use std::fmt;

use holdfast_metadata::{Amounts, InodeId, Owner, OwnerCount};

use super::{limit, parse_pair};

/// How far is counted.
pub const COUNT_NAME: &str = "trusted.holdfast.owners";
const LIMITS_PREFIX: &str = "trusted.holdfast.quota.";
const USAGE_PREFIX: &str = "holdfast.quota.";
const PAGE_PREFIX: &str = "trusted.holdfast.owners.";

/// An attribute of those above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerAttribute {
    /// How far is counted.
    Count,
    /// The limits of one.
    Limits(Owner),
    /// What one may use and uses.
    Usage(Owner),
    /// The same of this one and those after it.
    Page(Owner),
}

impl OwnerAttribute {
    /// By its name.
    pub fn parse(name: &str) -> Option<OwnerAttribute> {
        if name == COUNT_NAME {
            return Some(OwnerAttribute::Count);
        }
        let of = |prefix| name.strip_prefix(prefix).and_then(parse_owner);
        let limits = of(LIMITS_PREFIX).map(OwnerAttribute::Limits);
        let page = || of(PAGE_PREFIX).map(OwnerAttribute::Page);
        let usage = || of(USAGE_PREFIX).map(OwnerAttribute::Usage);
        limits.or_else(page).or_else(usage)
    }
}

impl fmt::Display for OwnerAttribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, owner) = match self {
            OwnerAttribute::Count => return formatter.write_str(COUNT_NAME),
            OwnerAttribute::Limits(owner) => (LIMITS_PREFIX, owner),
            OwnerAttribute::Usage(owner) => (USAGE_PREFIX, owner),
            OwnerAttribute::Page(owner) => (PAGE_PREFIX, owner),
        };
        let (kind, id) = words(*owner);
        write!(formatter, "{prefix}{kind}.{id}")
    }
}

fn words(owner: Owner) -> (&'static str, u32) {
    match owner {
        Owner::User(uid) => ("user", uid),
        Owner::Group(gid) => ("group", gid),
    }
}

fn parse_owner(text: &str) -> Option<Owner> {
    let (kind, id) = text.split_once(['.', '='])?;
    let id = id.parse().ok()?;
    match kind {
        "user" => Some(Owner::User(id)),
        "group" => Some(Owner::Group(id)),
        _ => None,
    }
}

/// A user or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerLine {
    /// Which.
    pub owner: Owner,
    /// What it uses.
    pub used: Amounts,
    /// What it may; [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
}

impl OwnerLine {
    /// Whether anything is limited.
    pub fn is_limited(&self) -> bool {
        self.limits != Amounts::UNLIMITED
    }

    /// From a line.
    pub fn parse(line: &str) -> Option<OwnerLine> {
        let mut words = line.split(' ');
        let owner = parse_owner(words.next()?)?;
        let (used_bytes, bytes) = parse_pair(words.next()?.strip_prefix("bytes=")?)?;
        let (used_inodes, inodes) = parse_pair(words.next()?.strip_prefix("inodes=")?)?;
        Some(OwnerLine {
            owner,
            used: Amounts {
                bytes: used_bytes,
                inodes: used_inodes,
            },
            limits: Amounts { bytes, inodes },
        })
    }
}

impl fmt::Display for OwnerLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = words(self.owner);
        write!(
            formatter,
            "{kind}={id} bytes={}/{} inodes={}/{}",
            self.used.bytes,
            limit(self.limits.bytes),
            self.used.inodes,
            limit(self.limits.inodes)
        )
    }
}

/// How far is counted, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountState {
    /// Nothing is.
    Off,
    /// What was counted is being removed.
    Forgetting,
    /// The first of these inodes, of so many.
    Counting(u64, u64),
    /// All is.
    On,
}

impl CountState {
    /// Of a volume.
    pub(crate) fn of(count: OwnerCount, next: InodeId) -> CountState {
        match count {
            OwnerCount::Off => CountState::Off,
            OwnerCount::Forgetting => CountState::Forgetting,
            OwnerCount::ALL => CountState::On,
            OwnerCount::Below(end) => CountState::Counting(end.get(), next.get()),
        }
    }

    /// From the text.
    pub fn parse(text: &str) -> Option<CountState> {
        match text {
            "off" => Some(CountState::Off),
            "on" => Some(CountState::On),
            "forgetting" => Some(CountState::Forgetting),
            text => {
                let (counted, all) = text.strip_prefix("counting ")?.split_once('/')?;
                let counted = counted.parse().ok()?;
                Some(CountState::Counting(counted, all.parse().ok()?))
            }
        }
    }
}

impl fmt::Display for CountState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountState::Off => formatter.write_str("off"),
            CountState::On => formatter.write_str("on"),
            CountState::Forgetting => formatter.write_str("forgetting"),
            CountState::Counting(counted, all) => write!(formatter, "counting {counted}/{all}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let owner = Owner::Group(7);
        for (name, attribute) in [
            ("trusted.holdfast.owners", OwnerAttribute::Count),
            (
                "trusted.holdfast.quota.group.7",
                OwnerAttribute::Limits(owner),
            ),
            ("holdfast.quota.group.7", OwnerAttribute::Usage(owner)),
            (
                "trusted.holdfast.owners.user.0",
                OwnerAttribute::Page(Owner::FIRST),
            ),
        ] {
            assert_eq!(OwnerAttribute::parse(name), Some(attribute));
            assert_eq!(attribute.to_string(), name);
        }
        for other in [
            "trusted.holdfast.quota",
            "holdfast.quota",
            "holdfast.quota.user.x",
            "holdfast.quota.world.1",
            "trusted.holdfast.quotas.1",
        ] {
            assert_eq!(OwnerAttribute::parse(other), None, "{other}");
        }
    }

    #[test]
    fn lines_and_states_are_read_as_they_are_written() {
        let line = OwnerLine {
            owner: Owner::User(1000),
            used: Amounts {
                bytes: 4096,
                inodes: 3,
            },
            limits: Amounts {
                bytes: 1000,
                inodes: Amounts::NO_LIMIT,
            },
        };
        let text = "user=1000 bytes=4096/1000 inodes=3/none";
        assert_eq!(line.to_string(), text);
        assert_eq!(OwnerLine::parse(text), Some(line));
        assert_eq!(OwnerLine::parse("root=1 bytes=1/2 inodes=1/2"), None);
        for state in ["off", "on", "forgetting", "counting 12/345"] {
            let parsed = CountState::parse(state).unwrap();
            assert_eq!(parsed.to_string(), state);
        }
        assert_eq!(CountState::parse("counting"), None);
    }
}
