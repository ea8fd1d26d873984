//! The cluster of one simulation: begins it, watches it while time passes, heals it, and checks what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_metadata::{Digest, SessionId};
use openraft::async_runtime::WatchReceiver;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{Client, Surroundings};
use super::history::History;
use super::host::Host;
use super::network::{Network, Weather};
use super::node::Node;
use super::platter::Crash;
use super::random::Random;
use super::rules;
use super::story::Story;
use super::tally::Tally;
use super::witness::Witness;
use crate::raft::group::Group;
use crate::raft::type_config::Peer;

/// Nodes, of which the first three vote at first.
pub(super) const NODES: u64 = 5;
const FIRST_VOTERS: u64 = 3;
const CLIENTS: u64 = 4;
/// The hosts of clients are numbered from here.
const FIRST_CLIENT: u64 = 101;
/// How often the world is looked at.
const TICK: Duration = Duration::from_millis(20);
/// After it was healed everybody has an answer within this.
const PROGRESS: Duration = Duration::from_secs(20);
/// And works on for so long before that.
const AFTERMATH: Duration = Duration::from_secs(2);

/// One simulation.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) nodes: Vec<Node>,
    pub(super) network: Network,
    pub(super) story: Story,
    pub(super) tally: Tally,
    pub(super) clients: Vec<Host>,
    epoch: Instant,
    _root: TempDir,
    witness: Witness,
    history: History,
    around: Surroundings,
    working: Vec<JoinHandle<()>>,
    /// When nodes are started again.
    restarts: BTreeMap<u64, Instant>,
    digests: BTreeMap<u64, Digest>,
    ticks: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let epoch = Instant::now();
        let memory = std::path::Path::new("/dev/shm");
        let root = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let root = root.unwrap();
        let tally = Tally::default();
        let network = Network::new(random.fork(), tally.clone());
        let nodes = (1..=NODES).map(|id| Node::new(id, root.path(), &mut random, &tally));
        let (story, witness) = (Story::new(epoch), Witness::default());
        let history = History::default();
        let around = Surroundings {
            network: network.clone(),
            history: history.clone(),
            story: story.clone(),
            witness: witness.clone(),
            known: Arc::default(),
            nodes: NODES,
            is_ending: Arc::new(AtomicBool::new(false)),
        };
        World {
            nodes: nodes.collect(),
            random,
            network,
            story,
            tally,
            clients: Vec::new(),
            epoch,
            _root: root,
            witness,
            history,
            around,
            working: Vec::new(),
            restarts: BTreeMap::new(),
            digests: BTreeMap::new(),
            ticks: 0,
        }
    }

    /// Starts the nodes, makes a cluster of the first, and lets clients come.
    pub(super) async fn begin(&mut self) -> Result<(), String> {
        for number in 0..self.nodes.len() {
            self.start(number).await?;
        }
        let voters = (1..=FIRST_VOTERS).map(|id| (id, peer(id)));
        let voters: BTreeMap<u64, Peer> = voters.collect();
        if let Some(process) = &self.nodes[0].process {
            let raft = process.group.raft().clone();
            let made = process
                .host
                .spawn(async move { raft.initialize(voters).await });
            made.await
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())?;
        }
        for number in 0..CLIENTS {
            let host = Host::new(self.random.fork(), self.epoch, self.tally.clone());
            let id = FIRST_CLIENT + number;
            let around = self.around.clone();
            let mut client = Client::new(id, host.clone(), around, self.random.fork());
            host.spawn(client.clone().attend());
            host.spawn(client.fork().look());
            self.working.push(host.spawn(client.work()));
            self.clients.push(host);
        }
        Ok(())
    }

    /// Time passes.
    pub(super) async fn pass(&mut self, time: Duration) -> Result<(), String> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            tokio::time::sleep(TICK).await;
            self.watch().await?;
        }
        Ok(())
    }

    async fn watch(&mut self) -> Result<(), String> {
        self.ticks += 1;
        for number in 0..self.nodes.len() {
            let node = &self.nodes[number];
            if let Some(process) = &node.process
                && let Some(why) = process.has_failed()
            {
                self.story
                    .tell(&format!("node {} has stopped: {why}", node.id));
                self.crash(number, Crash::PowerFailure).await;
            }
        }
        let now = Instant::now();
        let due = self.restarts.iter().filter(|(_, at)| **at <= now);
        let due: Vec<u64> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.restarts.remove(&id);
            self.start(id as usize - 1).await?;
        }
        self.compare()?;
        let panicked = Host::take_panic();
        match panicked.or_else(|| self.witness.violation()) {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// Replicas that have applied the same have the same state, and it obeys its rules.
    fn compare(&mut self) -> Result<(), String> {
        for node in &self.nodes {
            let Some(group) = node.group().filter(|_| self.ticks % 5 == node.id) else {
                continue;
            };
            let machine = group.store().machine();
            let (index, digest) = machine.digest().map_err(|fault| fault.to_string())?;
            let known = *self.digests.entry(index.0).or_insert(digest);
            if known != digest {
                return Err(format!(
                    "node {} has {digest} after entry {}, and another had {known}",
                    node.id, index.0
                ));
            }
            if self.ticks % 50 == node.id {
                rules::state_is_sound(&machine)?;
            }
        }
        Ok(())
    }

    async fn start(&mut self, number: usize) -> Result<(), String> {
        let node = &mut self.nodes[number];
        let id = node.id;
        node.start(&self.network, &self.witness, self.epoch).await?;
        if node.process.is_some() {
            self.story.tell(&format!("node {id} is started"));
        } else {
            self.story
                .tell(&format!("node {id} loses its filesystem while it starts"));
            self.restarts
                .insert(id, Instant::now() + Duration::from_millis(300));
        }
        Ok(())
    }

    /// Ends a node; it comes back.
    pub(super) async fn crash(&mut self, number: usize, how: Crash) {
        let most = *self.random.pick(&[600, 600, 4000]);
        let away = self.random.millis(50, most);
        let node = &mut self.nodes[number];
        node.crash(&self.network, how).await;
        self.story.tell(&format!(
            "node {} ends ({how:?}) for {} ms",
            node.id,
            away.as_millis()
        ));
        self.restarts.insert(node.id, Instant::now() + away);
    }

    /// Nobody may rely on what this session holds any more.
    pub(super) fn give_up(&self, session: SessionId) {
        self.history.give_up(session);
    }

    /// The replica that leads, as far as it knows.
    pub(super) fn leader(&self) -> Option<(usize, Host, Arc<Group>)> {
        self.nodes.iter().enumerate().find_map(|(number, node)| {
            let process = node.process.as_ref()?;
            let leads = process.group.leads() && !process.host.is_stopped();
            leads.then(|| (number, process.host.clone(), Arc::clone(&process.group)))
        })
    }

    /// Everything works again. Then everybody gets answers, and all replicas come to the same state.
    pub(super) async fn heal(&mut self) -> Result<(), String> {
        self.story.tell("everything is healed");
        self.network.join_all();
        self.network.set_weather(Weather::FAIR);
        for host in &self.clients {
            host.go_on();
        }
        for node in &mut self.nodes {
            let mut platter = node.platter.lock();
            platter.sync_micros = (100, 1500);
            platter.is_failing = false;
            drop(platter);
            node.steps_left = None;
            if let Some(process) = &node.process {
                process.host.go_on();
            }
        }
        for at in self.restarts.values_mut() {
            *at = Instant::now();
        }
        self.pass(AFTERMATH).await?;
        self.around.is_ending.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + PROGRESS;
        loop {
            let waiting = self.working.iter().filter(|task| !task.is_finished());
            let waiting = waiting.count();
            let behind = self.behind();
            if waiting == 0 && behind.as_ref().is_some_and(Vec::is_empty) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "no progress: {waiting} clients wait, behind is {behind:?}"
                ));
            }
            self.pass(Duration::from_millis(100)).await?;
        }
    }

    /// The members that have not applied everything; nothing when nobody leads.
    fn behind(&self) -> Option<Vec<u64>> {
        let (_, _, leader) = self.leader()?;
        let members: BTreeSet<u64> = {
            let metrics = leader.raft().metrics();
            let metrics = metrics.borrow_watched();
            let nodes = metrics.membership_config.membership().nodes();
            nodes.map(|(id, _)| *id).collect()
        };
        let last = self.witness.last_committed();
        let behind = self.nodes.iter().filter(|node| {
            let applied = node
                .group()
                .map(|group| group.store().on_applied().borrow().0);
            members.contains(&node.id) && applied != Some(last)
        });
        Some(behind.map(|node| node.id).collect())
    }

    /// Checks what can only be known in the end.
    pub(super) async fn check(&mut self) -> Result<(), String> {
        // Signs of life go on, but nothing more is proposed.
        for host in &self.clients {
            host.kill();
        }
        self.pass(Duration::from_millis(500)).await?;
        let deadline = Instant::now() + PROGRESS;
        while self.behind().is_none_or(|behind| !behind.is_empty()) {
            self.pass(TICK).await?;
            if Instant::now() > deadline {
                return Err("not all is applied in the end".to_owned());
            }
        }
        let Some((_, _, leader)) = self.leader() else {
            return Err("nobody leads in the end".to_owned());
        };
        let machine = leader.store().machine();
        rules::state_is_sound(&machine)?;
        let entries = self.witness.entries();
        let (own, proposals) = self.witness.counts();
        self.story.tell(&format!(
            "{proposals} proposals and {own} entries of Raft, {} changes, {} reads, {} locks held",
            self.history.changes().len(),
            self.history.reads().len(),
            self.history.holds().len()
        ));
        let seen = rules::check(&entries, &self.history, &machine)?;
        self.tally.take_in(&seen);
        for node in &self.nodes {
            node.count_snapshots();
        }
        self.story.tell(&self.tally.told());
        Ok(())
    }
}

pub(super) fn peer(id: u64) -> Peer {
    Peer {
        address: format!("node-{id}"),
    }
}
