//! Quotas as extended attributes that nobody stores: their names, and the text they hold.
//!
//! | attribute | of | holds |
//! |---|---|---|
//! | `trusted.holdfast.quota` | the root of a tree | its limits: `bytes=1000000 inodes=none`; set by `setxattr`, lifted by `removexattr` |
//! | `holdfast.quota` | anything | a line for each tree it counts in, the innermost first |
//! | `trusted.holdfast.quotas.N` | anything | lines for trees of the volume whose root is a higher inode than N, with the paths of their roots; empty after the last |
//!
//! A line is `root=12 bytes=4096/1000000 inodes=3/none`, and ` path=/a/b` at its end where the path is told. The kernel lets only
//! who has `CAP_SYS_ADMIN` see what begins with `trusted.`. Those of users and groups are in `owners`.

mod owners;

use std::fmt;

use holdfast_metadata::{Amounts, InodeId};
pub use owners::{COUNT_NAME, CountState, OwnerAttribute, OwnerLine};

/// What the root of a tree may use.
pub const LIMITS_NAME: &str = "trusted.holdfast.quota";
/// The trees that something counts in.
pub const AROUND_NAME: &str = "holdfast.quota";
/// The trees of the volume, after an inode.
pub const ALL_NAME: &str = "trusted.holdfast.quotas.";

const NO_LIMIT: &str = "none";

/// New limits; what is not named stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewLimits {
    /// Most bytes.
    pub bytes: Option<u64>,
    /// Most inodes.
    pub inodes: Option<u64>,
}

impl NewLimits {
    /// From `bytes=N inodes=N`, in any order, each at most once, one at least; `none` lifts a limit.
    pub fn parse(text: &str) -> Option<NewLimits> {
        let mut limits = NewLimits::default();
        for word in text.split_ascii_whitespace() {
            let (name, value) = word.split_once('=')?;
            let limit = match name {
                "bytes" => &mut limits.bytes,
                "inodes" => &mut limits.inodes,
                _ => return None,
            };
            if limit.replace(parse_limit(value)?).is_some() {
                return None;
            }
        }
        (limits != NewLimits::default()).then_some(limits)
    }
}

impl fmt::Display for NewLimits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.map(|bytes| format!("bytes={}", limit(bytes)));
        let inodes = self
            .inodes
            .map(|inodes| format!("inodes={}", limit(inodes)));
        let words: Vec<String> = [bytes, inodes].into_iter().flatten().collect();
        formatter.write_str(&words.join(" "))
    }
}

/// One tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaLine {
    /// Its root.
    pub root: InodeId,
    /// What is used in it.
    pub used: Amounts,
    /// What may be; [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
    /// Where the root is in the volume, with control characters, backslashes and what is no UTF-8 escaped; empty when it was removed
    /// or is not told.
    pub path: String,
}

impl QuotaLine {
    /// From a line.
    pub fn parse(line: &str) -> Option<QuotaLine> {
        let (amounts, path) = line.split_once(" path=").unwrap_or((line, ""));
        let mut words = amounts.split(' ');
        let root = words.next()?.strip_prefix("root=")?.parse().ok()?;
        let (used_bytes, bytes) = parse_pair(words.next()?.strip_prefix("bytes=")?)?;
        let (used_inodes, inodes) = parse_pair(words.next()?.strip_prefix("inodes=")?)?;
        Some(QuotaLine {
            root: InodeId::new(root),
            used: Amounts {
                bytes: used_bytes,
                inodes: used_inodes,
            },
            limits: Amounts { bytes, inodes },
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for QuotaLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuotaLine {
            root, used, limits, ..
        } = self;
        write!(
            formatter,
            "root={root} bytes={}/{} inodes={}/{}",
            used.bytes,
            limit(limits.bytes),
            used.inodes,
            limit(limits.inodes)
        )?;
        if self.path.is_empty() {
            return Ok(());
        }
        write!(formatter, " path={}", self.path)
    }
}

fn limit(limit: u64) -> String {
    match limit {
        Amounts::NO_LIMIT => NO_LIMIT.to_owned(),
        limit => limit.to_string(),
    }
}

fn parse_limit(text: &str) -> Option<u64> {
    match text {
        NO_LIMIT => Some(Amounts::NO_LIMIT),
        text => text.parse().ok(),
    }
}

fn parse_pair(text: &str) -> Option<(u64, u64)> {
    let (used, limit) = text.split_once('/')?;
    Some((used.parse().ok()?, parse_limit(limit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        let (bytes, inodes) = (Some(5), Some(Amounts::NO_LIMIT));
        let both = NewLimits { bytes, inodes };
        assert_eq!(both.to_string(), "bytes=5 inodes=none");
        assert_eq!(NewLimits::parse("bytes=5 inodes=none"), Some(both));
        let one = NewLimits {
            inodes: Some(7),
            ..NewLimits::default()
        };
        assert_eq!(NewLimits::parse(" inodes=7\n"), Some(one));
        for nonsense in [
            "",
            "bytes",
            "bytes=",
            "bytes=-1",
            "bytes=1 bytes=2",
            "files=3",
            "bytes=1k",
        ] {
            assert_eq!(NewLimits::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let mut line = QuotaLine {
            root: InodeId::new(12),
            used: Amounts {
                bytes: 4096,
                inodes: 3,
            },
            limits: Amounts {
                bytes: 1000,
                inodes: Amounts::NO_LIMIT,
            },
            path: "/a path=b".to_owned(),
        };
        let text = "root=12 bytes=4096/1000 inodes=3/none path=/a path=b";
        assert_eq!(line.to_string(), text);
        assert_eq!(QuotaLine::parse(text), Some(line.clone()));
        line.path.clear();
        assert_eq!(QuotaLine::parse(&line.to_string()), Some(line));
        assert_eq!(QuotaLine::parse("root=x bytes=1/2 inodes=1/2"), None);
    }
}
