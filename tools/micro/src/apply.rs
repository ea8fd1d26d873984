//! A command is applied and a query answered: in memory, which is our own code alone, and in `RocksDB`.

use holdfast_metadata::{
    Command, Create, Credentials, Engine, FileName, Format, InodeId, MemoryEngine, Mkdir, Mode,
    Operation, Query, Rename, RenameFlags, RocksEngine, RocksOptions, StateMachine, Timestamp,
    Unlink,
};

use crate::measure::Bench;

/// Files that are there already.
const FILES: [u64; 2] = [1_000, 100_000];
/// Applied together while the files are made.
const BATCH: u64 = 1_000;
/// As many as may come from a log at once.
const TOGETHER: u64 = 16;

pub(crate) fn run(bench: &mut Bench) {
    for files in FILES {
        of(bench, "memory", files, MemoryEngine::new);
        let place = tempfile::tempdir().unwrap();
        of(bench, "rocksdb", files, || {
            RocksEngine::create(place.path(), &RocksOptions::default()).unwrap()
        });
    }
}

fn of<E: Engine>(bench: &Bench, engine: &str, files: u64, make: impl FnOnce() -> E) {
    let name = |what: &str| format!("{what}/{engine}/{files}");
    let all = [
        "create",
        "create 16",
        "create and unlink",
        "rename twice",
        "lookup",
    ];
    if !all.iter().any(|what| bench.wants(&name(what))) {
        return;
    }
    let scene = Scene::new(make(), files);
    let mut numbers = 0..;
    let mut next = || numbers.next().unwrap();
    bench.measure(
        &name("create"),
        || [scene.create("new", next())],
        |commands| scene.apply(&commands),
    );
    bench.measure(
        &name("create 16"),
        || -> Vec<_> { (0..TOGETHER).map(|_| scene.create("new", next())).collect() },
        |commands| scene.apply(&commands),
    );
    bench.measure(
        &name("create and unlink"),
        || {
            let number = next();
            [scene.create("new", number), scene.unlink("new", number)]
        },
        |commands| scene.apply(&commands),
    );
    let mut old = (0..files).cycle();
    let mut next_old = || old.next().unwrap();
    bench.measure(
        &name("rename twice"),
        || {
            let number = next_old();
            let (file, other) = (file_name("file", number), file_name("other", number));
            [scene.rename(&file, &other), scene.rename(&other, &file)]
        },
        |commands| scene.apply(&commands),
    );
    bench.measure(
        &name("lookup"),
        || Query::Lookup {
            parent: scene.directory,
            name: file_name("file", next_old()),
        },
        |query| scene.machine.query(&query).unwrap().unwrap(),
    );
}

/// A directory with files.
struct Scene<E: Engine> {
    machine: StateMachine<E>,
    directory: InodeId,
}

impl<E: Engine> Scene<E> {
    fn new(engine: E, files: u64) -> Scene<E> {
        let format = Format::of_root(1, Timestamp::default());
        let machine = StateMachine::open(engine, format).unwrap();
        let mkdir = Mkdir {
            parent: InodeId::ROOT,
            name: file_name("directory", 0),
            mode: Mode::new(0o755),
            umask: Mode::new(0),
        };
        let scene = Scene {
            machine,
            // The first that is made after the root.
            directory: InodeId::new(2),
        };
        scene.apply(&[command(Operation::Mkdir(mkdir))]);
        for batch in 0..files / BATCH {
            let numbers = batch * BATCH..(batch + 1) * BATCH;
            let commands: Vec<_> = numbers.map(|number| scene.create("file", number)).collect();
            scene.apply(&commands);
        }
        scene
    }

    fn apply(&self, commands: &[Command]) {
        for outcome in self.machine.apply_next(commands).unwrap() {
            outcome.unwrap();
        }
    }

    fn create(&self, text: &str, number: u64) -> Command {
        command(Operation::Create(Create {
            parent: self.directory,
            name: file_name(text, number),
            mode: Mode::new(0o644),
            umask: Mode::new(0),
            exclusive: true,
        }))
    }

    fn unlink(&self, text: &str, number: u64) -> Command {
        command(Operation::Unlink(Unlink {
            parent: self.directory,
            name: file_name(text, number),
        }))
    }

    fn rename(&self, old: &FileName, new: &FileName) -> Command {
        command(Operation::Rename(Rename {
            parent: self.directory,
            name: old.clone(),
            new_parent: self.directory,
            new_name: new.clone(),
            flags: RenameFlags::default(),
            seen: None,
        }))
    }
}

fn file_name(text: &str, number: u64) -> FileName {
    FileName::new(format!("{text}-{number}").as_bytes()).unwrap()
}

fn command(operation: Operation) -> Command {
    Command {
        request: None,
        now: Timestamp {
            seconds: 1,
            nanoseconds: 0,
        },
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}
