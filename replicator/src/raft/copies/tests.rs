//! What streams are told, who waits for whom, and that what mounts answer is never older than what others know.

mod random;
mod scene;

use futures_util::FutureExt;
use holdfast_metadata::Query;

use self::scene::{REIGN, Scene, TERM, lookup, root};
use super::*;

#[test]
fn whoever_changes_what_nobody_else_has_knows_it() {
    let mut scene = Scene::new(2);
    scene.ask(0, &root());
    let ino = scene.create(0, "file");
    scene.deliver_all();
    for query in [root(), lookup("file"), Query::Attributes { ino }] {
        let told = scene.machine.query(&query).unwrap();
        assert_eq!(scene.kept(0, &query), Some(told), "{query:?}");
        assert_eq!(scene.kept(1, &query), None, "{query:?}");
    }
}

#[test]
fn nobody_tells_a_change_as_long_as_another_may_tell_what_was_before() {
    let mut scene = Scene::new(3);
    for stream in 0..2 {
        scene.ask(stream, &root());
    }
    let before = scene.kept(1, &root());
    scene.create(0, "file");
    scene.streams[0].deliver();
    assert_eq!(scene.kept(0, &root()), None);
    assert_eq!(scene.kept(1, &root()), before);
    // Who asks meanwhile is answered later.
    scene.ask(2, &root());
    assert_eq!(scene.kept(2, &root()), None);
    scene.deliver_all();
    assert_eq!(scene.kept(1, &root()), None);
    for stream in 0..3 {
        scene.ask(stream, &root());
        let now = scene.machine.query(&root()).unwrap();
        assert_eq!(scene.kept(stream, &root()), Some(now));
    }
    // What is dropped is told of no more.
    scene.create(0, "other");
    scene.deliver_all();
    scene.create(0, "another");
    assert!(scene.streams[1].is_quiet());
}

#[test]
fn what_was_read_before_something_was_told_is_not_given() {
    let mut scene = Scene::new(1);
    let holder = Arc::clone(&scene.streams[0].holder);
    let mut given = None;
    let note = |records| given = scene.copies.note(&holder, records);
    drop(scene.machine.query_and_keep(&root(), note).unwrap());
    scene.create(0, "file");
    scene.copies.give(&holder, given.unwrap());
    scene.deliver_all();
    let now = scene.machine.query(&root()).unwrap();
    assert_eq!(scene.kept(0, &root()), Some(now));
}

#[test]
fn a_stream_that_has_ended_is_not_told_that_it_may_use_its_copies() {
    let scene = Scene::new(1);
    let holder = &scene.streams[0].holder;
    assert!(holder.asked(Instant::now()));
    holder.end();
    assert!(!holder.asked(Instant::now()));
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
        let closing = scene.copies.close(TERM);
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
    scene.create(0, "file");
    scene.deliver_all();
    assert_eq!(scene.kept(0, &root()), None, "nor by its own change");
    scene.copies.enter_term(TERM);
    assert_eq!(scene.copies.lease(), None, "the same term");
    scene.copies.enter_term(TERM + 1);
    scene.ask(0, &root());
    assert!(scene.kept(0, &root()).is_some());
    let never = Copies::new(REIGN, false);
    never.enter_term(TERM);
    assert_eq!(never.lease(), None);
}
