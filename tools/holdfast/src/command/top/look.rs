//! What the nodes say at one moment, and what was done between two.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use holdfast_proto::session_admin_client::SessionAdminClient;
use holdfast_proto::{
    GroupStatus, ListSessionsRequest, LocateDirectoriesRequest, SessionStatus, StatusResponse,
};
use holdfast_replicator::Rates;
use serde::Serialize;
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::cluster::{Cluster, Heard, nobody, request};
use crate::command::{session, status};
use crate::picture::{
    self, DirectoryPicture, LoadPicture, OperationPicture, Picture, SessionPicture,
};

/// Counted up when a field of `--json` changes its meaning or goes away.
const VERSION: u32 = 1;

/// How long a node that has told how it is may take for more.
const PATIENCE: Duration = Duration::from_secs(3);

/// What all nodes said.
#[derive(Debug)]
pub(super) struct Look {
    at: Instant,
    heard: Vec<Heard>,
    /// To those that lead something, by their addresses.
    channels: BTreeMap<String, Channel>,
    /// By volume, as its leader says.
    sessions: Vec<(u64, SessionStatus)>,
}

impl Look {
    /// Asks all nodes; fails when none answers.
    pub(super) async fn take(cluster: &Cluster) -> anyhow::Result<Look> {
        let heard = cluster.statuses().await;
        if heard.iter().all(|one| one.status.is_err()) {
            return Err(nobody(&heard));
        }
        let mut look = Look {
            at: Instant::now(),
            heard,
            channels: BTreeMap::new(),
            sessions: Vec::new(),
        };
        look.channels = look.connect(cluster)?;
        look.sessions = look.ask_sessions().await;
        Ok(look)
    }

    /// To each address once; it connects when it is used.
    fn connect(&self, cluster: &Cluster) -> anyhow::Result<BTreeMap<String, Channel>> {
        let addresses: BTreeSet<&str> = self.led().map(|(address, _)| address).collect();
        let channels = addresses.into_iter();
        channels
            .map(|address| Ok((address.to_owned(), cluster.channel(address)?)))
            .collect()
    }

    async fn ask_sessions(&self) -> Vec<(u64, SessionStatus)> {
        let leaders = self.leaders().filter(|(_, group)| group.sessions > 0);
        // At the same time: one that is away takes as long as it may.
        let asked = leaders.map(async |(mut client, group)| {
            let volume = group.name.clone();
            let asked = client.list_sessions(request(ListSessionsRequest { volume }));
            // The leader may have gone meanwhile, or may not tell us: there is the next look.
            let listed = timeout(PATIENCE, asked).await.ok()?.ok()?;
            Some((group.group, listed.into_inner().sessions))
        });
        let listed = join_all(asked).await.into_iter().flatten();
        listed
            .flat_map(|(group, sessions)| sessions.into_iter().map(move |session| (group, session)))
            .collect()
    }

    /// The volumes and the catalog, and where the node is that leads each.
    fn led(&self) -> impl Iterator<Item = (&str, &GroupStatus)> {
        self.heard.iter().flat_map(|one| {
            let groups = one.status.iter().flat_map(|status| &status.groups);
            let led = groups.filter(|group| group.role == "leader");
            led.map(|group| (one.address.as_str(), group))
        })
    }

    /// The same, to be asked.
    fn leaders(&self) -> impl Iterator<Item = (SessionAdminClient<Channel>, &GroupStatus)> {
        self.led().filter_map(|(address, group)| {
            let channel = self.channels.get(address)?;
            Some((SessionAdminClient::new(channel.clone()), group))
        })
    }

    fn statuses(&self) -> impl Iterator<Item = &StatusResponse> {
        self.heard.iter().filter_map(|one| one.status.as_ref().ok())
    }
}

/// What is shown.
#[derive(Debug, Serialize)]
pub(super) struct View {
    version: u32,
    pub(super) health: &'static str,
    pub(super) complaints: Vec<String>,
    #[serde(flatten)]
    pub(super) picture: Picture,
    pub(super) milliseconds: u64,
    pub(super) changes: LoadPicture,
    pub(super) reads: LoadPicture,
    pub(super) operations: Vec<OperationPicture>,
    pub(super) directories: Vec<DirectoryPicture>,
    pub(super) sessions: Vec<SessionPicture>,
}

impl View {
    /// Looks once more: what was done since the look before, which the new one replaces.
    pub(super) async fn next(cluster: &Cluster, before: &mut Look) -> anyhow::Result<View> {
        let now = Look::take(cluster).await?;
        let mut view = View::between(before, &now);
        view.locate(&now).await;
        *before = now;
        Ok(view)
    }

    /// As of the second look, with what was done since the first. A node that answered only one of them adds nothing.
    fn between(before: &Look, now: &Look) -> View {
        let mut rates = Rates::default();
        for status in now.statuses() {
            if let Some(known) = before.statuses().find(|known| known.node == status.node) {
                rates.add(&Rates::between(known, status));
            }
        }
        let picture = Picture::new(&now.heard);
        let health = status::health(&now.heard);
        let elapsed = now.at.saturating_duration_since(before.at);
        let sessions = now.sessions.iter();
        let sessions = sessions.map(|(volume, info)| SessionPicture {
            volume: picture.group_name(*volume).to_owned(),
            session: session::name(info.session),
            host: info.host.clone(),
            process: info.process,
            version: info.version.clone(),
            mountpoint: info.mountpoint.clone(),
            opened: info.opened_seconds,
            silent_milliseconds: Some(info.silent_milliseconds),
            calls: rates.sessions.get(&(*volume, info.session)).copied(),
        });
        View {
            version: VERSION,
            health: health.word(),
            complaints: health.complaints,
            milliseconds: (elapsed.as_millis() as u64).max(1),
            changes: LoadPicture::of(&rates.total(true)),
            reads: LoadPicture::of(&rates.total(false)),
            operations: picture::operations(&rates, &picture),
            directories: picture::directories(&rates, &picture),
            sessions: sessions.collect(),
            picture,
        }
    }

    /// Asks the leaders where the directories are. Which are not told keep their numbers.
    async fn locate(&mut self, now: &Look) {
        let asked = now.leaders().map(async |(mut client, group)| {
            let here = self.directories.iter();
            let here = here.filter(|one| one.volume == group.name);
            let directories: Vec<u64> = here.filter_map(|one| one.inode.parse().ok()).collect();
            if directories.is_empty() {
                return None;
            }
            let volume = group.name.clone();
            let asked = client.locate_directories(request(LocateDirectoriesRequest {
                volume,
                directories,
            }));
            // A node of an earlier version does not know.
            let located = timeout(PATIENCE, asked).await.ok()?.ok()?;
            Some((&group.name, located.into_inner().paths))
        });
        for (volume, paths) in join_all(asked).await.into_iter().flatten() {
            let directories = self.directories.iter_mut();
            let here = directories.filter(|one| one.volume == *volume);
            for (directory, path) in here.zip(paths) {
                let path = String::from_utf8_lossy(&path).into_owned();
                directory.path = (!path.is_empty()).then_some(path);
            }
        }
    }

    /// So many a second, in tenths.
    pub(super) fn tenths_a_second(&self, count: u64) -> u64 {
        let tenths = u128::from(count) * 10_000 / u128::from(self.milliseconds.max(1));
        u64::try_from(tenths).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Duration;

    use holdfast_proto::{
        DirectoryActivity, GroupActivity, NodeRole, NodeStatus, OperationActivity, PeerProgress,
        SessionActivity, Space,
    };

    use super::*;

    fn operation(name: &str, is_change: bool, count: u64) -> OperationActivity {
        OperationActivity {
            operation: name.to_owned(),
            is_change,
            buckets: vec![count, 0],
            micros: count * 400,
        }
    }

    fn activity(done: u64) -> GroupActivity {
        GroupActivity {
            operations: vec![
                operation("mkdir", true, done),
                operation("lookup", false, done * 10),
            ],
            sessions: vec![SessionActivity {
                session: 0xab,
                calls: done * 11,
            }],
            directories: vec![DirectoryActivity {
                directory: 1,
                calls: done * 8,
            }],
            bounds_micros: vec![1000],
        }
    }

    fn look(at: Instant, uptime: u64, done: u64) -> Look {
        let peer = |node, matched_index| PeerProgress {
            node,
            matched_index,
            silent_milliseconds: 0,
        };
        let group = GroupStatus {
            group: 1,
            name: "home".to_owned(),
            role: "leader".to_owned(),
            leader: 1,
            term: 7,
            last_log_index: 100,
            voters: vec![1, 2],
            sessions: 1,
            peers: vec![peer(2, 58)],
            activity: Some(activity(done)),
            ..GroupStatus::default()
        };
        let record = |id| NodeStatus {
            id,
            address: format!("node{id}:1"),
            role: NodeRole::Voter.into(),
        };
        let status = StatusResponse {
            node: 1,
            address: "node1:1".to_owned(),
            version: "0.1.0".to_owned(),
            uptime_seconds: uptime,
            groups: vec![group],
            nodes: vec![record(1), record(2)],
            space: Some(Space {
                total: 4 << 30,
                available: 3 << 30,
                reserve: 0,
            }),
            ..StatusResponse::default()
        };
        let session = SessionStatus {
            session: 0xab,
            host: "web\u{1b}[31m-1".to_owned(),
            process: 4242,
            mountpoint: "/mnt/home".to_owned(),
            ..SessionStatus::default()
        };
        let heard = |address: &str, status| Heard {
            address: address.to_owned(),
            status,
        };
        Look {
            at,
            heard: vec![
                heard("node1:1", Ok(status)),
                heard("node2:1", Err("Connection refused".to_owned())),
            ],
            channels: BTreeMap::new(),
            sessions: vec![(1, session)],
        }
    }

    /// 20 mkdir and 200 lookups in two seconds, by one mount; the second node is away.
    pub(in crate::command::top) fn view() -> View {
        let began = Instant::now();
        let later = began + Duration::from_secs(2);
        View::between(&look(began, 10, 5), &look(later, 12, 25))
    }

    /// The same with thirty of each, of different names.
    pub(in crate::command::top) fn busy_view() -> View {
        let mut view = view();
        let (operation, session) = (view.operations.remove(0), view.sessions.remove(0));
        let directory = view.directories.remove(0);
        for number in 0..30 {
            let mut operation = operation.clone();
            operation.operation = format!("operation{number:02}");
            view.operations.push(operation);
            let mut directory = directory.clone();
            directory.path = Some(format!("/srv/{number}"));
            view.directories.push(directory);
            let mut session = session.clone();
            session.host = format!("host{number}");
            view.sessions.push(session);
        }
        view
    }

    #[test]
    fn what_was_done_between_two_looks_is_shown_by_operation_and_by_mount() {
        let view = view();
        assert_eq!(view.milliseconds, 2000);
        assert_eq!((view.changes.count, view.reads.count), (20, 200));
        assert_eq!(view.tenths_a_second(view.changes.count), 100);
        assert_eq!(view.sessions[0].calls, Some(220));
        assert_eq!(view.directories[0].calls, 160);
        assert_eq!(view.health, "degraded");
        assert_eq!(view.picture.groups[0].replicas[1].lag, Some(42));
    }

    #[test]
    fn leaders_that_stand_still_are_waited_for_together() {
        let listen = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listeners: Vec<TcpListener> = (0..2).map(listen).collect();
        let addresses = listeners.iter().map(TcpListener::local_addr);
        let addresses: Vec<String> = addresses.map(|one| one.unwrap().to_string()).collect();
        let mut still = look(Instant::now(), 1, 1);
        let group = still.led().next().unwrap().1.clone();
        still.heard = addresses
            .iter()
            .map(|address| Heard {
                address: address.clone(),
                status: Ok(StatusResponse {
                    groups: vec![group.clone(), group.clone()],
                    ..StatusResponse::default()
                }),
            })
            .collect();
        let cluster = Cluster::new(addresses, None).unwrap();
        let begun = Instant::now();
        let sessions = cluster.run(async {
            still.channels = still.connect(&cluster).unwrap();
            still.ask_sessions().await
        });
        assert!(sessions.is_empty());
        assert_eq!(still.channels.len(), 2);
        assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", begun.elapsed());
    }

    #[test]
    fn the_json_has_a_version_and_the_fields_of_the_page() {
        let json = serde_json::to_value(view()).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["nodes"][1]["error"], "Connection refused");
        assert_eq!(json["groups"][0]["leader"], 1);
        assert_eq!(json["operations"][1]["operation"], "mkdir");
        assert_eq!(json["changes"]["count"], 20);
    }
}
