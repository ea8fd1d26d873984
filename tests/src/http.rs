//! Asks a node for its pages, as a browser or Prometheus would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a node may take to say more.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// 200 and the like.
    pub status: u16,
    /// The lines before the text, in small letters.
    pub head: String,
    /// The text.
    pub text: String,
}

impl Page {
    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Nothing when nobody listens.
pub fn get(address: &str, path: &str) -> Option<Page> {
    request("GET", address, path)
}

/// The same with another method.
pub fn request(method: &str, address: &str, path: &str) -> Option<Page> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Page {
        status,
        head: head.to_ascii_lowercase(),
        text: text.to_owned(),
    })
}
