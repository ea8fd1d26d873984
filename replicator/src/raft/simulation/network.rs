//! The network between simulated hosts: messages are late, lost, doubled, overtaken, or meet a wall.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::host::Host;
use super::random::Random;
use super::tally::Tally;
use super::world::NODES;

/// Clones are the same network.
#[derive(Clone)]
pub(super) struct Network {
    shared: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    /// The processes that listen, by the number of their host.
    doors: BTreeMap<u64, Door>,
    /// Nothing comes from the first to the second.
    walls: BTreeSet<(u64, u64)>,
    /// Until then this node and the others do not hear each other; clients hear both.
    cut_off: Option<(u64, Instant)>,
    weather: Weather,
    /// When the last message on each way will have arrived.
    latest: BTreeMap<(u64, u64), Instant>,
    tally: Tally,
}

/// How the network is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// How long a message takes, in microseconds.
    pub(super) micros: (u64, u64),
    /// In a hundred messages.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// These take a hundred times as long.
    pub(super) late: u64,
}

impl Weather {
    pub(super) const FAIR: Weather = Weather {
        micros: (200, 2500),
        lost: 0,
        doubled: 0,
        late: 0,
    };
}

impl State {
    fn is_cut_off(&self, from: u64, to: u64) -> bool {
        self.cut_off.is_some_and(|(node, until)| {
            let is_between_nodes = from.max(to) <= NODES;
            is_between_nodes && [from, to].contains(&node) && Instant::now() < until
        })
    }
}

/// Where a process is reached.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) host: Host,
    pub(super) service: Arc<super::service::Service>,
}

/// Why no answer came: the other side is not there, or went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reset;

impl Network {
    pub(super) fn new(random: Random, tally: Tally) -> Network {
        Network {
            shared: Arc::new(Mutex::new(State {
                random,
                doors: BTreeMap::new(),
                walls: BTreeSet::new(),
                cut_off: None,
                weather: Weather::FAIR,
                latest: BTreeMap::new(),
                tally,
            })),
        }
    }

    pub(super) fn listen(&self, host: u64, door: Door) {
        self.shared.lock().doors.insert(host, door);
    }

    pub(super) fn close(&self, host: u64) {
        self.shared.lock().doors.remove(&host);
    }

    pub(super) fn door(&self, host: u64) -> Option<Door> {
        self.shared.lock().doors.get(&host).cloned()
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.shared.lock().weather = weather;
    }

    pub(super) fn wall(&self, from: u64, to: u64) {
        self.shared.lock().walls.insert((from, to));
    }

    pub(super) fn remove_walls(&self) {
        self.shared.lock().walls.clear();
    }

    /// No node hears this one for so long, whatever becomes of walls.
    pub(super) fn cut_off(&self, node: u64, time: Duration) {
        self.shared.lock().cut_off = Some((node, Instant::now() + time));
    }

    pub(super) fn join_all(&self) {
        let mut state = self.shared.lock();
        state.walls.clear();
        state.cut_off = None;
    }

    /// How long the next message takes from one host to another; `None` when it never arrives.
    pub(super) fn way(&self, from: u64, to: u64) -> Option<Duration> {
        let mut state = self.shared.lock();
        let Weather {
            micros, lost, late, ..
        } = state.weather;
        let is_lost = state.random.percent(lost);
        let is_late = state.random.percent(late);
        let takes = state.random.micros(micros.0, micros.1);
        let is_walled = state.walls.contains(&(from, to)) || state.is_cut_off(from, to);
        if is_walled {
            state.tally.count("messages at a wall");
            return None;
        }
        if is_lost {
            state.tally.count("lost");
            return None;
        }
        if is_late {
            state.tally.count("late");
        }
        let takes = if is_late { takes * 100 } else { takes };
        let arrives = Instant::now() + takes;
        let latest = state.latest.entry((from, to)).or_insert(arrives);
        let is_overtaking = arrives < *latest;
        *latest = arrives.max(*latest);
        if is_overtaking {
            state.tally.count("overtaking");
        }
        Some(takes)
    }

    /// Something happened here.
    pub(super) fn count(&self, what: &'static str) {
        self.shared.lock().tally.count(what);
    }

    /// Whether something in a hundred times happens here.
    pub(super) fn chance(&self, percent: u64) -> bool {
        self.shared.lock().random.percent(percent)
    }

    fn copies(&self) -> usize {
        let mut state = self.shared.lock();
        let doubled = state.weather.doubled;
        let is_doubled = state.random.percent(doubled);
        if is_doubled {
            state.tally.count("doubled");
        }
        1 + usize::from(is_doubled)
    }

    /// Asks a process. Never ends when the question or the answer is lost: whoever asks has patience or not.
    pub(super) async fn ask<T, F, H>(&self, from: u64, to: u64, handle: H) -> Result<T, Reset>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
        H: Fn(Arc<super::service::Service>) -> F + Clone + Send + 'static,
    {
        let (answers, mut answer) = mpsc::unbounded_channel();
        for _ in 0..self.copies() {
            let (network, answers, handle) = (self.clone(), answers.clone(), handle.clone());
            // Of the network itself: it goes on when who sent it is stopped.
            tokio::spawn(async move {
                let Some(takes) = network.way(from, to) else {
                    return;
                };
                tokio::time::sleep(takes).await;
                let result = match network.door(to) {
                    Some(door) => {
                        let work = handle(door.service);
                        door.host.spawn(work).await.map_err(|_| Reset)
                    }
                    None => Err(Reset),
                };
                let Some(takes) = network.way(to, from) else {
                    return;
                };
                tokio::time::sleep(takes).await;
                // Whoever asked may not wait any more.
                answers.send(result).ok();
            });
        }
        drop(answers);
        match answer.recv().await {
            Some(result) => result,
            // Lost.
            None => std::future::pending().await,
        }
    }
}
