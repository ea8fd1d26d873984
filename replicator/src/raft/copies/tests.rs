//! What streams are told, who waits for whom, and that what mounts answer is never older than what others know.

mod random;
mod scene;

use futures_util::FutureExt;
use holdfast_metadata::Query;

use self::scene::{REIGN, Scene, lookup, root};
use super::*;

#[test]
fn whoever_changes_a_directory_knows_it_and_others_ask_again() {
    let mut scene = Scene::new(2);
    for stream in 0..2 {
        scene.ask(stream, &root());
        assert!(scene.kept(stream, &root()).is_some());
    }
    let ino = scene.create(0, "file");
    scene.deliver_all();
    for query in [root(), lookup("file"), Query::Attributes { ino }] {
        let told = scene.machine.query(&query).unwrap();
        assert_eq!(scene.kept(0, &query), Some(told), "{query:?}");
        assert_eq!(scene.kept(1, &query), None, "{query:?}");
    }
    // And is told of them no more.
    scene.create(0, "other");
    assert!(scene.streams[1].is_quiet());
}

#[test]
fn a_directory_that_was_seen_empty_is_known_as_a_whole() {
    let mut scene = Scene::new(1);
    assert!(scene.kept(0, &lookup("missing")).is_none());
    scene.ask(0, &root());
    let missing = scene.machine.query(&lookup("missing")).unwrap();
    assert_eq!(scene.kept(0, &lookup("missing")), Some(missing));
    scene.create(0, "missing");
    scene.deliver_all();
    assert!(scene.kept(0, &lookup("missing")).unwrap().is_ok());
    assert!(scene.kept(0, &lookup("another")).unwrap().is_err());
}

#[tokio::test]
async fn an_answer_waits_until_all_others_have_heard() {
    let mut scene = Scene::after_start().await;
    for stream in 0..2 {
        scene.ask(stream, &root());
    }
    scene.create(0, "file");
    let holders: Vec<_> = scene.holders().cloned().collect();
    let settled = |holder: usize| scene.copies.settled(Some(&holders[holder])).now_or_never();
    assert!(settled(0).is_none(), "the other one has not heard");
    assert!(settled(1).is_none(), "nor has the first, for the other one");
    assert!(scene.copies.settled(None).now_or_never().is_none());
    scene.streams[1].deliver();
    assert!(settled(0).is_some());
    assert!(settled(1).is_none());
    scene.streams[0].deliver();
    assert!(scene.copies.settled(None).now_or_never().is_some());
}

#[test]
fn who_does_not_hear_is_waited_for_as_long_as_its_copies_may_be_used() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for has_ended in [false, true] {
        let mut scene = runtime.block_on(Scene::after_start());
        scene.ask(1, &root());
        let asked = Instant::now();
        scene.streams[1].holder.asked(asked);
        if has_ended {
            scene.streams[1].holder.end();
        }
        scene.create(0, "file");
        let limit = Duration::from_mins(1);
        let settled = scene.copies.settled(Some(&scene.streams[0].holder));
        let settled = runtime.block_on(async { tokio::time::timeout(limit, settled).await });
        assert!(settled.is_ok());
        assert!(asked.elapsed() >= REIGN, "{has_ended}");
        assert!(scene.copies.lease().unwrap() * 11 / 10 < REIGN);
        // Then it is nobody, if its stream is over.
        scene.create(0, "another");
        let left = scene.copies.holders.lock().len();
        assert_eq!(left, if has_ended { 1 } else { 2 });
    }
}

#[test]
fn nothing_is_acknowledged_by_a_process_before_the_copies_of_another_are_old() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let began = Instant::now();
    let copies = Copies::new(REIGN, true);
    runtime.block_on(copies.settled(None));
    assert!(began.elapsed() >= REIGN);
}

#[test]
fn a_stream_that_cannot_be_told_is_ended() {
    let mut scene = Scene::new(2);
    scene.ask(1, &root());
    scene.streams[1].fill();
    scene.create(0, "file");
    assert!(scene.streams[1].is_broken());
    assert!(scene.streams[1].holder.has_ended());
}

#[tokio::test]
async fn before_it_hands_over_a_leader_takes_everything_back() {
    let mut scene = Scene::after_start().await;
    scene.ask(0, &root());
    {
        let closing = scene.copies.close();
        tokio::pin!(closing);
        assert!(closing.as_mut().now_or_never().is_none());
        scene.streams[0].deliver();
        scene.streams[1].deliver();
        closing.await;
    }
    assert_eq!(scene.copies.lease(), None);
    assert_eq!(scene.kept(0, &root()), None);
    scene.ask(0, &root());
    assert_eq!(scene.kept(0, &root()), None, "nothing is given");
    scene.copies.open();
    scene.ask(0, &root());
    assert!(scene.kept(0, &root()).is_some());
    let never = Copies::new(REIGN, false);
    never.open();
    assert_eq!(never.lease(), None);
}
