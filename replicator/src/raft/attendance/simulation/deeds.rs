//! What a process does under a lock it has, and with a file it has open.

use bytes::Bytes;
use holdfast_metadata::{
    CancelLock, InodeId, LockRange, Operation, Query, Unlock, Write, WritePosition,
};

use super::cluster::Cluster;
use super::messages::Body;
use super::mount::Who;
use super::process::{Doing, name, owner, space};
use super::world::World;

impl World {
    fn has_lost(&self, mount: usize, process: usize) -> bool {
        let own = &self.mounts[mount];
        own.processes[process].session_id() != Some(own.session.id)
    }

    pub(super) fn write(&mut self, mount: usize, process: usize, file: usize, writes: u64) {
        if self.has_lost(mount, process) {
            return self.go_on(mount, process, Doing::Nothing);
        }
        let write = Operation::Write(Write {
            ino: Cluster::locked_file(file),
            position: WritePosition::End,
            data: Bytes::from_static(b"x"),
            clear_privileges: false,
        });
        self.written += 1;
        self.change(mount, process, write, Doing::Writing { file, writes });
    }

    pub(super) fn unlock(&mut self, mount: usize, process: usize, file: usize) {
        if self.has_lost(mount, process) {
            return self.go_on(mount, process, Doing::Nothing);
        }
        let unlock = Operation::Unlock(Unlock {
            ino: Cluster::locked_file(file),
            space: space(file),
            owner: owner(process),
            range: LockRange::WHOLE,
        });
        self.change(mount, process, unlock, Doing::Unlocking);
    }

    pub(super) fn cancel(&mut self, mount: usize, process: usize, file: usize, sequence: u64) {
        let ino = Cluster::locked_file(file);
        let cancel = Operation::CancelLock(CancelLock { ino, sequence });
        self.change(mount, process, cancel, Doing::Cancelling { file });
    }

    pub(super) fn find(&mut self, mount: usize, process: usize, number: u64) {
        let query = Query::Lookup {
            parent: InodeId::ROOT,
            name: name(number),
        };
        self.go_on(mount, process, Doing::Finding);
        let call = self.ask(mount, Body::Query(query), Who::Process(process));
        self.mounts[mount].arrivals.insert(call);
    }

    pub(super) fn close(&mut self, mount: usize, process: usize, ino: InodeId) {
        let own = &mut self.mounts[mount];
        if let Some(used) = own.open.get_mut(&ino) {
            used.count -= 1;
            if used.count == 0 {
                let is_kept = used.is_kept;
                own.open.remove(&ino);
                if is_kept {
                    own.memory.release(ino);
                    self.has_news(mount);
                }
            }
        }
        self.go_on(mount, process, Doing::Nothing);
    }
}
