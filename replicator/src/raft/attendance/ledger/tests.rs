//! The memory of a leader, step by step.

use super::*;

const LEASE: Duration = Duration::from_secs(10);
const TERM: u64 = 5;
const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);
const X: InodeId = InodeId::new(77);

struct Scene {
    ledger: Ledger,
    began: Instant,
}

impl Scene {
    fn with(sessions: &[SessionId]) -> Scene {
        let began = Instant::now();
        let mut ledger = Ledger::new(TERM, LEASE);
        for session in sessions {
            ledger.found(*session, began);
        }
        Scene { ledger, began }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.began + Duration::from_secs(seconds)
    }

    fn says(&mut self, session: SessionId, decided: u64, held: &[InodeId], released: &[InodeId]) {
        let attend = Attend {
            session: session.0,
            term: TERM,
            received: decided,
            decided,
            held: held.iter().map(|ino| ino.get()).collect(),
            released: released.iter().map(|ino| ino.get()).collect(),
            saying: 0,
        };
        assert!(self.ledger.heard(&attend, self.began));
    }

    fn reclaimable(&mut self) -> Vec<InodeId> {
        self.ledger.take_reclaimable(100)
    }
}

#[test]
fn an_orphan_is_reclaimed_when_every_session_has_said_that_it_is_closed() {
    let mut scene = Scene::with(&[A, B]);
    scene.ledger.orphaned(X);
    assert_eq!(scene.reclaimable(), []);
    scene.says(A, 1, &[], &[]);
    assert_eq!(scene.reclaimable(), [], "B has not answered");
    scene.says(B, 1, &[], &[]);
    assert_eq!(scene.reclaimable(), [X]);
    assert_eq!(scene.reclaimable(), [], "given out once");
}

#[test]
fn what_was_said_to_another_leader_of_the_same_term_is_not_about_the_news_of_this_one() {
    let began = Instant::now();
    let mut ledger = Ledger::new(TERM, LEASE).led_by(2);
    ledger.found(A, began);
    ledger.orphaned(X);
    let mut says = |reign: u64| {
        let attend = Attend {
            session: A.0,
            term: reign,
            received: 1,
            decided: 1,
            ..Attend::default()
        };
        assert!(ledger.heard(&attend, began));
        ledger.take_reclaimable(100)
    };
    assert_eq!(says(Ledger::new(TERM, LEASE).led_by(3).reign()), []);
    assert_eq!(says(Ledger::new(TERM, LEASE).led_by(2).reign()), [X]);
}

#[test]
fn an_orphan_that_is_open_somewhere_stays_until_it_is_released() {
    let mut scene = Scene::with(&[A, B]);
    scene.ledger.orphaned(X);
    scene.says(A, 1, &[X], &[]);
    scene.says(B, 1, &[X], &[]);
    scene.says(B, 1, &[], &[X]);
    assert_eq!(scene.reclaimable(), [], "A has it open");
    scene.says(A, 1, &[], &[X]);
    assert_eq!(scene.reclaimable(), [X]);
}

#[test]
fn a_session_that_releases_before_the_others_have_answered_holds_nothing_back() {
    let mut scene = Scene::with(&[A, B]);
    scene.ledger.orphaned(X);
    scene.says(A, 1, &[X], &[]);
    scene.says(A, 1, &[], &[X]);
    assert_eq!(scene.reclaimable(), [], "B has not answered");
    scene.says(B, 1, &[], &[]);
    assert_eq!(scene.reclaimable(), [X]);
}

#[test]
fn what_was_said_before_and_comes_late_is_not_minded() {
    let mut scene = Scene::with(&[A]);
    scene.ledger.orphaned(X);
    let holds = Attend {
        session: A.0,
        term: TERM,
        received: 1,
        decided: 1,
        held: vec![X.get()],
        saying: 1,
        ..Attend::default()
    };
    let closed = Attend {
        held: Vec::new(),
        released: vec![X.get()],
        saying: 2,
        ..holds.clone()
    };
    for attend in [&holds, &closed, &holds] {
        assert!(scene.ledger.heard(attend, scene.at(1)));
    }
    assert_eq!(scene.reclaimable(), [X]);
    scene.ledger.orphaned(InodeId::new(78));
    let after = scene.at(9);
    assert!(scene.ledger.heard(&holds, after));
    assert_eq!(
        scene.ledger.silence(A, after),
        Some(Duration::ZERO),
        "it lives"
    );
}

#[test]
fn the_end_of_a_session_closes_what_it_had_open_and_answers_for_it() {
    let mut scene = Scene::with(&[A, B]);
    scene.ledger.orphaned(X);
    scene.says(A, 1, &[X], &[]);
    scene.says(B, 1, &[], &[]);
    scene.ledger.orphaned(InodeId::new(78));
    scene.says(B, 2, &[], &[]);
    scene.ledger.ended(A);
    assert_eq!(scene.reclaimable(), [X, InodeId::new(78)]);
}

#[test]
fn without_sessions_orphans_are_reclaimed_at_once() {
    let mut scene = Scene::with(&[]);
    scene.ledger.orphaned(X);
    assert_eq!(scene.reclaimable(), [X]);
}

#[test]
fn a_session_that_came_later_is_not_waited_for() {
    let mut scene = Scene::with(&[A]);
    scene.ledger.orphaned(X);
    let now = scene.at(1);
    scene.ledger.opened(B, now);
    scene.says(A, 1, &[], &[]);
    assert_eq!(scene.reclaimable(), [X]);
}

#[test]
fn what_is_said_of_another_term_counts_as_a_sign_of_life_only() {
    let mut scene = Scene::with(&[A]);
    scene.ledger.orphaned(X);
    let attend = Attend {
        session: A.0,
        term: TERM - 1,
        decided: 1,
        ..Attend::default()
    };
    let now = scene.at(9);
    assert!(scene.ledger.heard(&attend, now));
    assert_eq!(scene.reclaimable(), []);
    assert_eq!(scene.ledger.expired(scene.at(18)), []);
    assert_eq!(scene.ledger.expired(scene.at(19)), [A]);
}

#[test]
fn a_leader_that_did_not_listen_ends_nobody() {
    let mut scene = Scene::with(&[A]);
    let late = scene.at(60);
    assert_eq!(scene.ledger.expired(late), [A]);
    scene.ledger.renew_all(late);
    assert_eq!(scene.ledger.expired(late), []);
}

#[test]
fn a_grant_is_told_to_its_session_only_and_until_it_has_arrived() {
    let mut scene = Scene::with(&[A, B]);
    scene.ledger.granted(A, X, 9);
    scene.ledger.orphaned(X);
    let numbers = |news: Vec<News>| news.iter().map(|news| news.number).collect::<Vec<_>>();
    assert_eq!(numbers(scene.ledger.news_for(A, 0)), [1, 2]);
    assert_eq!(numbers(scene.ledger.news_for(A, 1)), [2]);
    assert_eq!(numbers(scene.ledger.news_for(B, 0)), [2]);
}

#[test]
fn what_others_were_granted_is_not_kept_for_a_session_that_is_told_nothing() {
    let mut scene = Scene::with(&[A, B]);
    for sequence in 0..1000 {
        scene.ledger.granted(A, X, sequence);
        let last = scene.ledger.last_number;
        scene.says(A, last, &[], &[]);
    }
    assert_eq!(scene.ledger.news_for(A, 0), []);
    assert_eq!(scene.ledger.news_for(B, 0), []);
    assert_eq!(scene.ledger.orphans.len(), 0);
}

#[test]
fn a_session_that_was_heard_meanwhile_is_not_ended() {
    let mut scene = Scene::with(&[A, B]);
    let late = scene.at(10);
    assert_eq!(scene.ledger.expired(late), [A, B]);
    let attend = Attend {
        session: B.0,
        ..Attend::default()
    };
    assert!(scene.ledger.heard(&attend, late));
    assert!(scene.ledger.begin_to_end(A, late));
    assert!(scene.ledger.is_ending(A));
    assert!(!scene.ledger.begin_to_end(B, late));
    assert!(!scene.ledger.is_ending(B));
}

#[test]
fn a_session_whose_end_was_proposed_is_proposed_until_it_has_ended() {
    let mut scene = Scene::with(&[A]);
    let late = scene.at(10);
    assert!(scene.ledger.begin_to_end(A, late));
    // The outcome is unknown, and this process was stopped meanwhile.
    scene.ledger.renew_all(late);
    assert_eq!(scene.ledger.expired(late), [A]);
    assert!(scene.ledger.begin_to_end(A, late));
    scene.ledger.ended(A);
    assert_eq!(scene.ledger.expired(late), []);
}

#[test]
fn a_session_nobody_knows_is_not_heard() {
    let mut scene = Scene::with(&[A]);
    let attend = Attend {
        session: B.0,
        ..Attend::default()
    };
    let now = scene.began;
    assert!(!scene.ledger.heard(&attend, now));
}
