//! What is read, and above all what is not.

use super::*;

fn rights(text: &str) -> Rights {
    match text.parse() {
        Ok(Holder::Client(rights)) => rights,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn nodes_and_clients_are_read_as_they_are_written() {
    for text in [
        "holdfast://node/1",
        "holdfast://node/18446744073709551615",
        "holdfast://client/alice",
        "holdfast://client/alice?admin",
        "holdfast://client/build-7.example?volumes=*",
        "holdfast://client/alice?volumes=home,mail&ro&admin",
        "holdfast://client/alice?volumes=home&squash=1000:100",
        "holdfast://client/alice?volumes=home&ro&squash=4294967294:0",
    ] {
        let holder: Holder = text.parse().unwrap();
        assert_eq!(holder.to_string(), text);
    }
    assert_eq!("holdfast://node/3".parse(), Ok(Holder::Node(3)));
}

#[test]
fn a_client_has_no_right_that_is_not_written() {
    let none = rights("holdfast://client/alice");
    assert!(!none.may_use("home") && !none.admin && !none.read_only);
    let some = rights("holdfast://client/alice?volumes=home,mail&ro");
    assert!(some.may_use("home") && some.may_use("mail") && some.read_only);
    assert!(!some.may_use("hom") && !some.may_use("home,mail") && !some.may_use("*"));
    assert!(!some.may_use("") && !some.admin);
    assert!(rights("holdfast://client/alice?volumes=*").may_use("anything"));
}

#[test]
fn what_is_not_written_exactly_so_is_refused() {
    for text in [
        "",
        "holdfast:",
        "holdfast://",
        "holdfast://node",
        "holdfast://node/",
        "holdfast://node/0",
        "holdfast://node/01",
        "holdfast://node/+1",
        "holdfast://node/-1",
        "holdfast://node/1?admin",
        "holdfast://node/1/",
        "holdfast://node/18446744073709551616",
        "HOLDFAST://node/1",
        "https://node/1",
        "holdfast://king/1",
        "holdfast://client/",
        "holdfast://client/Alice",
        "holdfast://client/al/ice",
        "holdfast://client/-alice",
        "holdfast://client/alice?",
        "holdfast://client/alice&admin",
        "holdfast://client/alice?admin&ro",
        "holdfast://client/alice?ro&ro",
        "holdfast://client/alice?ro=no",
        "holdfast://client/alice?volumes=",
        "holdfast://client/alice?volumes=b,a",
        "holdfast://client/alice?volumes=a,a",
        "holdfast://client/alice?volumes=a&volumes=b",
        "holdfast://client/alice?volumes=a,*",
        "holdfast://client/alice?volumes=%2a",
        "holdfast://client/alice?volumes=a&hours=9-17",
        "holdfast://client/alice?volumes=a&squash=",
        "holdfast://client/alice?volumes=a&squash=1000",
        "holdfast://client/alice?volumes=a&squash=alice:alice",
        "holdfast://client/alice?volumes=a&squash=01:1",
        "holdfast://client/alice?volumes=a&squash=0:1",
        "holdfast://client/alice?volumes=a&squash=4294967295:1",
        "holdfast://client/alice?volumes=a&squash=1:4294967295",
        "holdfast://client/alice?volumes=a&squash=1:1&ro",
        "holdfast://client/alice?volumes=a&squash=1:1&squash=2:2",
        "holdfast://client/alice?volumes=a&squash=1:1&admin",
        "holdfast://client/alice?volumes=a#ro",
        "holdfast://client/alice\0?admin",
    ] {
        let read: Result<Holder, _> = text.parse();
        assert!(read.is_err(), "{text:?} is {read:?}");
    }
}

#[test]
fn a_name_is_as_long_as_that_of_a_volume() {
    assert!(Rights::new(&"a".repeat(64)).is_ok());
    assert!(Rights::new(&"a".repeat(65)).is_err());
}
