//! The cluster of one simulation: begins it, and watches it while time passes.

mod ending;
mod replicas;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use holdfast_metadata::SessionId;
use openraft::async_runtime::WatchReceiver;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{Client, Surroundings};
use super::history::History;
use super::host::Host;
use super::network::Network;
use super::node::Node;
use super::platter::Crash;
use super::random::Random;
use super::rules::EqualStates;
use super::story::Story;
use super::tally::Tally;
use super::witness::Witness;
use crate::raft::group::Group;
use crate::raft::type_config::Peer;

/// Nodes, of which the first three vote at first.
pub(super) const NODES: u64 = 5;
const FIRST_VOTERS: u64 = 3;
pub(super) const CLIENTS: u64 = 4;
/// The hosts of clients are numbered from here.
pub(super) const FIRST_CLIENT: u64 = 101;
/// How often the world is looked at.
const TICK: Duration = Duration::from_millis(20);
/// After how many looks states are compared, and checked.
const COMPARED: u64 = 5;
const CHECKED: u64 = 50;

/// One simulation.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) nodes: Vec<Node>,
    pub(super) network: Network,
    pub(super) story: Story,
    pub(super) tally: Tally,
    /// How often clients did what.
    pub(super) done: Tally,
    pub(super) clients: Vec<Host>,
    epoch: Instant,
    _root: TempDir,
    witness: Witness,
    history: History,
    around: Surroundings,
    working: Vec<JoinHandle<()>>,
    /// When nodes are started again.
    restarts: BTreeMap<u64, Instant>,
    states: EqualStates,
    ticks: u64,
    /// Who led when it was last looked.
    leading: Option<usize>,
    /// What becomes of states again and again, to see that it is found.
    pub(super) spoilt: Option<Spoilt>,
    /// How long it took until everybody had answers when all was healed.
    pub(super) healed_in: Duration,
}

/// A state that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    /// That of one node, and sound in itself.
    Of(usize),
    /// Those of all, in the same way.
    OfAll,
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
        let (tally, done) = (Tally::default(), Tally::default());
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
            done: done.clone(),
        };
        World {
            nodes: nodes.collect(),
            random,
            network,
            story,
            tally,
            done,
            clients: Vec::new(),
            epoch,
            _root: root,
            witness,
            history,
            around,
            working: Vec::new(),
            restarts: BTreeMap::new(),
            states: EqualStates::default(),
            ticks: 0,
            leading: None,
            spoilt: None,
            healed_in: Duration::ZERO,
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
            self.working.push(host.spawn(client.companion().work()));
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
        self.tell_who_leads();
        if self.ticks.is_multiple_of(COMPARED) {
            if let Some(Spoilt::Of(number)) = self.spoilt {
                self.nodes[number].spoil(|root| root.atime.seconds += 1);
            }
            self.compare()?;
        }
        if self.ticks.is_multiple_of(CHECKED) {
            if self.spoilt == Some(Spoilt::OfAll) {
                let nodes = self.nodes.iter();
                nodes.for_each(|node| node.spoil(|root| root.nlink += 7));
            }
            self.check_states()?;
        }
        let panicked = Host::take_panic();
        match panicked.or_else(|| self.witness.violation()) {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    fn tell_who_leads(&mut self) {
        let leader = self.leader();
        let leading = leader.as_ref().map(|(number, ..)| *number);
        if leading == self.leading {
            return;
        }
        self.leading = leading;
        match leader {
            Some((number, _, group)) => {
                let term = group.raft().metrics().borrow_watched().current_term;
                let node = number + 1;
                self.story
                    .tell(&format!("node {node} leads in term {term}"));
            }
            None => self.story.tell("nobody leads"),
        }
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
}

pub(super) fn peer(id: u64) -> Peer {
    Peer {
        address: format!("node-{id}"),
    }
}
