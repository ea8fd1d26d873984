//! The list alone: what is valid, what a mode makes of it, whom it lets in.

use super::*;
use crate::permission::fixture::{list, user};

fn decoded(text: &str) -> AccessList {
    AccessList::decode(&list(text)).unwrap().unwrap()
}

fn refused(value: &[u8]) -> PosixError {
    AccessList::decode(value).unwrap_err()
}

#[test]
fn a_list_is_encoded_as_the_kernel_does() {
    let value = decoded("u::rw-,u:7:r--,g::r--,m::r--,o::---").encode();
    let expected = [
        [2, 0, 0, 0].as_slice(),
        &[1, 0, 6, 0, 255, 255, 255, 255],
        &[2, 0, 4, 0, 7, 0, 0, 0],
        &[4, 0, 4, 0, 255, 255, 255, 255],
        &[16, 0, 4, 0, 255, 255, 255, 255],
        &[32, 0, 0, 0, 255, 255, 255, 255],
    ];
    assert_eq!(value, expected.concat());
}

#[test]
fn lists_are_read_back() {
    for text in [
        "u::rwx,g::r-x,o::---",
        "u::rwx,g::r-x,m::rwx,o::---",
        "u::rwx,u:1:r--,u:2:rw-,g::r-x,g:3:---,g:4:--x,m::rwx,o::-w-",
    ] {
        assert_eq!(decoded(text).encode(), list(text), "{text}");
    }
}

#[test]
fn a_value_without_entries_is_no_list() {
    assert_eq!(AccessList::decode(b""), Ok(None));
    assert_eq!(AccessList::decode(&[2, 0, 0, 0]), Ok(None));
}

#[test]
fn a_value_that_is_cut_off_is_invalid() {
    let value = list("u::rwx,g::r-x,o::---");
    for length in (1..value.len()).filter(|length| *length != 4) {
        assert_eq!(
            refused(&value[..length]),
            PosixError::InvalidArgument,
            "{length}"
        );
    }
}

#[test]
fn another_version_is_not_supported() {
    assert_eq!(refused(&[1, 0, 0, 0]), PosixError::NotSupported);
}

#[test]
fn incomplete_lists_are_invalid() {
    for text in ["u::rwx", "u::rwx,g::r-x", "g::r-x,o::---", "u::rwx,o::---"] {
        assert_eq!(refused(&list(text)), PosixError::InvalidArgument, "{text}");
    }
}

#[test]
fn entries_out_of_order_or_there_twice_are_invalid() {
    for text in [
        "g::r-x,u::rwx,o::---",
        "u::rwx,o::---,g::r-x",
        "u::rwx,u::rwx,g::r-x,o::---",
        "u::rwx,g::r-x,g::r-x,o::---",
        "u::rwx,g::r-x,o::---,o::---",
        "u::rwx,g::r-x,m::rwx,m::rwx,o::---",
        "u::rwx,g::r-x,u:1:r--,m::rwx,o::---",
        "u::rwx,g::r-x,m::rwx,g:1:r--,o::---",
    ] {
        assert_eq!(refused(&list(text)), PosixError::InvalidArgument, "{text}");
    }
}

#[test]
fn a_named_user_or_group_needs_a_mask() {
    for text in [
        "u::rwx,u:1:r--,g::r-x,o::---",
        "u::rwx,g::r-x,g:1:r--,o::---",
    ] {
        assert_eq!(refused(&list(text)), PosixError::InvalidArgument, "{text}");
    }
}

#[test]
fn unknown_tags_permissions_and_ids_are_invalid() {
    let good = list("u::rwx,u:1:r--,g::r-x,m::rwx,o::---");
    for (position, byte) in [(4, 3), (5, 1), (6, 8), (7, 1)] {
        let mut value = good.to_vec();
        value[position] = byte;
        assert_eq!(refused(&value), PosixError::InvalidArgument, "{position}");
    }
    let nobody = list("u::rwx,u:4294967295:r--,g::r-x,m::rwx,o::---");
    assert_eq!(refused(&nobody), PosixError::InvalidArgument);
}

#[test]
fn the_mask_shows_as_the_group_of_the_mode() {
    assert_eq!(decoded("u::rwx,g::r-x,o::--x").mode_bits(), 0o751);
    assert_eq!(decoded("u::rwx,g::r-x,m::-w-,o::--x").mode_bits(), 0o721);
}

#[test]
fn only_a_list_of_three_entries_is_a_mode() {
    assert!(decoded("u::rwx,g::r-x,o::--x").is_mode());
    assert!(!decoded("u::rwx,g::r-x,m::r-x,o::--x").is_mode());
    assert!(!decoded("u::rwx,u:1:r--,g::r-x,m::r-x,o::--x").is_mode());
}

#[test]
fn chmod_changes_owner_mask_and_others() {
    let mut with_mask = decoded("u::rwx,u:1:rw-,g::r-x,m::rwx,o::---");
    with_mask.follow(Mode::new(0o2641));
    assert_eq!(with_mask, decoded("u::rw-,u:1:rw-,g::r-x,m::r--,o::--x"));
    let mut without_mask = decoded("u::rwx,g::r-x,o::---");
    without_mask.follow(Mode::new(0o641));
    assert_eq!(without_mask, decoded("u::rw-,g::r--,o::--x"));
}

#[test]
fn a_new_inode_gets_what_both_the_list_and_its_mode_grant() {
    let mut with_mask = decoded("u::rwx,u:1:rwx,g::r-x,m::rwx,o::r-x");
    assert_eq!(with_mask.restrict(Mode::new(0o5666)), Mode::new(0o5664));
    assert_eq!(with_mask, decoded("u::rw-,u:1:rwx,g::r-x,m::rw-,o::r--"));
    let mut without_mask = decoded("u::r-x,g::r-x,o::---");
    assert_eq!(without_mask.restrict(Mode::new(0o666)), Mode::new(0o440));
    assert_eq!(without_mask, decoded("u::r--,g::r--,o::---"));
}

#[test]
fn a_named_user_gets_what_the_entry_and_the_mask_grant_and_no_more() {
    let list = decoded("u::rwx,u:1:rw-,g::rwx,g:1:rwx,m::r-x,o::rwx");
    assert!(list.grants(&user(1, &[]), 9, 4));
    assert!(!list.grants(&user(1, &[]), 9, 2));
    assert!(!list.grants(&user(1, &[9]), 9, 1));
}

#[test]
fn one_of_the_groups_must_grant_everything() {
    let list = decoded("u::rwx,g::r--,g:5:-w-,g:6:rw-,m::rwx,o::rwx");
    assert!(list.grants(&user(1, &[5]), 9, 2));
    assert!(list.grants(&user(1, &[9, 5]), 9, 4));
    assert!(!list.grants(&user(1, &[9, 5]), 9, 6));
    assert!(list.grants(&user(1, &[9, 5, 6]), 9, 6));
}

#[test]
fn a_member_of_a_group_that_refuses_is_not_one_of_the_others() {
    let list = decoded("u::rwx,g::r--,g:5:---,m::rwx,o::rwx");
    assert!(!list.grants(&user(1, &[5]), 9, 4));
    assert!(!list.grants(&user(1, &[9]), 9, 1));
    assert!(list.grants(&user(1, &[]), 9, 7));
}

#[test]
fn the_mask_does_not_bound_the_others() {
    let list = decoded("u::rwx,g::rwx,m::---,o::r-x");
    assert!(list.grants(&user(1, &[]), 9, 5));
    assert!(!list.grants(&user(1, &[9]), 9, 4));
}
