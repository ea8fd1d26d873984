//! Random changes and questions of several mounts, whose streams bring what they carry at random times.

use holdfast_metadata::{
    FileName, InodeId, Mkdir, Mode, Operation, Query, Rename, RenameFlags, Reply, Rmdir,
    SetAttributes, SetXattr, SetXattrMode, Unlink,
};

use super::scene::Scene;

const STREAMS: u64 = 3;
const STEPS: usize = 3_000;
const NAMES: u64 = 5;

/// xorshift
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn name(&mut self) -> FileName {
        let number = self.roll(NAMES);
        FileName::new(format!("n{number}").as_bytes()).unwrap()
    }

    fn inode(&mut self, known: &[InodeId]) -> InodeId {
        known[self.roll(known.len() as u64) as usize]
    }

    fn change(&mut self, known: &[InodeId]) -> Operation {
        let (parent, ino) = (self.inode(known), self.inode(known));
        let name = self.name();
        match self.roll(7) {
            0 | 1 => Operation::Mkdir(Mkdir {
                parent,
                name,
                mode: Mode::new(0o755),
                umask: Mode::default(),
            }),
            2 => Operation::Unlink(Unlink { parent, name }),
            3 => Operation::Rmdir(Rmdir {
                parent,
                name,
                seen: None,
            }),
            4 => Operation::Rename(Rename {
                parent,
                name,
                new_parent: self.inode(known),
                new_name: self.name(),
                flags: RenameFlags::default(),
                seen: None,
            }),
            5 => Operation::SetAttributes(SetAttributes {
                mode: Some(Mode::new(self.roll(0o1000) as u32)),
                ..SetAttributes::nothing(ino)
            }),
            _ => Operation::SetXattr(SetXattr {
                ino,
                name: b"user.x".as_slice().into(),
                value: vec![self.roll(200) as u8].into(),
                mode: SetXattrMode::Either,
            }),
        }
    }

    fn question(&mut self, known: &[InodeId]) -> Query {
        let ino = self.inode(known);
        match self.roll(4) {
            0 => Query::Attributes { ino },
            1 => Query::Parent { ino },
            2 => Query::GetXattr {
                ino,
                name: b"user.x".as_slice().into(),
            },
            _ => Query::Lookup {
                parent: ino,
                name: self.name(),
            },
        }
    }
}

/// The inodes that can be found from the root.
fn known(scene: &Scene) -> Vec<InodeId> {
    let mut known = vec![InodeId::ROOT];
    for next in 0.. {
        let Some(parent) = known.get(next).copied() else {
            break;
        };
        for number in 0..NAMES {
            let name = FileName::new(format!("n{number}").as_bytes()).unwrap();
            let found = scene.machine.query(&Query::Lookup { parent, name });
            if let Ok(Ok(Reply::Attributes(attributes))) = found {
                known.push(attributes.ino);
            }
        }
    }
    known
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut scene = Scene::new(STREAMS);
    let mut inodes = known(&scene);
    let (mut answered, mut was_late) = (0, 0);
    for step in 0..STEPS {
        let stream = dice.roll(STREAMS) as usize;
        match dice.roll(6) {
            0 | 1 => {
                let change = dice.change(&inodes);
                drop(scene.apply(stream, change));
                // Inodes that are gone are asked for, too.
                inodes.extend(known(&scene));
                inodes.sort_unstable();
                inodes.dedup();
            }
            2 | 3 => {
                let question = dice.question(&inodes);
                scene.ask(stream, &question);
            }
            _ => drop(scene.streams[stream].deliver_one()),
        }
        let question = dice.question(&inodes);
        let mut told = None;
        for stream in 0..scene.streams.len() {
            let Some(kept) = scene.kept(stream, &question) else {
                continue;
            };
            let told = told.get_or_insert_with(|| kept.clone());
            assert_eq!(*told, kept, "seed {seed}, step {step}: {question:?}");
            answered += 1;
            let now = scene.machine.query(&question).unwrap();
            if kept != now {
                was_late += 1;
                let is_waited_for = !scene.streams[stream].holder.has_heard_all();
                assert!(
                    is_waited_for,
                    "seed {seed}, step {step}, stream {stream}: {question:?} is {now:?}, and it answers {kept:?}"
                );
            }
        }
    }
    assert!(answered > STEPS / 10, "seed {seed}: {answered} answers");
    assert!(was_late > 0, "seed {seed}: nothing was ever late");
}

#[test]
fn what_a_mount_answers_is_what_is_or_it_is_waited_for() {
    for seed in 1..=40 {
        play(seed << 32 | 0x7f4a_7c15);
    }
}
