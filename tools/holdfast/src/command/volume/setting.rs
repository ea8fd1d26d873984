//! What `holdfast volume set` takes.

use std::str::FromStr;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// Nobody looks for anything after that.
const LONGEST: u64 = 3660 * DAY;
const UNITS: [(char, u64); 4] = [('w', WEEK), ('d', DAY), ('h', HOUR), ('m', MINUTE)];

/// `KEY=VALUE`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// For how many seconds what is removed is kept, if it is.
    Trash(Option<u64>),
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        let Some((key, value)) = text.split_once('=') else {
            return Err("it is written KEY=VALUE, as in trash=7d".to_owned());
        };
        match (key, value) {
            ("trash", "off") => Ok(Setting::Trash(None)),
            ("trash", time) => seconds(time).map(|seconds| Setting::Trash(Some(seconds))),
            _ => Err(format!("there is no setting {key:?}, only trash")),
        }
    }
}

fn seconds(time: &str) -> Result<u64, String> {
    let expected = || {
        format!(
            "{time:?} is no time: a number and m, h, d or w, as in 7d, of at most ten years; or off"
        )
    };
    let unit = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((time.strip_suffix(*unit)?, seconds)));
    let (number, unit) = unit.ok_or_else(expected)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = number.parse().ok().filter(|_| is_number);
    let seconds = number.and_then(|number| number.checked_mul(*unit));
    seconds
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .ok_or_else(expected)
}

/// As it may be given, in the largest unit that is exact.
pub(super) fn time(seconds: u64) -> String {
    let exact = UNITS
        .iter()
        .find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit));
    match exact {
        Some((letter, unit)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trash_has_a_time_or_is_off() {
        let read = |text: &str| text.parse::<Setting>();
        assert_eq!(read("trash=off"), Ok(Setting::Trash(None)));
        for (text, seconds) in [
            ("90m", 5400),
            ("36h", 129_600),
            ("7d", 604_800),
            ("2w", 1_209_600),
        ] {
            let setting = read(&format!("trash={text}"));
            assert_eq!(setting, Ok(Setting::Trash(Some(seconds))));
        }
        assert_eq!(time(604_800), "1w");
        assert_eq!(time(129_600), "36h");
        assert_eq!(time(7), "7 seconds");
        for wrong in [
            "",
            "7",
            "d",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "7 d",
            "9999w",
            "99999999999999999999d",
        ] {
            assert!(read(&format!("trash={wrong}")).is_err(), "{wrong}");
        }
        assert!(read("trash").unwrap_err().contains("KEY=VALUE"));
        assert!(read("rubbish=1d").unwrap_err().contains("\"rubbish\""));
    }
}
