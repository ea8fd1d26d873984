//! A mount that keeps its session, beside leaders that tell it news.

use std::sync::Arc;

use holdfast_metadata::InodeId;
use holdfast_proto::{Attend, Attended, News, news};
use parking_lot::Mutex;

use super::fixture::{State, options, timing};
use crate::call::testing::{FakeNode, wait_until};
use crate::error::ReplicateError;
use crate::remote::RemoteReplicator;
use crate::replicator::{Attendant, Pending, PosixMetadataReplicator, SharedVolume};
use crate::testing::{block_on, mkdir};

const X: InodeId = InodeId::new(77);

/// Uses these inodes.
struct Uses(Vec<InodeId>);

impl Attendant for Uses {
    fn keep(&self, orphans: Vec<InodeId>) -> Pending<'_, Vec<InodeId>> {
        let kept = orphans.into_iter().filter(|ino| self.0.contains(ino));
        let kept = kept.collect();
        Box::pin(async move { kept })
    }
}

/// What a mount has said, in order.
type Heard = Arc<Mutex<Vec<Attend>>>;

/// Answers what `answer` says, and keeps the mount waiting otherwise.
fn leader(
    state: &State,
    mut answer: impl FnMut(&Attend) -> Option<Attended> + Send + 'static,
) -> (FakeNode, Heard) {
    let node = state.leader();
    let heard = Heard::default();
    let list = Arc::clone(&heard);
    node.set_attendance(move |attend| {
        list.lock().push(attend.clone());
        answer(attend)
    });
    (node, heard)
}

fn mounted(nodes: &[&FakeNode], uses: &[InodeId]) -> RemoteReplicator {
    let replicator = RemoteReplicator::connect_with(options(nodes), timing(), None).unwrap();
    replicator.set_attendant(Arc::new(Uses(uses.to_vec())));
    block_on(replicator.start()).unwrap();
    replicator
}

fn attended(term: u64, news: Vec<News>) -> Attended {
    Attended {
        term,
        lease_milliseconds: 10_000,
        is_gone: false,
        news,
    }
}

fn orphaned(number: u64, ino: u64) -> News {
    News {
        number,
        body: Some(news::Body::Orphaned(ino)),
    }
}

/// Tells of two orphans, and confirms what is said.
fn tells_of_orphans(term: u64) -> impl FnMut(&Attend) -> Option<Attended> {
    move |attend| {
        if attend.term != term {
            return Some(attended(term, vec![orphaned(1, X.get()), orphaned(2, 78)]));
        }
        let is_saying = !attend.held.is_empty() || !attend.released.is_empty();
        is_saying.then(|| attended(term, Vec::new()))
    }
}

fn wait_for(heard: &Heard, what: &str, is_it: impl Fn(&Attend) -> bool) {
    wait_until(what, || heard.lock().iter().any(&is_it));
}

#[test]
fn an_orphan_in_use_is_held_until_it_is_released() {
    let (node, heard) = leader(&State::new(), tells_of_orphans(3));
    let replicator = mounted(&[&node], &[X]);
    wait_for(&heard, "it holds what it uses", |attend| {
        attend.decided == 2 && attend.held == [X.get()]
    });
    assert!(heard.lock().iter().all(|attend| attend.released.is_empty()));
    replicator.release(X);
    wait_for(&heard, "it releases", |attend| attend.released == [X.get()]);
}

#[test]
fn without_an_attendant_nothing_is_in_use() {
    let (node, heard) = leader(&State::new(), tells_of_orphans(3));
    let replicator = RemoteReplicator::connect_with(options(&[&node]), timing(), None).unwrap();
    block_on(replicator.start()).unwrap();
    wait_for(&heard, "it decides", |attend| attend.decided == 2);
    assert!(heard.lock().iter().all(|attend| attend.held.is_empty()));
}

#[test]
fn a_leader_of_another_term_is_told_everything_again() {
    let mut first = tells_of_orphans(3);
    let mut second = tells_of_orphans(4);
    let next = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_next = Arc::clone(&next);
    let (node, heard) = leader(&State::new(), move |attend| {
        if is_next.load(std::sync::atomic::Ordering::SeqCst) {
            second(attend)
        } else {
            first(attend)
        }
    });
    let replicator = mounted(&[&node], &[X]);
    let holds = |term: u64| {
        move |attend: &Attend| attend.term == term && attend.decided == 2 && attend.held == [77]
    };
    wait_for(&heard, "it holds in the first term", holds(3));
    next.store(true, std::sync::atomic::Ordering::SeqCst);
    // Something to say brings the next call about.
    replicator.release(InodeId::new(99));
    wait_for(&heard, "it holds in the second term", holds(4));
}

#[test]
fn a_session_that_is_gone_is_followed_by_another() {
    let (node, _heard) = leader(&State::new(), {
        let mut first = None;
        move |attend| {
            let lost = *first.get_or_insert(attend.session);
            (attend.session == lost).then(|| Attended {
                is_gone: true,
                ..Attended::default()
            })
        }
    });
    let replicator = mounted(&[&node], &[]);
    wait_until("the next epoch", || replicator.epoch() == 2);
    let lost = block_on(replicator.replicate_in(1, mkdir("a")));
    assert_eq!(lost, Err(ReplicateError::SessionLost));
    assert!(
        block_on(replicator.replicate_in(2, mkdir("a")))
            .unwrap()
            .is_ok()
    );
    assert!(block_on(replicator.replicate(mkdir("b"))).unwrap().is_ok());
}

#[test]
fn a_mount_with_much_to_say_is_heard_all_the_same() {
    let (node, heard) = leader(&State::new(), tells_of_orphans(3));
    let replicator = mounted(&[&node], &[]);
    wait_until("it is heard ten times", || {
        replicator.release(X);
        heard.lock().len() >= 10
    });
}
