//! How long a certificate is good.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rcgen::{CertificateParams, date_time_ymd};

use crate::clock;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;
/// No certificate outlives its makers.
const LONGEST: u64 = 100 * YEAR;
/// A clock that is slow by less still takes a new certificate.
const SLOW_CLOCK: Duration = Duration::from_secs(HOUR);

/// A time with its unit, as in `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime(Duration);

impl Lifetime {
    pub(crate) const fn years(years: u64) -> Lifetime {
        Lifetime(Duration::from_secs(years * YEAR))
    }

    /// A certificate that is made now is good for so long.
    pub(super) fn begin_now(self, params: &mut CertificateParams) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.context("the clock of this machine is not set")?;
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + now.saturating_sub(SLOW_CLOCK);
        params.not_after = epoch + now + self.0;
        Ok(())
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Lifetime, String> {
        let expected = || "a time is a number with s, m, h, d or y, as in 90d".to_owned();
        let unit = text.chars().last().ok_or_else(expected)?;
        let seconds = match unit {
            's' => 1,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            'y' => YEAR,
            _ => return Err(expected()),
        };
        let number = text.strip_suffix(unit).unwrap_or_default();
        let number: u64 = number.parse().map_err(|_| expected())?;
        let seconds = number
            .checked_mul(seconds)
            .filter(|all| (1..=LONGEST).contains(all));
        let seconds = seconds.ok_or_else(|| "no certificate is good for that long".to_owned())?;
        Ok(Lifetime(Duration::from_secs(seconds)))
    }
}

/// A day and a time, in UTC.
pub(super) fn date(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (day, time) = clock::utc(since.as_secs() as i64);
    let (minutes, _seconds) = time.rsplit_once(':').unwrap_or((&time, ""));
    format!("{day} {minutes} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_an_end() {
        let read = |text: &str| text.parse::<Lifetime>().map(|time| time.0.as_secs());
        assert_eq!(read("2s"), Ok(2));
        assert_eq!(read("90d"), Ok(90 * DAY));
        assert_eq!(read("10y"), Ok(10 * YEAR));
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "1.5d",
            "0d",
            "101y",
            "99999999999999999999d",
            "9 d",
            "1\u{e9}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_795_305_540), "2026-11-21 23:59 UTC");
        assert_eq!(at(4_107_542_399), "2100-02-28 23:59 UTC");
    }
}
