//! Where traces go: `http://HOST:PORT`, as OTLP over HTTP has it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SCHEME: &str = "http://";
/// Where a collector takes traces unless the address says it.
const PATH: &str = "/v1/traces";
/// A collector is near; whoever takes longer for one message is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most that is read of an answer.
const LINE_BYTES_MAX: usize = 1024;

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
        let is_fit = authority.rsplit_once(':').is_some_and(|(host, port)| {
            // An address with colons is in brackets.
            let is_host = !host.is_empty() && (host.starts_with('[') || !host.contains(':'));
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            is_host && is_number && port.parse::<NonZeroU16>().is_ok()
        });
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
        self.take_within(PATIENCE, body)
    }

    fn take_within(&self, patience: Duration, body: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        let stream = self.connect(patience)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority,
            body.len()
        );
        write(&stream, head.as_bytes(), deadline)?;
        write(&stream, body, deadline)?;
        let status = read_line(&stream, deadline)?;
        let code = status.split(' ').nth(1).unwrap_or_default();
        if code.len() == 3 && code.starts_with('2') {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "it answers {:?}",
            status.trim_end()
        )))
    }

    fn connect(&self, patience: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::other("it has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn write(mut stream: &TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        let count = stream.write(bytes).map_err(late)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// The first line, or what there is of it.
fn read_line(mut stream: &TcpStream, deadline: Instant) -> io::Result<String> {
    let (mut line, mut part) = (Vec::new(), [0; 128]);
    while line.len() < LINE_BYTES_MAX && !line.contains(&b'\n') {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let count = stream.read(&mut part).map_err(late)?;
        if count == 0 {
            break;
        }
        line.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    let line = String::from_utf8_lossy(&line);
    Ok(line.lines().next().unwrap_or_default().to_owned())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(late(io::ErrorKind::TimedOut.into()));
    }
    Ok(left)
}

/// In words, if it is that nothing came in time.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::other("it does not answer in time")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_answers_a_letter_at_a_time_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (over, is_over) = mpsc::channel::<()>();
        let slow = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let letter = Duration::from_millis(10);
            while is_over.recv_timeout(letter) == Err(mpsc::RecvTimeoutError::Timeout) {
                // It has hung up, and is about to say so.
                stream.write_all(b"H").ok();
            }
        });
        let patience = Duration::from_millis(300);
        let collector: Collector = url.parse().unwrap();
        let refused = collector.take_within(patience, b"{}").unwrap_err();
        assert_eq!(refused.to_string(), "it does not answer in time");
        drop(over);
        slow.join().unwrap();
    }

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
            "http://host:0",
            "http://host:+80",
            "http://::1:4318",
            "http://me@host:4318",
            "http://host:4318/a b",
            "http://host:4318/\r\nX: y",
        ] {
            assert_eq!(refused(text), CollectorError::Authority, "{text}");
        }
    }
}
