//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::{Day, Timestamp};

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

/// The day and the time of a second since 1970, in UTC.
pub(crate) fn utc(seconds: i64) -> (Day, String) {
    let (day, since) = Day::of(seconds);
    let (hour, minute, second) = (since / 3600, since / 60 % 60, since % 60);
    (day, format!("{hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn a_time_of_day_has_two_digits_each() {
        let (day, time) = utc(951_782_400 + 3600 + 120 + 3);
        assert_eq!(format!("{day} {time}"), "2000-02-29 01:02:03");
        let (day, time) = utc(-1);
        assert_eq!(format!("{day} {time}"), "1969-12-31 23:59:59");
    }
}
