//! Random calls, which meet each other often.

use super::namespace::{Call, Exchange, Name, Path, XattrMode};
use crate::Random;

/// Names in an arena; the first ones are often directories.
const NAMES: &[u8] = b"abcde";
/// Names in a directory of the arena.
const NAMES_BELOW: &[u8] = b"xyz";

/// A call that is worth making. Numbers and modes are its own, so that what is seen later can be told apart.
pub fn choose(random: &mut Random, id: u32) -> Call {
    let mode = (id % 0o777 + 1) as u16;
    let first = path(random);
    match random.below(33) {
        0..=3 => Call::Create(first, mode),
        4..=7 => Call::Mkdir(upper(random), mode),
        8 => Call::Mkdir(first, mode),
        9 => Call::Symlink(first, id + 100),
        10..=11 => pair(random, first, Call::Link),
        12..=13 => Call::Unlink(first),
        14 => Call::Rmdir(upper(random)),
        15..=18 => {
            let how = match random.below(10) {
                0..=3 => Exchange::Replace,
                4..=5 => Exchange::NoReplace,
                6 => Exchange::Whiteout,
                7 => Exchange::WhiteoutNoReplace,
                _ => Exchange::Exchange,
            };
            pair(random, first, |old, new| Call::Rename(old, new, how))
        }
        19..=22 => Call::Stat(first),
        23 => Call::Readlink(first),
        24 => Call::List(None),
        25 => Call::List(Some(upper(random).name)),
        26 => Call::Chmod(first, mode),
        27 => Call::Truncate(first, id),
        28 => Call::SetXattr(first, id, XattrMode::Any),
        29 => {
            let modes = [XattrMode::Create, XattrMode::Replace];
            Call::SetXattr(first, id, modes[random.below(2) as usize])
        }
        30 => Call::GetXattr(first),
        31 => Call::Chown(first, id),
        _ => Call::RemoveXattr(first),
    }
}

/// Looks at everything that can be there.
pub fn look_at_all() -> Vec<Call> {
    let mut calls = vec![Call::List(None)];
    for name in NAMES.iter().copied().map(Name) {
        let directory = None;
        calls.push(Call::Stat(Path { directory, name }));
        calls.push(Call::GetXattr(Path { directory, name }));
        calls.push(Call::List(Some(name)));
        for below in NAMES_BELOW.iter().copied().map(Name) {
            calls.push(Call::Stat(Path {
                directory: Some(name),
                name: below,
            }));
        }
    }
    calls
}

fn upper(random: &mut Random) -> Path {
    Path {
        directory: None,
        name: Name(NAMES[random.below(2) as usize]),
    }
}

fn path(random: &mut Random) -> Path {
    let name = NAMES[random.below(NAMES.len() as u64) as usize];
    if random.below(2) == 0 {
        return Path {
            directory: None,
            name: Name(name),
        };
    }
    Path {
        directory: Some(upper(random).name),
        name: Name(NAMES_BELOW[random.below(NAMES_BELOW.len() as u64) as usize]),
    }
}

fn pair(random: &mut Random, first: Path, call: impl FnOnce(Path, Path) -> Call) -> Call {
    let mut second = path(random);
    while second == first {
        second = path(random);
    }
    call(first, second)
}
