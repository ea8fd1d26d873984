//! The name of a test, such as `generic/001`.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;

/// A folder of xfstests and a number of three digits or more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TestName {
    folder: String,
    number: u32,
}

impl FromStr for TestName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<TestName> {
        if let Some((folder, digits)) = text.split_once('/')
            && !folder.is_empty()
            && folder.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && digits.len() >= 3
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            let folder = folder.to_owned();
            let number = digits.parse()?;
            return Ok(TestName { folder, number });
        }
        bail!("{text:?} is not the name of a test, such as generic/001")
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{:03}", self.folder, self.number)
    }
}

impl Ord for TestName {
    fn cmp(&self, other: &TestName) -> std::cmp::Ordering {
        (&self.folder, self.number).cmp(&(&other.folder, other.number))
    }
}

impl PartialOrd for TestName {
    fn partial_cmp(&self, other: &TestName) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folder_and_three_digits_or_more() {
        for name in ["generic/001", "xfs/1042"] {
            assert_eq!(name.parse::<TestName>().unwrap().to_string(), name);
        }
        for wrong in [
            "generic",
            "generic/",
            "generic/1",
            "generic/quick",
            "/001",
            "a b/001",
        ] {
            wrong.parse::<TestName>().unwrap_err();
        }
    }

    #[test]
    fn tests_are_in_the_order_of_their_numbers() {
        let [first, second] = ["generic/999", "generic/1000"].map(|name| name.parse().unwrap());
        assert!(TestName::cmp(&first, &second).is_lt());
    }
}
