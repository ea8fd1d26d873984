//! The values of the catalog; as in [`crate::record`], each begins with the version of its format.

use bytes::Bytes;

use super::command::{NodeRole, ReplicationMode};
use super::state::{NodeRecord, VolumeRecord};
use crate::fault::Fault;
use crate::record::{Decoder, Encoder};
use crate::state_machine::Format;
use crate::types::{LogIndex, Mode};

const VERSION: u8 = 1;
/// Of a volume that is made for a dump.
const VERSION_AWAITS_LOAD: u8 = 2;

/// The value under `c`:
/// `version 1 | applied 8 | next volume 8`, and the id of the cluster once there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogRecord {
    /// The last batch that was applied.
    pub applied: LogIndex,
    /// The id of the next volume.
    pub next_volume: u64,
    /// `None` until the cluster was created.
    pub cluster_id: Option<[u8; 16]>,
}

impl Default for CatalogRecord {
    fn default() -> CatalogRecord {
        CatalogRecord {
            applied: LogIndex::default(),
            next_volume: 1,
            cluster_id: None,
        }
    }
}

impl CatalogRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new(VERSION, 32);
        encoder.u64(self.applied.0).u64(self.next_volume);
        if let Some(cluster_id) = &self.cluster_id {
            encoder.rest(cluster_id);
        }
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<CatalogRecord, Fault> {
        let mut decoder = Decoder::new("catalog", VERSION, bytes)?;
        let applied = LogIndex(decoder.u64()?);
        let next_volume = decoder.u64()?;
        let cluster_id = match decoder.rest() {
            [] => None,
            id => Some(id.try_into().map_err(|_| decoder.corrupt("cluster id"))?),
        };
        Ok(CatalogRecord {
            applied,
            next_volume,
            cluster_id,
        })
    }
}

/// How many deletions are remembered: far more than happen while one request is tried again.
const DELETIONS_MAX: usize = 256;

/// The value under `d`: `version 1`, and 16 bytes a request, the latest last. A request that is tried again because
/// its answer got lost must neither hear that there is no such volume nor delete another one of that name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletionsRecord {
    /// In the order in which they came.
    pub requests: Vec<[u8; 16]>,
}

impl DeletionsRecord {
    /// Remembers one, and forgets the oldest when there are too many.
    pub(super) fn remember(&mut self, request: [u8; 16]) {
        if self.requests.len() >= DELETIONS_MAX {
            self.requests.remove(0);
        }
        self.requests.push(request);
    }

    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 16 * self.requests.len())
            .rest(self.requests.as_flattened())
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<DeletionsRecord, Fault> {
        let mut decoder = Decoder::new("deletions", VERSION, bytes)?;
        let (requests, remainder) = decoder.rest().as_chunks::<16>();
        if !remainder.is_empty() {
            return Err(decoder.corrupt("a part of a request"));
        }
        Ok(DeletionsRecord {
            requests: requests.to_vec(),
        })
    }
}

impl NodeRecord {
    /// The value under `n` id: `version 1 | role 1 | incarnation 16 | address`.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 17 + self.address.len())
            .u8(self.role as u8)
            .rest(&self.incarnation)
            .rest(self.address.as_bytes())
            .finish()
    }

    /// From what was stored under the id.
    pub fn decode(id: u64, bytes: &[u8]) -> Result<NodeRecord, Fault> {
        let mut decoder = Decoder::new("node", VERSION, bytes)?;
        let role = match decoder.u8()? {
            1 => NodeRole::Learner,
            2 => NodeRole::Voter,
            _ => return Err(decoder.corrupt("unknown role")),
        };
        let incarnation = decoder.array()?;
        let address = std::str::from_utf8(decoder.rest());
        let address = address.map_err(|_| decoder.corrupt("the address is not UTF-8"))?;
        Ok(NodeRecord {
            id,
            address: address.to_owned(),
            incarnation,
            role,
        })
    }
}

impl VolumeRecord {
    /// The value under `v` id: `version 1 | replication 1 | generation 4 | created 12 | uid 4 | gid 4 |
    /// mode 2 | name length 1 | name | initial voters`, 8 each. Version 2 is the same, of a volume that is made for a dump.
    pub fn encode(&self) -> Bytes {
        let version = if self.format.awaits_load {
            VERSION_AWAITS_LOAD
        } else {
            VERSION
        };
        let mut encoder = Encoder::new(
            version,
            28 + self.name.len() + 8 * self.initial_voters.len(),
        );
        encoder
            .u8(self.replication as u8)
            .u32(self.format.generation)
            .timestamp(self.format.now)
            .u32(self.format.uid)
            .u32(self.format.gid)
            .u16(self.format.mode.bits())
            .u8(self.name.len() as u8)
            .rest(self.name.as_bytes());
        for voter in &self.initial_voters {
            encoder.u64(*voter);
        }
        encoder.finish()
    }

    /// From what was stored under the id.
    pub fn decode(id: u64, bytes: &[u8]) -> Result<VolumeRecord, Fault> {
        let mut decoder = Decoder::new("catalog volume", VERSION_AWAITS_LOAD, bytes)?;
        let replication = match decoder.u8()? {
            1 => ReplicationMode::Quorum,
            2 => ReplicationMode::All,
            _ => return Err(decoder.corrupt("unknown replication")),
        };
        let format = Format {
            generation: decoder.u32()?,
            now: decoder.timestamp()?,
            uid: decoder.u32()?,
            gid: decoder.u32()?,
            mode: Mode::new(u32::from(decoder.u16()?)),
            awaits_load: bytes.first() == Some(&VERSION_AWAITS_LOAD),
        };
        let length = decoder.u8()?;
        let name = std::str::from_utf8(decoder.take(usize::from(length))?);
        let name = name.map_err(|_| decoder.corrupt("the name is not UTF-8"))?;
        let (voters, remainder) = decoder.rest().as_chunks::<8>();
        if !remainder.is_empty() {
            return Err(decoder.corrupt("a part of a voter"));
        }
        Ok(VolumeRecord {
            id,
            name: name.to_owned(),
            replication,
            format,
            initial_voters: voters.iter().map(|id| u64::from_be_bytes(*id)).collect(),
        })
    }
}
