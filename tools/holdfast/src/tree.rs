//! Where the tree of a mount is: in a directory of this machine, or in a cluster.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_replicator::FIRST_VOLUME;

use crate::mount_table::{self, MountEntry};

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A data directory: absolute, without symlinks; may not exist yet.
    Data(PathBuf),
    /// A volume of a cluster.
    Cluster(ClusterVolume),
}

/// Which kind it is, where more is not known or needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TreeKind {
    Data,
    Cluster,
}

/// A volume and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterVolume {
    /// Some nodes, each `host:port`; at least one.
    pub(crate) addresses: Vec<String>,
    /// The name of the volume.
    pub(crate) name: String,
}

/// What somebody wrote is neither a path nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TreeError {
    /// In a list of addresses.
    #[error("{given:?} is not an address: it is written host:port")]
    NotAnAddress {
        /// As it was given.
        given: String,
    },
    /// The first column of fstab.
    #[error(
        "{given:?} is neither a data directory nor a volume of a cluster: a volume is written \
         HOST:PORT,HOST:PORT/VOLUME, and a directory of that name ./{given}"
    )]
    Neither {
        /// As it was given.
        given: String,
    },
}

impl Tree {
    /// Reads a source as mount(8) has it: paths are data directories, `HOST:PORT,HOST:PORT/VOLUME` is
    /// a volume. A misspelled address must not become a new, empty data directory.
    pub(crate) fn from_source(
        source: &OsStr,
        exists: impl Fn(&OsStr) -> bool,
    ) -> Result<Tree, TreeError> {
        let data = || Tree::Data(PathBuf::from(source));
        let Some(text) = source.to_str() else {
            return Ok(data());
        };
        if text.starts_with(['/', '.']) || exists(source) {
            return Ok(data());
        }
        let (addresses, name) = text.split_once('/').unwrap_or((text, ""));
        if !addresses.contains(':') {
            return Ok(data());
        }
        let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
        let name = (!name.is_empty()).then_some(name);
        ClusterVolume::new(addresses, name)
            .map(Tree::Cluster)
            .map_err(|_| TreeError::Neither { given: text.into() })
    }
}

impl ClusterVolume {
    /// The volume of that name, or the one that every cluster begins with.
    pub(crate) fn new(
        addresses: Vec<String>,
        name: Option<&str>,
    ) -> Result<ClusterVolume, TreeError> {
        match addresses.iter().find(|address| !is_address(address)) {
            Some(wrong) => Err(TreeError::NotAnAddress {
                given: wrong.clone(),
            }),
            None => Ok(ClusterVolume {
                addresses,
                name: name.unwrap_or(FIRST_VOLUME).to_owned(),
            }),
        }
    }

    /// The volume of a cluster that a path without symlinks is on, and where it is mounted.
    pub(crate) fn around(path: &Path) -> io::Result<Option<(ClusterVolume, MountEntry)>> {
        let Some(entry) = mount_table::around(path)? else {
            return Ok(None);
        };
        // A directory of that name is none of this volume.
        match Tree::from_source(&entry.source, |_| false) {
            Ok(Tree::Cluster(volume)) => Ok(Some((volume, entry))),
            Ok(Tree::Data(_)) | Err(_) => Ok(None),
        }
    }

    /// Nobody committed anything, though a node answers.
    pub(crate) fn no_majority_within(&self, time: Duration) -> anyhow::Error {
        anyhow::anyhow!(
            "a majority of its nodes did not answer within {} s: start those that are missing (holdfast \
             status --cluster {} shows them)",
            time.as_secs(),
            self.addresses.join(",")
        )
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Data(data) => data.display().fmt(formatter),
            Tree::Cluster(volume) => volume.fmt(formatter),
        }
    }
}

impl fmt::Display for ClusterVolume {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.addresses.join(","), self.name)
    }
}

/// `node-1.example:7420`, `10.0.0.1:7420` or `[::1]:7420`.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let host_is_one = match bracketed {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(in_names),
    };
    host_is_one && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Tree, TreeError> {
        Tree::from_source(OsStr::new(source), |_| false)
    }

    #[test]
    fn addresses_with_and_without_a_volume_are_a_cluster() {
        for (source, shown) in [
            ("127.0.0.1:7420", "127.0.0.1:7420/default"),
            ("node-1:7420/", "node-1:7420/default"),
            ("a:1,b.example:2/home", "a:1,b.example:2/home"),
            ("[::1]:7420,[fe80::2]:1/x", "[::1]:7420,[fe80::2]:1/x"),
        ] {
            let tree = read(source).unwrap();
            assert!(matches!(tree, Tree::Cluster(_)), "{source}");
            assert_eq!(tree.to_string(), shown);
        }
        let Tree::Cluster(volume) = read("a:1,b:2/home").unwrap() else {
            panic!("not a cluster")
        };
        assert_eq!(volume.addresses, ["a:1", "b:2"]);
        assert_eq!(volume.name, "home");
    }

    #[test]
    fn paths_are_data_directories_whatever_they_look_like() {
        for source in [
            "/srv/data",
            "./a:1",
            "../a:1",
            ".hidden",
            "data",
            "a/b:1",
            "a,b",
        ] {
            assert_eq!(read(source), Ok(Tree::Data(source.into())), "{source}");
        }
        let existing = Tree::from_source(OsStr::new("a:1"), |_| true);
        assert_eq!(existing, Ok(Tree::Data("a:1".into())));
    }

    #[test]
    fn a_misspelled_address_is_an_error_and_no_new_directory() {
        for source in [
            "a:1,b",
            "a:",
            ":1",
            "a:0",
            "a:70000",
            "server:/export",
            "a:1,,b:2",
            "::1:1",
            "a b:1",
        ] {
            let error = read(source).unwrap_err();
            assert!(matches!(error, TreeError::Neither { .. }), "{source}");
            assert!(error.to_string().contains("HOST:PORT,HOST:PORT/VOLUME"));
        }
    }

    #[test]
    fn a_wrong_address_of_a_list_is_named() {
        let error = ClusterVolume::new(vec!["a:1".into(), "b".into()], None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"b\" is not an address: it is written host:port"
        );
    }
}
