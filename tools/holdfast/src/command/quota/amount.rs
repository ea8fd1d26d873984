//! Amounts as people write and read them.

use holdfast_metadata::Amounts;

const UNITS: [(char, u32); 5] = [('K', 1), ('M', 2), ('G', 3), ('T', 4), ('P', 5)];

/// `500M`, `10G`: units of 1024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    parse(text, 1024).ok_or_else(|| "it is like 500M, 10G, 1000000 or none".to_owned())
}

/// `500`, `100k`: units of 1000.
pub(super) fn number(text: &str) -> Result<u64, String> {
    parse(text, 1000).ok_or_else(|| "it is like 500, 100k, 2M or none".to_owned())
}

fn parse(text: &str, unit: u64) -> Option<u64> {
    if text == "none" {
        return Some(Amounts::NO_LIMIT);
    }
    let upper = text.to_ascii_uppercase();
    let found = UNITS
        .iter()
        .find_map(|(letter, power)| Some((upper.strip_suffix(*letter)?, *power)));
    let (digits, power) = found.unwrap_or((&upper, 0));
    let number: u64 = digits.parse().ok()?;
    number
        .checked_mul(unit.checked_pow(power)?)
        .filter(|amount| *amount != Amounts::NO_LIMIT)
}

/// As `df -h` shows it.
pub(super) fn show_bytes(bytes: u64) -> String {
    match bytes {
        Amounts::NO_LIMIT => "none".to_owned(),
        bytes => indicatif::BinaryBytes(bytes).to_string(),
    }
}

/// The number itself.
pub(super) fn show_number(number: u64) -> String {
    match number {
        Amounts::NO_LIMIT => "none".to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_bytes_and_of_numbers() {
        assert_eq!(bytes("10G"), Ok(10 << 30));
        assert_eq!(bytes("1k"), Ok(1024));
        assert_eq!(number("100k"), Ok(100_000));
        assert_eq!(number("7"), Ok(7));
        assert_eq!(number("none"), Ok(Amounts::NO_LIMIT));
        for nonsense in ["", "G", "-1", "1.5G", "10GB", "16777216P"] {
            assert!(bytes(nonsense).is_err(), "{nonsense}");
        }
    }
}
