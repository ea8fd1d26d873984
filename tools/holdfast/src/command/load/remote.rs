//! A new volume of a cluster, loaded batch by batch through its log.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use holdfast_metadata::record::LoadProgress;
use holdfast_metadata::snapshot::{Reader, Summary};
use holdfast_proto::backup_client::BackupClient;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::{
    CreateVolumeRequest, DeleteVolumeRequest, LoadEntries, LoadRequest, OpenVolumeRequest,
    load_request,
};
use tonic::Code;
use tonic::transport::Channel;

use super::LoadArguments;
use crate::cluster::{Cluster, refused, request};

/// How long a step is tried again while nobody leads the volume.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a node may take for a step.
const STEP: Duration = Duration::from_secs(20);
/// How often it is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the nodes may take to hear that the volume is whole.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn load(
    arguments: &LoadArguments,
    volume: &str,
    dump: &mut impl Read,
) -> anyhow::Result<Summary> {
    let cluster = arguments.cluster.connect_in_background()?;
    // What is no dump makes no volume.
    let reader = Reader::new(dump)?;
    let create = CreateVolumeRequest {
        name: volume.to_owned(),
        replication: arguments.replication.mode().into(),
        awaits_load: true,
    };
    let made = cluster.run(async {
        let mut client = cluster.any().await?;
        let made = client.create_volume(request(create)).await;
        made.map_err(|status| refused(&status))
    });
    let number = made?.into_inner().volume;
    let mut loading = Loading {
        cluster: &cluster,
        name: volume,
        number,
        leader: None,
    };
    match loading.load(reader) {
        Ok(summary) => Ok(summary),
        Err(error) => {
            let Err(kept) = loading.delete() else {
                return Err(error);
            };
            Err(error.context(format!(
                "{kept:#}, and volume {volume} stays, not to be mounted: delete it \
                 (holdfast volume delete {volume} --yes)"
            )))
        }
    }
}

/// A volume that cannot be mounted yet.
struct Loading<'a> {
    cluster: &'a Cluster,
    name: &'a str,
    number: u64,
    /// Who took the last step.
    leader: Option<BackupClient<Channel>>,
}

impl Loading<'_> {
    fn load<R: Read>(&mut self, mut reader: Reader<'_, R>) -> anyhow::Result<Summary> {
        let mut progress = LoadProgress::default();
        while let Some(entries) = reader.next_frame()? {
            let next = progress.after(&entries);
            let number = progress.batches;
            self.step(load_request::Step::Entries(LoadEntries { number, entries }))?;
            progress = next;
        }
        // Only what was read to its end, and is what was written, makes a volume.
        let summary = reader.finish()?;
        self.step(load_request::Step::Finish(progress.into()))?;
        self.cluster.run(self.wait_heard())?;
        Ok(summary)
    }

    /// Tries until it is done; the nodes know a step that they have taken already.
    fn step(&mut self, step: load_request::Step) -> anyhow::Result<()> {
        let asked = LoadRequest {
            volume: self.number,
            step: Some(step),
        };
        let began = Instant::now();
        loop {
            let reason = match self.cluster.run(self.attempt(&asked))? {
                Ok(leader) => {
                    self.leader = Some(leader);
                    return Ok(());
                }
                Err(reason) => reason,
            };
            self.leader = None;
            if began.elapsed() >= PATIENCE {
                let seconds = PATIENCE.as_secs();
                bail!(
                    "nobody leads volume {} for {seconds} s: {reason}",
                    self.name
                );
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Who has done it; or why nobody could now.
    async fn attempt(
        &self,
        asked: &LoadRequest,
    ) -> anyhow::Result<Result<BackupClient<Channel>, String>> {
        let mut clients = Vec::new();
        if let Some(leader) = &self.leader {
            clients.push(leader.clone());
        } else {
            let heard = self.cluster.statuses().await;
            for one in heard.iter().filter(|one| one.status.is_ok()) {
                clients.push(BackupClient::new(self.cluster.channel(&one.address)?));
            }
        }
        let mut reason = "no node can be asked".to_owned();
        for mut client in clients {
            let mut step = request(asked.clone());
            step.set_timeout(STEP);
            let taken = tokio::time::timeout(STEP, client.load(step)).await;
            match taken {
                Ok(Ok(_)) => return Ok(Ok(client)),
                Ok(Err(status)) if is_final(status.code()) => return Err(refused(&status)),
                Ok(Err(status)) => status.message().clone_into(&mut reason),
                Err(_elapsed) => reason = format!("no answer within {} s", STEP.as_secs()),
            }
        }
        Ok(Err(reason))
    }

    /// Every node that answers lets it be mounted: a mount may ask any of them.
    async fn wait_heard(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + HEARD_WITHIN;
        for one in self.cluster.statuses().await {
            if one.status.is_err() {
                continue;
            }
            let mut client = ClientClient::new(self.cluster.channel(&one.address)?);
            loop {
                let name = self.name.to_owned();
                let opened = client
                    .open_volume(request(OpenVolumeRequest { name }))
                    .await;
                // A node that has gone, or does not get there, hears of it later.
                if opened.is_ok() || Instant::now() >= deadline {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// What is not whole is of no use to anybody.
    fn delete(&self) -> anyhow::Result<()> {
        let name = self.name.to_owned();
        self.cluster
            .run(async {
                let mut client = self.cluster.any().await?;
                let deleted = client
                    .delete_volume(request(DeleteVolumeRequest { name }))
                    .await;
                deleted
                    .map(drop)
                    .map_err(|status| anyhow!("{}", status.message()))
            })
            .context("the volume cannot be deleted")
    }
}

/// Whether no other node and no other time would say something else.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::ResourceExhausted
            | Code::DataLoss
            | Code::Unimplemented
    )
}
