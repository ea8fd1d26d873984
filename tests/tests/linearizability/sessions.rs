//! The sessions of the mounts of a round: none ends that nobody harms, unless the machine stands still.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_metadata::{SessionId, SessionInfo};
use holdfast_tests::cluster::ClusterMount;
use holdfast_tests::{Cluster, Metronome};

/// Who is kept from renewing for a lease was late by more than this, all in all.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Of each mount its process, and the session that it had at first.
pub(crate) struct Sessions {
    first: Vec<(u32, SessionId)>,
    metronome: Metronome,
}

impl Sessions {
    /// Those of mounts that have changed something.
    #[track_caller]
    pub(crate) fn of(cluster: &Cluster, mounts: &[ClusterMount]) -> Sessions {
        let metronome = Metronome::start();
        let open = open(cluster);
        let first = mounts.iter().map(|mount| {
            let session = of_process(mount.pid(), &open).unwrap();
            (mount.pid(), session.session)
        });
        Sessions {
            first: first.collect(),
            metronome,
        }
    }

    /// Which other mounts than those have lost their session, and how long ago they had got another one.
    #[track_caller]
    pub(crate) fn lost(&self, cluster: &Cluster, meant: &[usize]) -> Vec<(usize, Duration)> {
        let open = open(cluster);
        let others = self.first.iter().enumerate();
        let lost = others.filter_map(|(mount, (process, first))| {
            if meant.contains(&mount) || open.iter().any(|open| open.session == *first) {
                return None;
            }
            let next = of_process(*process, &open);
            Some((mount, next.map_or(Duration::ZERO, age)))
        });
        let lost: Vec<_> = lost.collect();
        let stood_still = self.metronome.stalled().excuses(STANDSTILL);
        assert!(
            lost.is_empty() || stood_still >= STANDSTILL,
            "sessions ended by themselves, of mount and before: {lost:?}"
        );
        lost
    }
}

/// The newest session of a process.
pub(crate) fn of_process(process: u32, open: &[SessionInfo]) -> Option<&SessionInfo> {
    let its = open.iter().filter(|open| open.process == process);
    its.max_by_key(|open| open.opened)
}

fn open(cluster: &Cluster) -> Vec<SessionInfo> {
    let client = cluster.client();
    let open = client.sessions();
    client.close();
    open
}

fn age(session: &SessionInfo) -> Duration {
    let opened = session.opened;
    let opened = Duration::new(opened.seconds.unsigned_abs(), opened.nanoseconds);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.saturating_sub(opened)
}
