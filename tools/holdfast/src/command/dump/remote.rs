//! A dump of a volume of a cluster, from the node that leads it.

use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Buf, Bytes};
use holdfast_proto::backup_client::BackupClient;
use holdfast_proto::{DumpPart, DumpRequest, DumpStarted, dump_part};
use tonic::Streaming;

use super::Source;
use crate::cluster::{Cluster, ClusterArguments, request};

/// How long the node may say nothing.
const SILENCE: Duration = Duration::from_mins(1);

pub(super) fn open(cluster: &ClusterArguments, volume: &str) -> anyhow::Result<Source> {
    let name = format!("volume {volume}");
    let cannot = || format!("cannot dump {name}");
    let cluster = Cluster::in_background(cluster.cluster.clone())?;
    let asked = DumpRequest {
        volume: volume.to_owned(),
    };
    let node = cluster.run(cluster.leading_at(volume, async |channel| {
        BackupClient::new(channel)
            .dump(request(asked.clone()))
            .await
    }));
    let mut stream = Parts {
        cluster,
        node: node.with_context(cannot)?,
        part: Bytes::new(),
    };
    let started = match stream.next().with_context(cannot)? {
        Some(dump_part::Part::Started(started)) => started,
        Some(dump_part::Part::Data(_)) | None => {
            bail!("{}: the node sends something else", cannot())
        }
    };
    let DumpStarted {
        index,
        inodes,
        allocated,
    } = started;
    Ok(Source {
        name,
        index: Some(index),
        inodes,
        allocated,
        stream: Box::new(stream),
        reason: Box::new(|| Ok(())),
    })
}

/// The parts as one stream of bytes.
struct Parts {
    cluster: Cluster,
    node: Streaming<DumpPart>,
    part: Bytes,
}

impl Parts {
    fn next(&mut self) -> io::Result<Option<dump_part::Part>> {
        let node = &mut self.node;
        let next = self
            .cluster
            .run(async { tokio::time::timeout(SILENCE, node.message()).await });
        match next {
            Ok(Ok(part)) => Ok(part.and_then(|part| part.part)),
            Ok(Err(status)) => Err(io::Error::other(format!(
                "the node has broken it off: {}; take the dump again",
                status.message()
            ))),
            Err(_elapsed) => Err(io::Error::other(format!(
                "the node has said nothing for {} s; take the dump again",
                SILENCE.as_secs()
            ))),
        }
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match self.next()? {
                Some(dump_part::Part::Data(data)) => self.part = data,
                Some(dump_part::Part::Started(_)) => {}
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.part.len());
        self.part.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
