//! Every answer and every error comes back as it was kept.

use super::*;
use crate::types::Timestamp;

fn attributes(kind: FileKind) -> Attributes {
    let time = |seconds| Timestamp::new(seconds, 999_999_999).unwrap();
    Attributes {
        ino: InodeId::new(0x0102_0304_0506_0708),
        generation: 1,
        kind,
        mode: Mode::new(0o7531),
        flags: InodeFlags::new(InodeFlags::SETTABLE).unwrap(),
        uid: 2,
        gid: 3,
        nlink: 4,
        device: 5,
        project: 6,
        size: u64::MAX,
        allocated: 7,
        xattrs: 8,
        atime: time(-1),
        mtime: time(i64::MIN),
        ctime: time(i64::MAX),
        btime: time(9),
    }
}

/// Has no default arm on purpose: a new answer must be added here to be kept.
fn next(answer: &Answer) -> Option<Answer> {
    let ino = InodeId::new(9);
    Some(match answer {
        Answer::Done => Answer::Entry {
            attributes: attributes(FileKind::Regular),
            created: true,
        },
        Answer::Entry { .. } => Answer::Attributes(attributes(FileKind::Directory)),
        Answer::Attributes(_) => Answer::Removed {
            ino,
            orphaned: true,
        },
        Answer::Removed { .. } => Answer::Renamed {
            orphaned: Some(ino),
        },
        Answer::Renamed { .. } => Answer::Written {
            offset: u64::MAX,
            length: 1,
        },
        Answer::Written { .. } => Answer::Reclaimed {
            unfinished: vec![ino, InodeId::ROOT],
        },
        Answer::Reclaimed { .. } => Answer::Locked,
        Answer::Locked => Answer::Waiting,
        Answer::Waiting => return None,
    })
}

fn kept(outcome: &Outcome) -> Outcome {
    let record = OutcomeRecord {
        outcome: outcome.clone(),
    };
    OutcomeRecord::decode(&record.encode()).unwrap().outcome
}

#[test]
fn every_answer_comes_back() {
    let mut answer = Some(Answer::Done);
    while let Some(kept_answer) = answer {
        let outcome = Ok(kept_answer.clone());
        assert_eq!(kept(&outcome), outcome);
        answer = next(&kept_answer);
    }
}

#[test]
fn the_other_values_of_every_answer_come_back() {
    let mut answers: Vec<Answer> = FileKind::ALL
        .into_iter()
        .map(|kind| Answer::Entry {
            attributes: attributes(kind),
            created: false,
        })
        .collect();
    answers.extend([
        Answer::Removed {
            ino: InodeId::ROOT,
            orphaned: false,
        },
        Answer::Renamed { orphaned: None },
        Answer::Reclaimed {
            unfinished: Vec::new(),
        },
    ]);
    for answer in answers {
        assert_eq!(kept(&Ok(answer.clone())), Ok(answer));
    }
}

#[test]
fn every_error_comes_back() {
    // `error_to_number` names every error, so none is left out if the numbers have no gap.
    let errors: Vec<PosixError> = (1..).map_while(error_from_number).collect();
    assert_eq!(errors.len(), 26);
    for (number, error) in (1..).zip(errors) {
        assert_eq!(error_to_number(error), number);
        assert_eq!(kept(&Err(error)), Err(error));
    }
    assert!((27..=u16::MAX).all(|number| error_from_number(number).is_none()));
}

#[test]
fn the_bytes_at_rest_stay_as_they_are() {
    let bytes = |outcome| OutcomeRecord { outcome }.encode();
    assert_eq!(bytes(Err(PosixError::NotEmpty)), [1, 0, 0, 13].as_slice());
    assert_eq!(bytes(Ok(Answer::Done)), [1, 1].as_slice());
    let written = Answer::Written {
        offset: 3,
        length: 4,
    };
    let expected = [1, 6, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4];
    assert_eq!(bytes(Ok(written)), expected.as_slice());
    let entry = Answer::Attributes(attributes(FileKind::Regular));
    let entry = bytes(Ok(entry));
    assert_eq!(entry.len(), 2 + 107);
    assert_eq!(entry[..15], [1, 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 1]);
}

#[test]
fn broken_records_are_faults() {
    let entry = OutcomeRecord {
        outcome: next(&Answer::Done).ok_or(PosixError::NotFound),
    };
    let entry = entry.encode();
    for length in 0..entry.len() {
        assert!(OutcomeRecord::decode(&entry[..length]).is_err(), "{length}");
    }
    let broken: [&[u8]; 8] = [
        &[2, 1],
        &[1, 10],
        &[1, 1, 0],
        &[1, 0, 0, 0],
        &[1, 0, 0, 27],
        &[1, 2, 2],
        &[1, 4, 0, 0, 0, 0, 0, 0, 0, 9, 2],
        &[1, 7, 0, 0, 0, 0, 0, 0, 0, 9, 2],
    ];
    for bytes in broken {
        assert!(OutcomeRecord::decode(bytes).is_err(), "{bytes:?}");
    }
}
