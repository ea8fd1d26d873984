//! Hours as they are called: `2026-11-23-15`, in UTC (the calendar of civil days: Howard Hinnant's algorithms).

use crate::types::{FileName, Timestamp};

pub(super) const SECONDS: i64 = 3600;
const HOURS_OF_DAY: i64 = 24;
const DAYS_OF_ERA: i64 = 146_097;
/// From the first day of the era to that of 1970.
const SHIFT: i64 = 719_468;

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
        let (days, hour) = (
            self.0.div_euclid(HOURS_OF_DAY),
            self.0.rem_euclid(HOURS_OF_DAY),
        );
        let shifted = days + SHIFT;
        let era = shifted.div_euclid(DAYS_OF_ERA);
        let of_era = shifted.rem_euclid(DAYS_OF_ERA);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = year + era * 400 + later;
        format!("{year:04}-{month:02}-{day:02}-{hour:02}")
    }

    /// Nothing for what is no hour, or not written as one.
    pub(super) fn named(name: &FileName) -> Option<Hour> {
        let text = std::str::from_utf8(name.as_bytes()).ok()?;
        let mut parts = text.rsplitn(4, '-');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (hour, day, month, year) = (number()?, number()?, number()?, number()?);
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
        if !is_date || !(0..HOURS_OF_DAY).contains(&hour) || !(0..=9999).contains(&year) {
            return None;
        }
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * shifted + 2) / 5 + day - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let hour = Hour((era * DAYS_OF_ERA + days - SHIFT) * HOURS_OF_DAY + hour);
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
            (951_782_399, "2000-02-28-23"),
            (951_782_400, "2000-02-29-00"),
            (1_795_446_000, "2026-11-23-15"),
            (4_107_542_400, "2100-03-01-00"),
        ] {
            let hour = Hour::of(Timestamp {
                seconds,
                nanoseconds: 0,
            });
            assert_eq!(hour.name(), name);
            assert_eq!(
                Hour::named(&FileName::new(name.as_bytes()).unwrap()),
                Some(hour)
            );
            assert!((1..=SECONDS).contains(&(hour.end() - seconds)), "{name}");
        }
        for no_hour in [
            "2026-11-23",
            "2026-11-23-24",
            "2026-02-29-00",
            "2026-1-1-1",
            "x-11-23-15",
            "2026-11-23-15~1",
            "+2026-11-23-15",
        ] {
            let name = FileName::new(no_hour.as_bytes()).unwrap();
            assert_eq!(Hour::named(&name), None, "{no_hour}");
        }
    }
}
