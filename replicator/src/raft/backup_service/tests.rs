//! A client that does not read does not keep a dump waiting for ever.

use super::*;

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (parts, mut taken) = mpsc::channel(1);
    let mut output = Parts {
        client: parts,
        part: BytesMut::new(),
        runtime: runtime.handle().clone(),
        stall: Duration::from_millis(50),
    };
    output.write_all(&vec![1; PART_BYTES]).unwrap();
    let error = output.write_all(&vec![2; PART_BYTES]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    // What it takes later has no end that would make it whole.
    let part = runtime.block_on(taken.recv()).unwrap();
    assert!(matches!(part.part, Some(dump_part::Part::Data(data)) if data.len() == PART_BYTES));
}

#[test]
fn a_client_that_is_gone_ends_the_dump() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (parts, taken) = mpsc::channel(1);
    drop(taken);
    let mut output = Parts {
        client: parts,
        part: BytesMut::new(),
        runtime: runtime.handle().clone(),
        stall: STALL,
    };
    let error = output.write_all(&vec![1; PART_BYTES]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
