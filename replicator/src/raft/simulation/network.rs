//! The network between simulated hosts: messages are late, lost, doubled, overtaken, or meet a wall.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::host::Host;
use super::random::Random;

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
    weather: Weather,
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
    pub(super) fn new(random: Random) -> Network {
        Network {
            shared: Arc::new(Mutex::new(State {
                random,
                doors: BTreeMap::new(),
                walls: BTreeSet::new(),
                weather: Weather::FAIR,
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

    /// How long the next message takes from one host to another; `None` when it never arrives.
    pub(super) fn way(&self, from: u64, to: u64) -> Option<Duration> {
        let mut state = self.shared.lock();
        let Weather {
            micros, lost, late, ..
        } = state.weather;
        let is_lost = state.random.percent(lost);
        let is_late = state.random.percent(late);
        let takes = state.random.micros(micros.0, micros.1);
        let is_walled = state.walls.contains(&(from, to));
        if is_lost || is_walled {
            return None;
        }
        Some(if is_late { takes * 100 } else { takes })
    }

    /// Whether something in a hundred times happens here.
    pub(super) fn chance(&self, percent: u64) -> bool {
        self.shared.lock().random.percent(percent)
    }

    fn copies(&self) -> usize {
        let mut state = self.shared.lock();
        let doubled = state.weather.doubled;
        1 + usize::from(state.random.percent(doubled))
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
