//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::Timestamp;

/// Before 1970 it is 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: since.as_secs() as i64,
        nanoseconds: since.subsec_nanos(),
    }
}

/// The day and the time of a second since 1970, in UTC (the calendar of civil days: Howard Hinnant's algorithm).
pub(crate) fn utc(seconds: u64) -> (String, String) {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
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
    let (hour, minute, second) = (rest / HOUR, rest % HOUR / MINUTE, rest % MINUTE);
    (
        format!("{year}-{month:02}-{day:02}"),
        format!("{hour:02}:{minute:02}:{second:02}"),
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn days_are_those_of_the_calendar() {
        let told = |seconds| {
            let (day, time) = utc(seconds);
            format!("{day} {time}")
        };
        assert_eq!(told(0), "1970-01-01 00:00:00");
        assert_eq!(told(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(told(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(told(4_107_542_400), "2100-03-01 00:00:00");
    }
}
