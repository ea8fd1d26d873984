//! Garbage below and within gRPC.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use holdfast_tests::{Cluster, Random};

use super::{Calm, PATIENCE, lines};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame that ends its stream, and the flag of others that do.
const RESET: u8 = 3;
const END_STREAM: u8 = 1;
/// The number of this status, 11, as headers have it.
const OUT_OF_RANGE: &[u8] = &[0x82, 0x08, 0x7f];
const CALL: &str = "/holdfast.v1.Client/Call";
const OPEN: &str = "/holdfast.v1.Client/OpenVolume";
const VOTE: &str = "/holdfast.v1.Raft/RequestVote";
const HEARTBEATS: &str = "/holdfast.v1.Raft/Heartbeats";
/// What a message may have; more is refused as soon as it is announced.
const BYTES_MAX: [(&str, u32); 4] = [
    (CALL, 4 << 20),
    (OPEN, 4 << 20),
    (VOTE, 64 << 20),
    (HEARTBEATS, 64 << 20),
];

/// An HTTP/2 frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Settings, and the headers of a call on stream 1.
fn opening(path: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "node"),
        (":path", path),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("holdfast-protocol", "1"),
    ] {
        // A literal that is not indexed, its name and value not compressed.
        headers.extend_from_slice(&[0, name.len() as u8]);
        headers.extend_from_slice(name.as_bytes());
        headers.push(value.len() as u8);
        headers.extend_from_slice(value.as_bytes());
    }
    [PREFACE, &frame(4, 0, 0, &[]), &frame(1, 4, 1, &headers)].concat()
}

/// A gRPC message of a length that may be a lie, in a frame of stream 1.
fn message(length: u32, bytes: &[u8]) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(bytes);
    frame(0, 0, 1, &payload)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What is said on stream 1 until a frame ends it.
fn answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload)?;
        let of_call = head[5..] == 1_u32.to_be_bytes();
        if of_call {
            said.append(&mut payload);
        }
        let (kind, flags) = (head[3], head[4]);
        if of_call && (kind == RESET || flags & END_STREAM != 0) {
            return Ok(said);
        }
    }
}

/// Sends it, says that nothing more comes, and waits until the node has hung up.
fn send_to_the_end(address: &str, bytes: &[u8]) {
    let mut stream = connect(address);
    // A node that hangs up early is right.
    if stream.write_all(bytes).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

#[test]
fn garbage_on_the_line_harms_nobody() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address();
    let mut calm = Calm::of(&cluster);
    let mut random = Random::announced();
    for _ in 0..50 {
        let length = random.below(20_000) as usize;
        send_to_the_end(address, &random.bytes(length));
    }
    calm.assert_unharmed(&cluster, "random bytes");
    let page = b"GET / HTTP/1.1\r\nHost: node\r\n\r\n";
    send_to_the_end(address, page);
    calm.assert_unharmed(&cluster, "a request for a page");
    for _ in 0..50 {
        let length = random.below(20_000) as usize;
        send_to_the_end(address, &[PREFACE, &random.bytes(length)].concat());
    }
    calm.assert_unharmed(&cluster, "a preface and random bytes");
    for path in [
        CALL,
        OPEN,
        VOTE,
        HEARTBEATS,
        "/",
        "/holdfast.v1.Client/None",
    ] {
        for _ in 0..20 {
            let bytes = random.bytes(1000);
            let garbage = message(bytes.len() as u32, &bytes);
            send_to_the_end(address, &[opening(path), garbage].concat());
        }
        calm.assert_unharmed(&cluster, path);
    }
    let complaints = lines(&cluster, 1, "refused: a call of");
    assert!((1..=6).contains(&complaints), "{complaints} lines");
}

#[test]
fn a_message_that_is_said_to_be_huge_takes_no_memory() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address();
    let mut calm = Calm::of(&cluster);
    let say = |length: u32, path: &str| {
        let mut stream = connect(address);
        let opened = [opening(path), message(length, &[8; 1000])].concat();
        stream.write_all(&opened).unwrap();
        stream
    };
    // For each path 20 times, with a length that depends on what is allowed.
    let say_all = |length: fn(u32) -> u32| {
        let each = |(path, most)| (0..20).map(move |_| (path, say(length(most), path)));
        BYTES_MAX.into_iter().flat_map(each).collect::<Vec<_>>()
    };
    let too_long: [fn(u32) -> u32; 3] = [|_| u32::MAX, |_| 1 << 31, |most| most + 1];
    for length in too_long {
        for (path, mut stream) in say_all(length) {
            let answer = answer(&mut stream).unwrap();
            // A stream of messages ends with the last good one: here there was none.
            let is_stream = [CALL, HEARTBEATS].contains(&path);
            let is_refused = answer.windows(3).any(|part| part == OUT_OF_RANGE);
            assert!(is_stream || is_refused, "{path}: {}", answer.escape_ascii());
        }
    }
    calm.assert_unharmed(&cluster, "240 messages that are too long");
    let mut waiting = say_all(|most| most);
    calm.assert_unharmed(&cluster, "80 huge messages that do not come");
    for (path, stream) in &mut waiting {
        // It waits for the rest, until it hangs up on who answers no ping.
        assert!(answer(stream).is_err(), "{path} is not waited for");
    }
    drop(waiting);
    calm.assert_unharmed(&cluster, "they were given up");
}

#[test]
fn a_stream_without_end_is_bounded() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address();
    let mut calm = Calm::of(&cluster);
    for path in [OPEN, VOTE, "/holdfast.v1.Admin/Status"] {
        let mut stream = connect(address);
        stream.write_all(&opening(path)).unwrap();
        let piece = frame(0, 0, 1, &[0; 16_384]);
        // Until the node takes no more, or has hung up.
        stream.set_write_timeout(Some(PATIENCE / 10)).unwrap();
        let taken = (0..20_000).take_while(|_| stream.write_all(&piece).is_ok());
        println!("{path}: {} MiB", (taken.count() * piece.len()) >> 20);
        calm.assert_unharmed(&cluster, path);
    }
}

#[test]
fn connections_that_say_nothing_are_cut_off() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address();
    let mut calm = Calm::of(&cluster);
    let mut silent: Vec<TcpStream> = (0..400).map(|_| connect(address)).collect();
    calm.assert_unharmed(&cluster, "400 silent connections");
    for stream in &mut silent {
        // The node has said its settings, and then nothing more.
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
    }
    calm.assert_unharmed(&cluster, "they were cut off");
}
