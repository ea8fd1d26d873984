//! What must be true after every step, and what must have come about when nothing breaks any more.

use holdfast_metadata::{Command, InodeId, News, Operation, SessionId};

use super::clock::{SECOND, Time};
use super::cluster::{Cluster, LOCKED_FILES};
use super::process::Doing;
use super::world::World;

impl World {
    /// A mount that believes that its session is kept is right, and so is it about its locks.
    pub(super) fn check_beliefs(&mut self) {
        let mut broken = Vec::new();
        for (place, mount) in self.mounts.iter().enumerate() {
            let session = mount.session.id;
            if mount.is_dead || self.doomed.contains(&session) || !mount.is_kept(self.now) {
                continue;
            }
            if !self.cluster.open.contains_key(&session) {
                broken.push(format!(
                    "mount {place} believes that session {} is kept, and it has ended",
                    session.0
                ));
            }
            for process in &mount.processes {
                if let Some((of, ino)) = process.believes()
                    && of == session
                    && !self.cluster.has_locked(session, ino)
                {
                    broken.push(format!(
                        "mount {place} believes to have {ino:?} locked in session {}",
                        session.0
                    ));
                }
            }
        }
        for broken in broken {
            self.fail(broken);
        }
    }

    /// What was just applied has taken nothing from anybody who may still use it.
    pub(super) fn check_applied(&mut self, command: &Command, news: &[News]) {
        for item in news {
            if let News::SessionEnded(session) = item {
                self.tell(|| format!("session {} has ended", session.0));
            }
        }
        let Operation::Reclaim(reclaim) = &command.operation else {
            return;
        };
        for ino in &reclaim.inodes {
            for mount in 0..self.mounts.len() {
                if self.mounts[mount].open.contains_key(ino) {
                    self.check_open(mount, *ino);
                }
            }
        }
    }

    /// Who has an inode open finds it, if its session was open when the inode lost its name, and is.
    pub(super) fn check_open(&mut self, mount: usize, ino: InodeId) {
        if self.cluster.has_inode(ino) || self.mounts[mount].is_dead {
            return;
        }
        let session: SessionId = self.mounts[mount].session.id;
        let opened = self.cluster.open.get(&session);
        let orphaned = self.cluster.orphaned.get(&ino);
        if let (Some(opened), Some(orphaned)) = (opened, orphaned)
            && opened < orphaned
        {
            self.fail(format!(
                "mount {mount} has {ino:?} open, and it is reclaimed"
            ));
        }
    }

    /// Whether all is done that was to be done; otherwise what is not.
    pub(super) fn unsettled(&self) -> Option<String> {
        let orphans = self.cluster.orphans();
        if !orphans.is_empty() {
            return Some(format!("orphans that nobody has open: {orphans:?}"));
        }
        for (place, mount) in self
            .mounts
            .iter()
            .enumerate()
            .filter(|(_, own)| !own.is_dead)
        {
            let busy = mount
                .processes
                .iter()
                .find(|own| own.doing != Doing::Nothing);
            if let Some(process) = busy {
                return Some(format!("mount {place} has not done: {:?}", process.doing));
            }
            if !self.cluster.has(mount.session.id) || !mount.is_kept(self.now) {
                return Some(format!("mount {place} has no session"));
            }
        }
        let living = self.mounts.iter().filter(|own| !own.is_dead);
        let living: Vec<SessionId> = living.map(|own| own.session.id).collect();
        let sessions = self.cluster.sessions();
        if let Some(session) = sessions.iter().find(|session| !living.contains(session)) {
            return Some(format!("session {} is nobody's", session.0));
        }
        let locks = self.cluster.locks();
        (!locks.is_empty()).then(|| format!("locks that nobody has: {locks:?}"))
    }

    /// Lets all be done; fails when it is not done in time.
    pub(super) fn settle(&mut self, within: Time) {
        let until = self.now + within;
        while self.run_until(self.now + SECOND / 2) {
            let Some(unsettled) = self.unsettled() else {
                return self.check_end();
            };
            if self.now > until {
                return self.fail(format!("still not done: {unsettled}"));
            }
        }
    }

    fn check_end(&mut self) {
        let damage = self.cluster.damage();
        if !damage.is_empty() {
            self.fail(format!("the state is damaged: {damage:?}"));
        }
        let files = (0..LOCKED_FILES).map(Cluster::locked_file);
        let sizes: u64 = files.map(|ino| self.cluster.size(ino)).sum();
        if sizes < self.acknowledged || sizes > self.written {
            let (acknowledged, written) = (self.acknowledged, self.written);
            self.fail(format!(
                "{acknowledged} of {written} writes answered, {sizes} done"
            ));
        }
    }
}
