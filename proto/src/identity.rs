//! Who speaks: headers of every call, by which two programs find out that they must not talk.

use tonic::Status;
use tonic::metadata::{MetadataMap, MetadataValue};

/// What the messages mean. It changes when a program that knows only the old number would misread or
/// misapply what a new one says; see `docs/formats/wire.md`.
pub const PROTOCOL_VERSION: u32 = 1;

/// The header with the sender's [`PROTOCOL_VERSION`].
pub const PROTOCOL_HEADER: &str = "holdfast-protocol";
/// The header with the cluster the sender belongs to, if it knows one, as 32 hexadecimal digits.
pub const CLUSTER_HEADER: &str = "holdfast-cluster";
/// The header with the sender's number in the cluster, if it is a node.
pub const NODE_HEADER: &str = "holdfast-node";
/// The header with the version of the sender's program: for people, nothing depends on it.
pub const VERSION_HEADER: &str = "holdfast-version";

/// The header with the number of the node that is meant, when it matters which one answers.
pub const TARGET_HEADER: &str = "holdfast-to";
/// With the refusal of a node: the catalog has decided it, and asking again gets the same answer.
pub const UNWANTED_HEADER: &str = "holdfast-unwanted";

const CLUSTER_BYTES: usize = 16;

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its cluster; a node that has not joined and a mount that has not asked know none.
    pub cluster: Option<[u8; CLUSTER_BYTES]>,
    /// Its number, if it is a node.
    pub node: Option<u64>,
    /// The version of the program.
    pub program: &'static str,
}

impl Identity {
    /// Puts the headers on a request or on a response.
    pub fn attach(&self, headers: &mut MetadataMap) {
        headers.insert(PROTOCOL_HEADER, PROTOCOL_VERSION.into());
        if let Some(cluster) = self.cluster
            && let Ok(cluster) = MetadataValue::try_from(hexadecimal(cluster))
        {
            headers.insert(CLUSTER_HEADER, cluster);
        }
        if let Some(node) = self.node {
            headers.insert(NODE_HEADER, node.into());
        }
        if let Ok(program) = MetadataValue::try_from(self.program) {
            headers.insert(VERSION_HEADER, program);
        }
    }

    /// Whether the sender of these headers may be talked to: it speaks the same protocol, is not of another
    /// cluster, and does not mean another node.
    pub fn check(&self, headers: &MetadataMap) -> Result<(), Status> {
        self.check_protocol(headers)?;
        self.check_cluster(headers)?;
        self.check_target(headers)
    }

    fn check_protocol(&self, headers: &MetadataMap) -> Result<(), Status> {
        let Some(theirs) = text(headers, PROTOCOL_HEADER) else {
            return Err(Status::failed_precondition(format!(
                "the other side does not say which holdfast protocol it speaks; this is {PROTOCOL_VERSION}"
            )));
        };
        if theirs.parse() == Ok(PROTOCOL_VERSION) {
            return Ok(());
        }
        let program = text(headers, VERSION_HEADER).unwrap_or("of unknown version");
        Err(Status::failed_precondition(format!(
            "protocol {PROTOCOL_VERSION} (holdfast {}) cannot talk to protocol {} (holdfast {})",
            self.program,
            theirs.escape_default(),
            program.escape_default(),
        )))
    }

    fn check_cluster(&self, headers: &MetadataMap) -> Result<(), Status> {
        let Some(ours) = self.cluster else {
            return Ok(());
        };
        if !headers.contains_key(CLUSTER_HEADER) {
            return Ok(());
        }
        let ours = hexadecimal(ours);
        let theirs = text(headers, CLUSTER_HEADER).unwrap_or("(no text)");
        if theirs == ours {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "cluster {ours} cannot talk to cluster {} (it was recovered as a new one, or is another one: mount again; a node \
             joins with an empty directory and another --id)",
            theirs.escape_default(),
        )))
    }

    fn check_target(&self, headers: &MetadataMap) -> Result<(), Status> {
        let (Some(ours), Some(meant)) = (self.node, text(headers, TARGET_HEADER)) else {
            return Ok(());
        };
        if meant.parse() == Ok(ours) {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "this is node {ours}, and node {} was meant",
            meant.escape_default(),
        )))
    }
}

/// Says which node is meant: another one may be at its address by now, and must not answer in its name.
pub fn attach_target(node: u64, headers: &mut MetadataMap) {
    headers.insert(TARGET_HEADER, node.into());
}

/// The number of the node that says it has sent these headers.
pub fn sender(headers: &MetadataMap) -> Option<u64> {
    text(headers, NODE_HEADER)?.parse().ok()
}

fn text<'a>(headers: &'a MetadataMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn hexadecimal(cluster: [u8; CLUSTER_BYTES]) -> String {
    format!("{:032x}", u128::from_be_bytes(cluster))
}

#[cfg(test)]
mod tests;
