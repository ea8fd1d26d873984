//! Random changes of two files against a model that keeps every byte by itself.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::fixture::{FIRST, Fixture, SECOND};
use crate::command::FallocateMode;
use crate::outcome::{Answer, PosixError};
use crate::query::SeekTarget;

const UNIT: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Hole,
    Zero,
    Data(u8),
}

/// A file byte by byte, with space past its end.
#[derive(Debug, Default, Clone)]
struct Model {
    size: usize,
    cells: Vec<Cell>,
}

impl Model {
    fn content(&self) -> Vec<u8> {
        let byte = |position| match self.cells.get(position) {
            Some(Cell::Data(byte)) => *byte,
            Some(Cell::Hole | Cell::Zero) | None => 0,
        };
        (0..self.size).map(byte).collect()
    }

    fn allocated(&self) -> u64 {
        self.cells
            .iter()
            .filter(|cell| **cell != Cell::Hole)
            .count() as u64
    }

    fn change(&mut self, start: usize, end: usize, change: impl Fn(usize, Cell) -> Cell) {
        if self.cells.len() < end {
            self.cells.resize(end, Cell::Hole);
        }
        for (index, cell) in self.cells[start..end].iter_mut().enumerate() {
            *cell = change(index, *cell);
        }
    }

    fn truncate(&mut self, size: usize) {
        if size <= self.size {
            self.cells.truncate(size);
        }
        self.size = size;
    }

    fn seek(&self, offset: usize, target: SeekTarget) -> Result<u64, PosixError> {
        let is_data = |position| matches!(self.cells.get(position), Some(Cell::Data(_)));
        let found = match target {
            SeekTarget::Data => (offset..self.size).find(|position| is_data(*position)),
            SeekTarget::Hole if offset < self.size => {
                (offset..=self.size).find(|position| !is_data(*position))
            }
            SeekTarget::Hole => None,
        };
        found
            .map(|position| position as u64)
            .ok_or(PosixError::NoSuchPosition)
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Write {
        file: usize,
        offset: usize,
        length: usize,
        seed: u8,
    },
    Append {
        file: usize,
        length: usize,
        seed: u8,
    },
    Truncate {
        file: usize,
        size: usize,
    },
    Fallocate {
        file: usize,
        offset: usize,
        length: usize,
        mode: FallocateMode,
    },
    Move {
        file: usize,
        unit: usize,
        units: usize,
        insert: bool,
    },
    Copy {
        from: (usize, usize),
        to: (usize, usize),
        length: usize,
    },
    Seek {
        file: usize,
        offset: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let file = || 0..2_usize;
    // Many positions beside each other: most mistakes are made by one byte.
    let beside = |units: std::ops::Range<usize>| {
        (units, 0..3_usize).prop_map(|(unit, byte)| (unit * UNIT + byte).saturating_sub(1))
    };
    let offset = move || prop_oneof![0..40_000_usize, 0..64_usize, beside(0..10)];
    let length = move || prop_oneof![1..200_usize, 1..20_000_usize, beside(1..5)];
    let mode = prop_oneof![
        any::<bool>().prop_map(|keep_size| FallocateMode::Allocate { keep_size }),
        any::<bool>().prop_map(|keep_size| FallocateMode::ZeroRange { keep_size }),
        Just(FallocateMode::PunchHole),
        Just(FallocateMode::Unshare),
    ];
    prop_oneof![
        4 => (file(), offset(), length(), any::<u8>())
            .prop_map(|(file, offset, length, seed)| Step::Write { file, offset, length, seed }),
        3 => (file(), length(), any::<u8>())
            .prop_map(|(file, length, seed)| Step::Append { file, length, seed }),
        1 => (file(), offset()).prop_map(|(file, size)| Step::Truncate { file, size }),
        2 => (file(), offset(), length(), mode).prop_map(|(file, offset, length, mode)| {
            Step::Fallocate { file, offset, length, mode }
        }),
        2 => (file(), 0..8_usize, 1..4_usize, any::<bool>())
            .prop_map(|(file, unit, units, insert)| Step::Move { file, unit, units, insert }),
        3 => ((file(), offset()), (file(), offset()), length())
            .prop_map(|(from, to, length)| Step::Copy { from, to, length }),
        1 => (file(), offset()).prop_map(|(file, offset)| Step::Seek { file, offset }),
    ]
}

/// The same change in both worlds.
struct Worlds {
    fixture: Fixture,
    models: [Model; 2],
}

const FILES: [crate::types::InodeId; 2] = [FIRST, SECOND];

impl Worlds {
    fn step(&mut self, step: Step) {
        match step {
            Step::Write {
                file,
                offset,
                length,
                seed,
            } => self.write(file, offset, length, seed),
            Step::Append { file, length, seed } => {
                let data = pattern(length, seed);
                let offset = self.models[file].size;
                let answer = self.fixture.append(FILES[file], &data);
                assert_eq!(answer, Ok(written(offset, length)));
                self.model_write(file, offset, &data);
            }
            Step::Truncate { file, size } => {
                self.fixture.truncate(FILES[file], size as u64).unwrap();
                self.models[file].truncate(size);
            }
            Step::Fallocate {
                file,
                offset,
                length,
                mode,
            } => {
                self.fallocate(file, offset, length, mode);
            }
            Step::Move {
                file,
                unit,
                units,
                insert,
            } => {
                self.shift(file, unit * UNIT, units * UNIT, insert);
            }
            Step::Copy { from, to, length } => self.copy(from, to, length),
            Step::Seek { file, offset } => {
                for target in [SeekTarget::Data, SeekTarget::Hole] {
                    let found = self.fixture.seek(FILES[file], offset as u64, target);
                    assert_eq!(found, self.models[file].seek(offset, target), "{target:?}");
                }
            }
        }
    }

    fn write(&mut self, file: usize, offset: usize, length: usize, seed: u8) {
        let data = pattern(length, seed);
        let answer = self.fixture.write(FILES[file], offset as u64, &data);
        assert_eq!(answer, Ok(written(offset, length)));
        self.model_write(file, offset, &data);
    }

    fn model_write(&mut self, file: usize, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        let model = &mut self.models[file];
        model.change(offset, end, |index, _| Cell::Data(data[index]));
        model.size = model.size.max(end);
    }

    fn fallocate(&mut self, file: usize, offset: usize, length: usize, mode: FallocateMode) {
        let end = offset + length;
        let answer = self
            .fixture
            .fallocate(FILES[file], offset as u64, length as u64, mode);
        assert_eq!(answer, Ok(Answer::Done));
        let fill = |_, cell| if cell == Cell::Hole { Cell::Zero } else { cell };
        let model = &mut self.models[file];
        let keep_size = match mode {
            FallocateMode::Allocate { keep_size } => {
                model.change(offset, end, fill);
                keep_size
            }
            FallocateMode::Unshare => {
                model.change(offset, end, fill);
                false
            }
            FallocateMode::ZeroRange { keep_size } => {
                model.change(offset, end, |_, _| Cell::Zero);
                keep_size
            }
            FallocateMode::PunchHole => {
                model.change(offset, end, |_, _| Cell::Hole);
                true
            }
            FallocateMode::CollapseRange | FallocateMode::InsertRange => unreachable!(),
        };
        if !keep_size {
            model.size = model.size.max(end);
        }
    }

    fn shift(&mut self, file: usize, offset: usize, length: usize, insert: bool) {
        let model = &mut self.models[file];
        let mode = if insert {
            FallocateMode::InsertRange
        } else {
            FallocateMode::CollapseRange
        };
        let answer = self
            .fixture
            .fallocate(FILES[file], offset as u64, length as u64, mode);
        let last = if insert { offset } else { offset + length };
        if last >= model.size {
            assert_eq!(answer, Err(PosixError::InvalidArgument));
            return;
        }
        assert_eq!(answer, Ok(Answer::Done));
        model.change(offset, model.size, |_, cell| cell);
        if insert {
            model
                .cells
                .splice(offset..offset, std::iter::repeat_n(Cell::Hole, length));
            model.size += length;
        } else {
            model.cells.drain(offset..offset + length);
            model.size -= length;
        }
    }

    fn copy(&mut self, from: (usize, usize), to: (usize, usize), length: usize) {
        let source = self.models[from.0].clone();
        let available = source.size.saturating_sub(from.1).min(length);
        let answer = self.fixture.copy(
            FILES[from.0],
            from.1 as u64,
            FILES[to.0],
            to.1 as u64,
            length as u64,
        );
        if from.0 == to.0 && from.1.abs_diff(to.1) < available {
            assert_eq!(answer, Err(PosixError::InvalidArgument));
            return;
        }
        assert_eq!(answer, Ok(written(to.1, available)));
        if available == 0 {
            return;
        }
        let model = &mut self.models[to.0];
        model.change(to.1, to.1 + available, |index, _| {
            match source.cells.get(from.1 + index) {
                Some(Cell::Data(byte)) => Cell::Data(*byte),
                Some(Cell::Zero | Cell::Hole) | None => Cell::Hole,
            }
        });
        model.size = model.size.max(to.1 + available);
    }

    fn check(&self) {
        self.fixture.check();
        for (ino, model) in FILES.into_iter().zip(&self.models) {
            let inode = self.fixture.inode(ino);
            assert_eq!(inode.size, model.size as u64, "size of {ino}");
            assert_eq!(inode.allocated, model.allocated(), "space of {ino}");
            let content = model.content();
            assert!(
                self.fixture.read(ino, 0, 1 << 20) == content,
                "content of {ino}"
            );
            let middle = content.len() / 3;
            let part = content
                .iter()
                .skip(middle)
                .take(5_000)
                .copied()
                .collect::<Vec<_>>();
            assert!(
                self.fixture.read(ino, middle as u64, 5_000) == part,
                "part of {ino}"
            );
        }
    }
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|index| (index % 251) as u8 ^ seed)
        .collect()
}

fn written(offset: usize, length: usize) -> Answer {
    Answer::Written {
        offset: offset as u64,
        length: length as u64,
    }
}

#[test]
fn random_changes_of_two_files_agree_with_the_model() {
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, seed);
    let steps = prop::collection::vec(any_step(), 1..40);
    let result = runner.run(&steps, |steps| {
        let mut worlds = Worlds {
            fixture: Fixture::new(),
            models: [Model::default(), Model::default()],
        };
        for step in steps {
            worlds.step(step);
            worlds.check();
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
