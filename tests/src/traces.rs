//! A collector of traces, as OpenTelemetry has them: takes what is sent to it over HTTP, and remembers it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use serde_json::Value;

/// Takes traces until it is dropped.
#[derive(Debug)]
pub struct Traces {
    address: SocketAddr,
    taken: Arc<Taken>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Taken {
    is_over: AtomicBool,
    messages: Mutex<Vec<Value>>,
}

impl Traces {
    /// On an address of its own.
    pub fn start() -> Traces {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Taken>::default();
        let into = Arc::clone(&taken);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if into.is_over.load(Ordering::Relaxed) {
                    return;
                }
                into.messages.lock().push(take(stream.unwrap()));
            }
        });
        Traces {
            address,
            taken,
            thread: Some(thread),
        }
    }

    /// For who sends.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Value> {
        let messages = self.taken.messages.lock();
        let spans = messages.iter().flat_map(|message| {
            let scope = &message["resourceSpans"][0]["scopeSpans"][0];
            scope["spans"].as_array().unwrap().clone()
        });
        spans.collect()
    }

    /// The programs that have sent some.
    pub fn instances(&self) -> Vec<String> {
        let messages = self.taken.messages.lock();
        let instances = messages.iter().map(|message| {
            let attributes = &message["resourceSpans"][0]["resource"]["attributes"];
            attributes[2]["value"]["stringValue"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        let mut instances: Vec<String> = instances.collect();
        instances.sort();
        instances.dedup();
        instances
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        self.taken.is_over.store(true, Ordering::Relaxed);
        // Lets it see that.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            let is_well = thread.join().is_ok();
            assert!(is_well || thread::panicking(), "the collector has failed");
        }
    }
}

/// One message; what is not one fails the test.
fn take(mut stream: TcpStream) -> Value {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name {
            "Content-Length" => length = value.parse().unwrap(),
            "Content-Type" => assert_eq!(value, "application/json"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        .unwrap();
    serde_json::from_slice(&body).unwrap()
}
