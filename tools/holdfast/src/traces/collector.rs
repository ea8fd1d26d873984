//! Where traces go: `http://HOST:PORT`, as OTLP over HTTP has it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SCHEME: &str = "http://";
/// Where a collector takes traces unless the address says it.
const PATH: &str = "/v1/traces";
/// A collector is near; whoever is slower than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most that is read of an answer.
const LINE_BYTES_MAX: u64 = 1024;

/// One that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collector {
    authority: String,
    path: String,
}

/// Why a text is not the address of a collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CollectorError {
    #[error(
        "traces are sent to http://HOST:PORT; for anything else let a collector on this machine pass them on"
    )]
    Scheme,
    #[error("not http://HOST:PORT")]
    Authority,
}

impl FromStr for Collector {
    type Err = CollectorError;

    fn from_str(text: &str) -> Result<Collector, CollectorError> {
        let rest = text.strip_prefix(SCHEME).ok_or(CollectorError::Scheme)?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, String::from("/")),
        };
        let port = authority.rsplit_once(':');
        let is_fit =
            port.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        // Nothing that would be a line of its own.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_fit || !is_plain || authority.contains('@') {
            return Err(CollectorError::Authority);
        }
        let path = if path == "/" { PATH.to_owned() } else { path };
        Ok(Collector {
            authority: authority.to_owned(),
            path,
        })
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}{}", self.authority, self.path)
    }
}

impl Serialize for Collector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Collector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Collector, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Collector {
    /// Hands over one message; an error is for the log.
    pub(super) fn take(&self, body: &[u8]) -> io::Result<()> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut status = String::new();
        let mut answer = BufReader::new(io::Read::take(stream, LINE_BYTES_MAX));
        answer.read_line(&mut status)?;
        let code = status.split(' ').nth(1).unwrap_or_default();
        if code.len() == 3 && code.starts_with('2') {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "it answers {:?}",
            status.trim_end()
        )))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("it has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_perhaps_a_path() {
        let shown = |text: &str| text.parse::<Collector>().unwrap().to_string();
        assert_eq!(
            shown("http://127.0.0.1:4318"),
            "http://127.0.0.1:4318/v1/traces"
        );
        assert_eq!(shown("http://[::1]:4318/"), "http://[::1]:4318/v1/traces");
        assert_eq!(
            shown("http://traces:80/in/here"),
            "http://traces:80/in/here"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let refused = |text: &str| text.parse::<Collector>().unwrap_err();
        for text in ["https://127.0.0.1:4318", "127.0.0.1:4318", ""] {
            assert_eq!(refused(text), CollectorError::Scheme, "{text}");
        }
        for text in [
            "http://",
            "http://host",
            "http://:4318",
            "http://host:port",
            "http://host:70000",
            "http://me@host:4318",
            "http://host:4318/a b",
            "http://host:4318/\r\nX: y",
        ] {
            assert_eq!(refused(text), CollectorError::Authority, "{text}");
        }
    }
}
