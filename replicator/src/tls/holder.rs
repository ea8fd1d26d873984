//! Who a certificate was made for, and what it may do, as its one `holdfast:` address says.
//!
//! `holdfast://node/3` is node 3; `holdfast://client/alice?volumes=home,mail&ro` is a client with its rights. Whoever made the
//! certificate has signed it, so nobody else can change it, and `openssl x509 -text` shows it.
//!
//! It is read strictly: what is not written exactly as this file writes it is refused. A right that an older node does not
//! know is then no right, and a restriction that it does not know is never passed over.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use holdfast_metadata::Credentials;
use ring::digest::{SHA256, digest};

const SCHEME: &str = "holdfast://";
const NAME_BYTES_MAX: usize = 64;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The node of this number.
    Node(u64),
    /// A mount, an operator or a program, with its rights.
    Client(Rights),
}

/// What a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// For people, for logs and for the list of what is revoked.
    pub name: String,
    /// What it may mount.
    pub volumes: Volumes,
    /// It may change nothing in a volume.
    pub read_only: bool,
    /// Who everybody is who works there through it.
    pub squash: Option<Squash>,
    /// It may change the cluster: nodes, volumes, the sessions of others.
    pub admin: bool,
}

/// A user, and the only group it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Squash {
    /// Not that of the superuser: who may be that needs no squash.
    uid: u32,
    gid: u32,
}

/// Which volumes a client may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volumes {
    /// Those that there are and those to come.
    All,
    /// These; none of them need exist.
    Named(BTreeSet<String>),
}

/// Why a text is no holder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HolderError {
    /// Names of clients and volumes have few letters.
    #[error(
        "{0:?} is not a name: 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\", beginning with a letter or a digit"
    )]
    Name(String),
    /// Nodes count from 1.
    #[error("a node has a number from 1, and {0:?} is none")]
    Node(String),
    /// A user is a number, and so is its group.
    #[error(
        "{0:?} is no user to squash to: a uid and a gid, as in 1000:1000, and not uid 0, whom nothing is refused"
    )]
    Squash(String),
    /// Of another version, or no holder at all.
    #[error("{0:?} is not understood by this version of holdfast")]
    Unknown(String),
}

impl Holder {
    /// As the list of what is revoked names it: `node/3`, `client/alice`.
    pub fn name(&self) -> String {
        match self {
            Holder::Node(id) => format!("node/{id}"),
            Holder::Client(rights) => format!("client/{}", rights.name),
        }
    }

    /// Whether a text is meant to say who holds a certificate, understood or not.
    pub(super) fn is_meant(text: &str) -> bool {
        text.to_ascii_lowercase().starts_with("holdfast:")
    }
}

impl Rights {
    /// No rights yet.
    pub fn new(name: &str) -> Result<Rights, HolderError> {
        Ok(Rights {
            name: checked(name)?,
            volumes: Volumes::Named(BTreeSet::new()),
            read_only: false,
            squash: None,
            admin: false,
        })
    }

    /// The upper half of the numbers of its sessions: nobody else acts in them, and it acts in no others. Digests of two names of a
    /// thousand are the same once in ten thousand clusters; who makes certificates chooses names.
    pub(crate) fn sessions(&self) -> u32 {
        let digest = digest(&SHA256, self.name.as_bytes());
        let half = digest.as_ref().iter().take(4);
        half.fold(0, |half, byte| half << 8 | u32::from(*byte))
    }

    /// Whether it may use a volume at all.
    pub fn may_use(&self, volume: &str) -> bool {
        match &self.volumes {
            Volumes::All => true,
            Volumes::Named(names) => names.contains(volume),
        }
    }
}

impl Volumes {
    /// From `home,mail`, or `*` for all.
    pub fn parse(text: &str) -> Result<Volumes, HolderError> {
        if text == "*" {
            return Ok(Volumes::All);
        }
        let names: Result<_, _> = text.split(',').map(checked).collect();
        names.map(Volumes::Named)
    }
}

impl Squash {
    /// From `1000:100`.
    pub fn parse(text: &str) -> Result<Squash, HolderError> {
        let numbers = text.split_once(':');
        let squash =
            numbers.and_then(|(uid, gid)| Squash::of(uid.parse().ok()?, gid.parse().ok()?));
        let squash = squash.filter(|squash| squash.to_string() == text);
        squash.ok_or_else(|| HolderError::Squash(text.to_owned()))
    }

    /// Nobody has the last number: it stands for "no change" in `chown(2)`.
    pub(crate) fn of(uid: u32, gid: u32) -> Option<Squash> {
        (uid != 0 && uid != u32::MAX && gid != u32::MAX).then_some(Squash { uid, gid })
    }

    /// For a mount.
    pub(crate) fn message(self) -> holdfast_proto::Identity {
        holdfast_proto::Identity {
            uid: self.uid,
            gid: self.gid,
        }
    }

    /// In no other group.
    pub(crate) fn credentials(self) -> Credentials {
        Credentials {
            uid: self.uid,
            gid: self.gid,
            groups: Vec::new(),
        }
    }
}

impl fmt::Display for Squash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.uid, self.gid)
    }
}

impl fmt::Display for Volumes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Volumes::All => formatter.write_str("*"),
            Volumes::Named(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                formatter.write_str(&names.join(","))
            }
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}", self.name())?;
        let Holder::Client(rights) = self else {
            return Ok(());
        };
        let mut parts = Vec::new();
        let volumes = rights.volumes.to_string();
        if !volumes.is_empty() {
            parts.push(format!("volumes={volumes}"));
        }
        if rights.read_only {
            parts.push("ro".to_owned());
        }
        if let Some(squash) = rights.squash {
            parts.push(format!("squash={squash}"));
        }
        if rights.admin {
            parts.push("admin".to_owned());
        }
        if parts.is_empty() {
            return Ok(());
        }
        write!(formatter, "?{}", parts.join("&"))
    }
}

impl FromStr for Holder {
    type Err = HolderError;

    fn from_str(text: &str) -> Result<Holder, HolderError> {
        let unknown = || HolderError::Unknown(text.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(unknown)?;
        let (kind, rest) = rest.split_once('/').ok_or_else(unknown)?;
        let holder = match kind {
            "node" => Holder::Node(node(rest)?),
            "client" => Holder::Client(client(rest).ok_or_else(unknown)??),
            _ => return Err(unknown()),
        };
        // In another order, twice, or with leading zeros: nobody of us has written it.
        if holder.to_string() == text {
            Ok(holder)
        } else {
            Err(unknown())
        }
    }
}

fn node(text: &str) -> Result<u64, HolderError> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| HolderError::Node(text.to_owned()))
}

fn client(text: &str) -> Option<Result<Rights, HolderError>> {
    let (name, parts) = text.split_once('?').unwrap_or((text, ""));
    let mut rights = match Rights::new(name) {
        Ok(rights) => rights,
        Err(error) => return Some(Err(error)),
    };
    for part in parts.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("volumes", names)) => match Volumes::parse(names) {
                Ok(volumes) => rights.volumes = volumes,
                Err(error) => return Some(Err(error)),
            },
            Some(("squash", user)) => match Squash::parse(user) {
                Ok(squash) => rights.squash = Some(squash),
                Err(error) => return Some(Err(error)),
            },
            None if part == "ro" => rights.read_only = true,
            None if part == "admin" => rights.admin = true,
            Some(_) | None => return None,
        }
    }
    // Quotas and trash are not those of one user.
    (rights.squash.is_none() || !rights.admin).then_some(Ok(rights))
}

/// Names of volumes have these letters, so nothing has to be escaped in an address.
fn checked(name: &str) -> Result<String, HolderError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(is_plain);
    let goes_on = bytes.all(|byte| is_plain(byte) || b"._-".contains(&byte));
    if begins && goes_on && name.len() <= NAME_BYTES_MAX {
        Ok(name.to_owned())
    } else {
        Err(HolderError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
