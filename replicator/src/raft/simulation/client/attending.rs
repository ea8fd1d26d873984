//! Says all the time that the client lives, and what it has open.

use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_proto::Attended;
use holdfast_proto::news::Body;
use tokio::time::Instant;

use super::Client;
use crate::call::{AnswerBody, CallBody};
use crate::remote::Memory;

/// A parked call is answered after a third of the lease.
const PATIENCE: Duration = Duration::from_millis(2500);
/// The part of a lease that a mount counts on.
const KEPT: (u32, u32) = (9, 10);

impl Client {
    pub(in crate::raft::simulation) async fn attend(mut self) {
        let mut memory = Memory::default();
        loop {
            let (session, is_open) = {
                let seat = self.seat.lock();
                (seat.session, seat.is_open)
            };
            if !is_open {
                self.opened.notified().await;
                continue;
            }
            let said = memory.compose(session);
            let began = Instant::now();
            let body = CallBody::Attend(said.clone());
            let Some(AnswerBody::Attended(attended)) = self.try_once(body, PATIENCE).await else {
                let pause = self.random.millis(20, 200);
                tokio::time::sleep(pause).await;
                continue;
            };
            memory.confirm(&said, (!attended.is_gone).then_some(attended.term));
            if attended.is_gone {
                self.lose(session);
                continue;
            }
            let lease = Duration::from_millis(attended.lease_milliseconds) * KEPT.0 / KEPT.1;
            let until = began + lease;
            let mut seat = self.seat.lock();
            if seat.session != session {
                continue;
            }
            seat.lease_until = Some(until);
            self.around.history.renew(session, until);
            memory.enter(session, attended.term);
            if let Some(number) = attended.news.last().map(|news| news.number) {
                let kept = seat.decide(&orphans(&attended), &mut self.random);
                memory.receive(number);
                memory.decide(session, attended.term, number, kept);
            }
            for closed in seat.close_some(&mut self.random) {
                memory.release(closed);
            }
        }
    }
}

fn orphans(attended: &Attended) -> Vec<InodeId> {
    let asked = attended.news.iter().filter_map(|news| match &news.body {
        Some(Body::Orphaned(ino)) => Some(InodeId::new(*ino)),
        Some(Body::Granted(_)) | None => None,
    });
    asked.collect()
}
