//! The data of the page: what `docs/operations/monitoring.md` says is in `/api/overview.json`.

use holdfast_metadata::{LockMode, LockSpace};
use holdfast_replicator::{Load, Overview, Rates, Sample, VolumeMounts};
use serde_json::{Value, json};

use crate::cluster::Heard;
use crate::command::{session, status};
use crate::picture::{self, Picture, SessionPicture};

/// Counted up when a field changes its meaning or goes away.
const VERSION: u32 = 1;
/// What is said of a node before the first round has ended.
const NOT_ASKED: &str = "not asked yet";

/// Numbers that a browser could not hold (sessions, inodes, ends of ranges) are text.
pub(super) fn json(seen: &Overview) -> Value {
    let heard = heard(seen);
    let picture = Picture::new(&heard);
    let health = status::health(&heard);
    json!({
        "version": VERSION,
        "now": seen.now,
        "node": seen.own.node,
        "cluster": status::cluster_id(&seen.own),
        "program": seen.own.version,
        "health": health.word(),
        "complaints": health.complaints,
        "nodes": picture.nodes,
        "silent": silences(seen),
        "groups": picture.groups,
        "interval_seconds": seen.interval.as_secs(),
        "samples": seen.samples.iter().map(sample).collect::<Vec<Value>>(),
        "operations_seconds": seen.rates_seconds,
        "operations": picture::operations(&seen.rates, &picture),
        "directories": picture::directories(&seen.rates, &picture),
        "sessions": seen.mounts.iter().flat_map(|mounts| sessions(mounts, &seen.rates, &picture)).collect::<Vec<_>>(),
        "sessions_left_out": seen.mounts.iter().map(|mounts| mounts.sessions_left_out).sum::<usize>(),
        "locks": seen.mounts.iter().flat_map(|mounts| locks(mounts, &picture)).collect::<Vec<Value>>(),
        "are_locks_left_out": seen.mounts.iter().any(|mounts| mounts.are_locks_left_out),
        "events": seen.events.iter().map(|event| json!({
            "at": event.at, "kind": event.kind, "text": event.text,
        })).collect::<Vec<Value>>(),
    })
}

/// Who answered, as `holdfast status` would have heard it.
fn heard(seen: &Overview) -> Vec<Heard> {
    let own = Heard {
        address: seen.own.address.clone(),
        status: Ok(seen.own.clone()),
    };
    let others = seen.neighbours.iter().map(|node| Heard {
        address: node.address.clone(),
        status: match (&node.silence, &node.status) {
            (Some(silence), _) => Err(silence.reason.clone()),
            (None, Some((status, _))) => Ok(status.clone()),
            (None, None) => Err(NOT_ASKED.to_owned()),
        },
    });
    let mut heard: Vec<Heard> = std::iter::once(own).chain(others).collect();
    heard.sort_by_key(|one| one.status.as_ref().map_or(u64::MAX, |status| status.node));
    heard
}

fn silences(seen: &Overview) -> Vec<Value> {
    let silent = seen.neighbours.iter().filter_map(|node| {
        let silence = node.silence.as_ref()?;
        Some(json!({
            "node": node.id,
            "since": silence.since,
            "reason": silence.reason,
        }))
    });
    silent.collect()
}

fn sample(sample: &Sample) -> Value {
    json!({
        "at": sample.at,
        "seconds": sample.seconds,
        "nodes": sample.nodes,
        "answered": sample.answered,
        "lag": sample.lag,
        "changes": load(&sample.changes),
        "reads": load(&sample.reads),
    })
}

fn load(load: &Load) -> Value {
    json!({
        "count": load.count,
        "median_micros": load.median.map(|time| time.as_micros() as u64),
        "p99_micros": load.slow.map(|time| time.as_micros() as u64),
    })
}

fn sessions(mounts: &VolumeMounts, rates: &Rates, picture: &Picture) -> Vec<SessionPicture> {
    let sessions = mounts.sessions.iter();
    let pictures = sessions.map(|(info, silence)| SessionPicture {
        volume: picture.group_name(mounts.volume).to_owned(),
        session: session::name(info.session.0),
        host: info.host.clone(),
        process: info.process,
        version: info.version.clone(),
        mountpoint: info.mountpoint.clone(),
        opened: info.opened.seconds,
        silent_milliseconds: silence.map(|silence| silence.as_millis() as u64),
        calls: rates
            .sessions
            .get(&(mounts.volume, info.session.0))
            .copied(),
    });
    pictures.collect()
}

fn locks<'a>(mounts: &'a VolumeMounts, picture: &'a Picture) -> impl Iterator<Item = Value> + 'a {
    mounts.locks.iter().map(move |lock| {
        let mut sessions = mounts.sessions.iter();
        let owner = sessions.find(|(info, _)| info.session == lock.session);
        let is_flock = lock.space == LockSpace::Flock;
        json!({
            "volume": picture.group_name(mounts.volume),
            "inode": lock.ino.get().to_string(),
            "kind": if is_flock { "flock" } else { "fcntl" },
            "is_exclusive": lock.mode == LockMode::Exclusive,
            "is_waiting": lock.waiting,
            "session": session::name(lock.session.0),
            "host": owner.map(|(info, _)| &info.host),
            "process": lock.process,
            "start": lock.range.start.to_string(),
            "end": (lock.range.end != u64::MAX).then(|| lock.range.end.to_string()),
            "since": lock.since.seconds,
        })
    })
}
