//! The calls of a mount: asked again until they are answered, as `remote/asking.rs` does.

use std::time::Duration;

use holdfast_metadata::{PosixError, Reply};

use super::clock::MILLISECOND;
use super::messages::{Answer, Body, Call, Refused};
use super::mount::{Asking, PATIENCE, Who};
use super::world::{Event, MountStep, NodeStep, World};

impl World {
    pub(super) fn ask(&mut self, mount: usize, body: Body, who: Who) -> u64 {
        let call = self.fresh();
        self.tell(|| format!("mount {mount} asks {call}: {body}"));
        self.send_call(mount, call, &body);
        self.mounts[mount].asking.insert(call, Asking { body, who });
        let patience = Duration::from_millis(self.random.between(2000, 6000));
        self.mount_at(mount, patience, MountStep::Impatient { call });
        call
    }

    pub(super) fn send_call(&mut self, mount: usize, id: u64, body: &Body) {
        let node = self.mounts[mount].guess;
        let body = body.clone();
        let arrives = NodeStep::Arrives(Call { id, mount, body });
        self.send(mount, &Event::Node(node, arrives));
    }

    fn next_node(&mut self, mount: usize, hint: Option<usize>) {
        let next = (self.mounts[mount].guess + 1) % self.nodes.len();
        self.mounts[mount].guess = hint.unwrap_or(next);
    }

    pub(super) fn impatient(&mut self, mount: usize, call: u64) {
        let own = &self.mounts[mount];
        let is_attend = own.attending.as_ref().is_some_and(|own| own.call == call);
        if is_attend || own.asking.contains_key(&call) {
            self.next_node(mount, None);
            self.again(mount, call);
        }
    }

    /// The same once more.
    pub(super) fn again(&mut self, mount: usize, call: u64) {
        if let Some(Asking { body, who }) = self.mounts[mount].asking.remove(&call) {
            let was_arrival = self.mounts[mount].arrivals.remove(&call);
            let next = self.ask(mount, body, who);
            if was_arrival {
                let own = &mut self.mounts[mount];
                own.arrivals.insert(next);
                for question in &mut own.questions {
                    if let Some(waits_for) = &mut question.waits_for
                        && waits_for.remove(&call)
                    {
                        waits_for.insert(next);
                    }
                }
            }
            return;
        }
        let next = self.fresh();
        let Some(attending) = &mut self.mounts[mount].attending else {
            return;
        };
        if attending.call == call {
            attending.call = next;
            let body = Body::Attend(attending.said.clone());
            self.send_call(mount, next, &body);
            self.mount_at(mount, PATIENCE, MountStep::Impatient { call: next });
        }
    }

    pub(super) fn answered(&mut self, mount: usize, call: u64, answer: Answer) {
        let own = &self.mounts[mount];
        let is_attend = own.attending.as_ref().is_some_and(|own| own.call == call);
        if !is_attend && !own.asking.contains_key(&call) {
            return;
        }
        if let Answer::Refused(refused) = answer {
            if let Refused::NotLeader(hint) = refused {
                self.next_node(mount, hint);
            }
            let pause = Duration::from_millis(self.random.between(5, 300));
            return self.mount_at(mount, pause, MountStep::Again { call });
        }
        match answer {
            Answer::Attended(attended) => self.take(mount, attended),
            Answer::Outcome(outcome) => {
                let who = self.mounts[mount].asking.remove(&call);
                match who.map(|asking| asking.who) {
                    Some(Who::Registration(session)) => self.registered(mount, session, &outcome),
                    Some(Who::Process(process)) => self.outcome(mount, process, outcome),
                    None => {}
                }
            }
            Answer::Reply(reply) => self.replied(mount, call, reply),
            Answer::Refused(_) => {}
        }
    }

    fn replied(&mut self, mount: usize, call: u64, reply: Result<Reply, PosixError>) {
        let own = &mut self.mounts[mount];
        let who = own.asking.remove(&call).map(|asking| asking.who);
        if let Some(Who::Process(process)) = who {
            self.reply(mount, process, reply);
        }
        let own = &mut self.mounts[mount];
        if own.arrivals.remove(&call) {
            for question in &mut own.questions {
                if let Some(waits_for) = &mut question.waits_for {
                    waits_for.remove(&call);
                }
            }
            self.within(MILLISECOND, Event::Mount(mount, MountStep::Decide));
        }
    }
}
