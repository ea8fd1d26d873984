//! A lock is taken and given up again, beside others that are held.

use holdfast_metadata::{
    Command, Create, Credentials, FileName, Format, InodeId, LockMode, LockOwner, LockRange,
    LockSpace, MemoryEngine, Mode, OpenSession, Operation, RequestId, SessionId, SetLock,
    StateMachine, Timestamp, Unlock,
};

use crate::measure::Bench;

/// Locks of others on the same file, each of a byte of its own.
const HELD: [u64; 3] = [0, 100, 10_000];

pub(crate) fn run(bench: &mut Bench) {
    for held in HELD {
        let name = format!("lock and unlock/{held} held");
        if !bench.wants(&name) {
            continue;
        }
        let mut desk = Desk::new();
        for number in 0..held {
            // Every other byte: neighbours of one owner would become one lock.
            let lock = desk.lock(LockOwner(number), number * 2);
            desk.apply(&[lock]);
        }
        let me = LockOwner(u64::MAX);
        bench.measure(
            &name,
            || (),
            |()| {
                let commands = [desk.lock(me, held), desk.unlock(me, held)];
                desk.apply(&commands);
            },
        );
    }
}

/// A session and a file.
struct Desk {
    machine: StateMachine<MemoryEngine>,
    ino: InodeId,
    sequence: u64,
}

impl Desk {
    fn new() -> Desk {
        let format = Format::of_root(1, Timestamp::default());
        let mut desk = Desk {
            machine: StateMachine::open(MemoryEngine::new(), format).unwrap(),
            // The first that is made after the root.
            ino: InodeId::new(2),
            sequence: 0,
        };
        let open = desk.command(Operation::OpenSession(OpenSession::default()));
        desk.apply(&[open]);
        let create = desk.command(Operation::Create(Create {
            parent: InodeId::ROOT,
            name: FileName::new(b"file").unwrap(),
            mode: Mode::new(0o644),
            umask: Mode::new(0),
            exclusive: true,
        }));
        desk.apply(&[create]);
        desk
    }

    fn apply(&self, commands: &[Command]) {
        for outcome in self.machine.apply_next(commands).unwrap() {
            outcome.unwrap();
        }
    }

    /// Every outcome has arrived when the next command is made.
    fn command(&mut self, operation: Operation) -> Command {
        let request = RequestId {
            session: SessionId(1),
            sequence: self.sequence,
            acknowledged: self.sequence,
        };
        self.sequence += 1;
        Command {
            request: Some(request),
            now: Timestamp::default(),
            credentials: Credentials::ROOT,
            squashed: false,
            operation,
        }
    }

    fn lock(&mut self, owner: LockOwner, byte: u64) -> Command {
        let set = SetLock {
            ino: self.ino,
            space: LockSpace::Posix,
            owner,
            range: range(byte),
            mode: LockMode::Shared,
            process: 1,
            wait: false,
        };
        self.command(Operation::SetLock(set))
    }

    fn unlock(&mut self, owner: LockOwner, byte: u64) -> Command {
        let unlock = Unlock {
            ino: self.ino,
            space: LockSpace::Posix,
            owner,
            range: range(byte),
        };
        self.command(Operation::Unlock(unlock))
    }
}

fn range(byte: u64) -> LockRange {
    LockRange::new(byte, byte).unwrap()
}
