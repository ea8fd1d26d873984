//! Days of the calendar, in UTC (Howard Hinnant's algorithms of civil days).

use std::fmt;

const SECONDS: i64 = 24 * 3600;
const DAYS_OF_ERA: i64 = 146_097;
/// From the first day of the era to that of 1970.
const SHIFT: i64 = 719_468;

/// A day, counted from 1970 on; written as `2026-11-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of a second since 1970, and the seconds since it began.
    pub fn of(seconds: i64) -> (Day, u32) {
        let rest = seconds.rem_euclid(SECONDS);
        (Day(seconds.div_euclid(SECONDS)), rest as u32)
    }

    /// The second in which it begins.
    pub fn begin(self) -> i64 {
        self.0.saturating_mul(SECONDS)
    }

    /// Nothing for what is no day of the years 0 to 9999, or not written as one.
    pub fn named(text: &str) -> Option<Day> {
        let mut parts = text.splitn(3, '-');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (year, month, day) = (number()?, number()?, number()?);
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
        if !is_date || !(0..=9999).contains(&year) {
            return None;
        }
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * shifted + 2) / 5 + day - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let found = Day(era * DAYS_OF_ERA + days - SHIFT);
        (found.to_string() == text).then_some(found)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifted = self.0 + SHIFT;
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
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_name_and_the_name_one_day() {
        for (seconds, name, rest) in [
            (0, "1970-01-01", 0),
            (-1, "1969-12-31", 86_399),
            (951_782_399, "2000-02-28", 86_399),
            (951_782_400, "2000-02-29", 0),
            (1_795_446_001, "2026-11-23", 54_001),
            (4_107_542_400, "2100-03-01", 0),
        ] {
            let (day, since) = Day::of(seconds);
            assert_eq!((day.to_string().as_str(), since), (name, rest));
            assert_eq!(Day::named(name), Some(day));
            assert_eq!(day.begin() + i64::from(since), seconds);
        }
        for no_day in [
            "",
            "2026-11",
            "2026-02-29",
            "2026-1-1",
            "x-11-23",
            "+2026-11-23",
            "10000-01-01",
        ] {
            assert_eq!(Day::named(no_day), None, "{no_day}");
        }
    }
}
