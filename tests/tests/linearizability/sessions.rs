//! The sessions of the mounts of a round: none ends that nobody harms, unless the machine stands still.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_metadata::{SessionId, SessionInfo};
use holdfast_tests::cluster::ClusterMount;
use holdfast_tests::{Cluster, Metronome};

/// The shortest lease of a round.
const LEASE: Duration = Duration::from_secs(3);
/// Who was kept from renewing for so long stood still for that much of it at least.
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

    /// Which other mounts than those have lost their session, and when they got another one, by the clock of the machine.
    #[track_caller]
    pub(crate) fn lost(
        &self,
        cluster: &Cluster,
        meant: &[usize],
    ) -> Vec<(usize, Option<SystemTime>)> {
        let open = open(cluster);
        let others = self.first.iter().enumerate();
        let lost = others.filter_map(|(mount, (process, first))| {
            if meant.contains(&mount) || open.iter().any(|open| open.session == *first) {
                return None;
            }
            let next = of_process(*process, &open);
            Some((mount, next.map(opened)))
        });
        let lost: Vec<_> = lost.collect();
        let stood_still = self.metronome.stood_still(LEASE);
        assert!(
            lost.is_empty() || stood_still >= STANDSTILL,
            "sessions ended by themselves, and the machine stood still for {stood_still:?}: {lost:?}"
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

fn opened(session: &SessionInfo) -> SystemTime {
    let opened = session.opened;
    UNIX_EPOCH + Duration::new(opened.seconds.unsigned_abs(), opened.nanoseconds)
}
