//! The files `META` and `OFFER`.

use crate::raft::machine::tests::fixture::{log_id, membership};
use crate::raft::snapshot::Place;
use crate::raft::snapshot::listing::{ListedFile, Listing, ListingKind};
use crate::raft::type_config::{SnapshotMeta, StoredMembership};

fn listing(names: &[&str]) -> Listing {
    let file = |name: &&str| ListedFile {
        name: (*name).to_owned(),
        length: 4097,
        checksum: 0x8000_0001,
    };
    Listing {
        meta: SnapshotMeta {
            last_log_id: Some(log_id(9)),
            last_membership: StoredMembership::new(Some(log_id(3)), membership(&[1, 2, 3])),
        },
        files: names.iter().map(file).collect(),
    }
}

#[test]
fn a_listing_is_read_as_it_was_written() {
    for kind in [ListingKind::Meta, ListingKind::Offer] {
        let listing = listing(&["000009.sst", "CURRENT"]);
        assert_eq!(
            Listing::decode(kind, &listing.encode(kind)).unwrap(),
            listing
        );
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = listing(&["000009.sst", "CURRENT"]).encode(ListingKind::Meta);
    for position in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[position / 8] ^= 1 << (position % 8);
        assert!(
            Listing::decode(ListingKind::Meta, &flipped).is_err(),
            "bit {position}"
        );
    }
    for length in 0..bytes.len() {
        assert!(
            Listing::decode(ListingKind::Meta, &bytes[..length]).is_err(),
            "{length} bytes"
        );
    }
    assert!(Listing::decode(ListingKind::Offer, &bytes).is_err());
}

#[test]
fn another_version_is_named() {
    let mut bytes = listing(&[]).encode(ListingKind::Meta);
    bytes[7] = 2;
    let body = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..body]).to_be_bytes();
    bytes[body..].copy_from_slice(&checksum);
    let error = Listing::decode(ListingKind::Meta, &bytes).unwrap_err();
    assert!(
        error.to_string().contains("version 2, known is 1"),
        "{error}"
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "",
        "..",
        ".hidden",
        "a/b",
        "/etc/passwd",
        "OFFER",
        "a\0b",
        "a b",
    ] {
        assert!(listing(&[name]).check_names().is_err(), "{name:?}");
    }
    assert!(listing(&["CURRENT", "CURRENT"]).check_names().is_err());
    assert!(
        listing(&["000009.sst", "OPTIONS-000007", "META"])
            .check_names()
            .is_ok()
    );
}

#[test]
fn the_name_of_a_place_leads_back_to_it_and_the_last_place_is_the_greatest() {
    let place = Place::of(Some(log_id(42)));
    assert_eq!(place.name(), "1-1-42");
    assert_eq!(Place::of_name("1-1-42"), Some(place));
    for name in ["1-1", "1-1-042", "1-1-42-1", "draft.tmp", "+1-1-42"] {
        assert_eq!(Place::of_name(name), None, "{name}");
    }
    assert!(Place::of_name("1-1-42") > Place::of_name("2-1-41"));
}
