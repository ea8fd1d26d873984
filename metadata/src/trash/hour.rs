//! Hours as they are called: `2026-11-23-15`, in UTC.

use crate::types::{Day, FileName, Timestamp};

const SECONDS: i64 = 3600;
const HOURS_OF_DAY: u32 = 24;

/// An hour, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hour(i64);

impl Hour {
    pub(super) fn of(time: Timestamp) -> Hour {
        Hour(time.seconds.div_euclid(SECONDS))
    }

    /// By its number, counted from 1970 on.
    pub(super) fn numbered(number: i64) -> Hour {
        Hour(number)
    }

    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// The first second after it.
    pub(super) fn end(self) -> i64 {
        (self.0 + 1).saturating_mul(SECONDS)
    }

    pub(super) fn name(self) -> String {
        let (day, since) = Day::of(self.0.saturating_mul(SECONDS));
        format!("{day}-{:02}", i64::from(since) / SECONDS)
    }

    /// Nothing for what is no hour, or not written as one.
    pub(super) fn named(name: &FileName) -> Option<Hour> {
        let text = std::str::from_utf8(name.as_bytes()).ok()?;
        let (day, hour) = text.rsplit_once('-')?;
        let hour: u32 = hour.parse().ok().filter(|hour| *hour < HOURS_OF_DAY)?;
        let day = Day::named(day)?;
        let hour = Hour(day.begin() / SECONDS + i64::from(hour));
        (hour.name() == text).then_some(hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_one_name_and_the_name_one_hour() {
        for (seconds, name) in [
            (0, "1970-01-01-00"),
            (-1, "1969-12-31-23"),
            (1_795_446_000, "2026-11-23-15"),
            (1_795_449_599, "2026-11-23-15"),
        ] {
            let hour = Hour::of(Timestamp {
                seconds,
                nanoseconds: 0,
            });
            assert_eq!(hour.name(), name);
            let name = FileName::new(name.as_bytes()).unwrap();
            assert_eq!(Hour::named(&name), Some(hour));
            assert_eq!(Hour::numbered(hour.number()), hour);
            assert!((1..=SECONDS).contains(&(hour.end() - seconds)));
        }
        for no_hour in [
            "2026-11-23",
            "2026-11-23-24",
            "2026-02-29-00",
            "2026-11-23-1",
            "2026-11-23-+1",
            "2026-11-23-15~1",
        ] {
            let name = FileName::new(no_hour.as_bytes()).unwrap();
            assert_eq!(Hour::named(&name), None, "{no_hour}");
        }
    }
}
