//! The cluster as one node sees it, for the page that it serves: how all nodes are now, how the last hour was, what happened.
//!
//! Once a second it looks at what this node knows; every ten seconds it asks all other nodes how they are, as `holdfast status` does.
//! **Invariant.** What is kept is bounded: one report of each node, [`history::SAMPLES_MAX`] samples, [`events::EVENTS_MAX`] events.

mod events;
mod hearing;
mod history;
mod mounts;
mod sight;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::{NodeStatus, StatusRequest, StatusResponse};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Request;

pub use self::events::Event;
use self::events::Events;
use self::hearing::{Answer, Hearing};
pub use self::hearing::{Neighbour, Silence};
use self::history::History;
pub use self::history::{Load, Sample};
pub use self::mounts::VolumeMounts;
use self::sight::Sight;
use super::admin_service::AdminService;
use super::gate::CallerRights;
use crate::rates::Rates;

/// Between two looks at what this node knows.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks the other nodes are asked, and a sample is taken.
const LOOKS_A_ROUND: u32 = 10;
/// How long another node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at the cluster while it lives.
#[derive(Debug)]
pub struct Observer {
    admin: AdminService,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What is remembered.
#[derive(Debug, Default)]
struct Seen {
    hearing: Hearing,
    history: History,
    events: Events,
    /// Of the last round, and how long it was.
    rates: Rates,
    seconds: u64,
}

/// Everything at one moment.
#[derive(Debug)]
pub struct Overview {
    /// Seconds since 1970.
    pub now: u64,
    /// Whose view it is.
    pub own: StatusResponse,
    /// The other nodes of the cluster.
    pub neighbours: Vec<Neighbour>,
    /// The last hour, oldest first.
    pub samples: Vec<Sample>,
    /// Between two samples.
    pub interval: Duration,
    /// What was answered by all nodes that were heard, in `rates_seconds`.
    pub rates: Rates,
    /// How long the last round was; 0 before there were two.
    pub rates_seconds: u64,
    /// Sessions and locks, by volume.
    pub mounts: Vec<VolumeMounts>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observer {
    pub(crate) fn start(admin: AdminService) -> Observer {
        let seen = Arc::<Mutex<Seen>>::default();
        let task = tokio::spawn(watch(admin.clone(), Arc::clone(&seen)));
        Observer { admin, seen, task }
    }

    /// What it knows; nothing while the node starts or ends. It reads the state of volumes, which may wait for a disk.
    pub fn overview(&self) -> Option<Overview> {
        let own = self.admin.say(&CallerRights::of_this_process()).ok()?;
        let registry = &self.admin.registry;
        let mounts = mounts::of(registry, &own.volumes);
        let seen = self.seen.lock();
        let others = own.nodes.iter().filter(|node| node.id != own.node);
        Some(Overview {
            now: now(),
            neighbours: others.map(|node| seen.hearing.neighbour(node)).collect(),
            samples: seen.history.samples(),
            interval: LOOK * LOOKS_A_ROUND,
            rates: seen.rates.clone(),
            rates_seconds: seen.seconds,
            mounts,
            events: seen.events.all(),
            own,
        })
    }
}

impl Seen {
    /// All nodes were asked; `elapsed` is the time since the last round, if there was one.
    fn round(&mut self, answers: Vec<Answer>, elapsed: Option<Duration>) {
        let heard: Vec<&StatusResponse> = answers
            .iter()
            .filter_map(|(_, answer)| answer.as_ref().ok())
            .collect();
        let mut sample = Sample::of(now(), &heard, answers.len());
        self.rates = self.hearing.take(answers, &mut self.events, now());
        if let Some(elapsed) = elapsed {
            self.seconds = (elapsed + Duration::from_millis(500)).as_secs().max(1);
            sample.count(&self.rates, self.seconds);
            self.history.add(sample);
        }
    }
}

/// Goes on until the task is aborted.
async fn watch(admin: AdminService, seen: Arc<Mutex<Seen>>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sight: Option<Sight> = None;
    let mut last_round: Option<Instant> = None;
    for look in 0_u32.. {
        ticks.tick().await;
        let Ok(glance) = admin.glance() else {
            continue;
        };
        let next = Sight::of(&glance);
        if let Some(sight) = &sight {
            let mut seen = seen.lock();
            for (kind, text) in next.news_since(sight) {
                seen.events.add(now(), kind, text);
            }
        }
        sight = Some(next);
        if look.is_multiple_of(LOOKS_A_ROUND)
            && let Some(own) = own(&admin).await
        {
            let answers = ask_all(&admin, own).await;
            let elapsed = last_round.map(|last| last.elapsed());
            last_round = Some(Instant::now());
            seen.lock().round(answers, elapsed);
        }
    }
}

/// What this node says.
async fn own(admin: &AdminService) -> Option<StatusResponse> {
    let admin = admin.clone();
    // It waits for a disk.
    let said = tokio::task::spawn_blocking(move || admin.say(&CallerRights::of_this_process()));
    said.await.ok()?.ok()
}

/// What every node says, this one first.
async fn ask_all(admin: &AdminService, own: StatusResponse) -> Vec<Answer> {
    let others = own.nodes.iter().filter(|node| node.id != own.node);
    let asked = join_all(others.map(async |node| (node.id, ask(admin, node).await))).await;
    let mut answers = vec![(own.node, Ok(own))];
    answers.extend(asked);
    answers
}

async fn ask(admin: &AdminService, node: &NodeStatus) -> Result<StatusResponse, String> {
    let mut client = AdminClient::new(admin.peers.channel(node.id, &node.address));
    let mut request = Request::new(StatusRequest {});
    admin.identity.attach(request.metadata_mut());
    match tokio::time::timeout(PATIENCE, client.status(request)).await {
        Ok(Ok(answer)) if answer.get_ref().node == node.id => Ok(answer.into_inner()),
        Ok(Ok(answer)) => Err(format!("node {} is at its address", answer.get_ref().node)),
        Ok(Err(status)) => {
            let reason = crate::call::describe(&status);
            // The number says nothing to people.
            let words = reason.split(" (os error").next();
            Err(words.unwrap_or_default().to_owned())
        }
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
