//! Which certificates are not good any more, though they have not expired: the file `revoked`.
//!
//! A line is `serial 0a1b...` for one certificate, or `client/NAME` or `node/ID` for all that were made for it, those to come
//! included. The rest of a line after `#` is for people.

use std::collections::BTreeSet;

use super::certificate::Certificate;

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Revoked {
    serials: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// A line that says nothing. Whoever wrote it meant to shut somebody out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of it is not understood: a line is client/NAME, node/ID, or serial and the number of a certificate"
)]
pub struct RevokedError {
    /// From 1.
    line: usize,
}

impl Revoked {
    pub(super) fn parse(text: &str) -> Result<Revoked, RevokedError> {
        let mut revoked = Revoked::default();
        for (index, line) in text.lines().enumerate() {
            let said = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = said.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                ["serial", serial] if is_serial(serial) => {
                    revoked.serials.insert(plain(serial));
                }
                [name] if is_name(name) => {
                    revoked.names.insert((*name).to_owned());
                }
                _ => return Err(RevokedError { line: index + 1 }),
            }
        }
        Ok(revoked)
    }

    pub(super) fn has(&self, certificate: &Certificate) -> bool {
        self.serials.contains(&plain(&certificate.serial))
            || self.names.contains(&certificate.holder.name())
    }

    pub(super) fn len(&self) -> usize {
        self.serials.len() + self.names.len()
    }
}

fn is_name(text: &str) -> bool {
    format!("holdfast://{text}")
        .parse::<super::Holder>()
        .is_ok_and(|holder| holder.name() == text)
}

fn is_serial(text: &str) -> bool {
    !plain(text).is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

/// As openssl and others write it, in one way.
fn plain(serial: &str) -> String {
    let digits = serial.replace(':', "").to_ascii_lowercase();
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn certificate(holder: &str, serial: &str) -> Certificate {
        Certificate {
            holder: holder.parse().unwrap(),
            serial: serial.to_owned(),
            expires: SystemTime::now(),
        }
    }

    #[test]
    fn a_certificate_is_revoked_by_its_number_or_by_its_name() {
        let text = "# they left\nclient/alice  # in March\n\nserial 0A:1b:2C\nnode/3\n";
        let revoked = Revoked::parse(text).unwrap();
        assert_eq!(revoked.len(), 3);
        for (holder, serial, is_revoked) in [
            ("holdfast://client/alice?admin", "77", true),
            ("holdfast://client/alice2", "77", false),
            ("holdfast://client/bob", "0a:1b:2c", true),
            ("holdfast://client/bob", "a1b2c", true),
            ("holdfast://client/bob", "a1b2c0", false),
            ("holdfast://node/3", "77", true),
            ("holdfast://node/33", "77", false),
        ] {
            assert_eq!(
                revoked.has(&certificate(holder, serial)),
                is_revoked,
                "{holder} {serial}"
            );
        }
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error() {
        for text in [
            "alice",
            "client/",
            "serial",
            "serial xyz",
            "serial :",
            "client/a client/b",
            "node/0",
            "client/a?ro",
        ] {
            let text = format!("client/bob\n{text}\n");
            assert_eq!(
                Revoked::parse(&text),
                Err(RevokedError { line: 2 }),
                "{text}"
            );
        }
    }
}
