//! Users and groups: their quotas, and how far is counted what they use.

use holdfast_metadata::{
    CountOwners, InodeId, Owner, OwnerCount, OwnerInfo, Owners, Query, SetOwnerQuota,
};

use super::reply::{decode_all, decode_amounts, encode_amounts};
use crate::generated as wire;
use crate::generated::owner::Of;
use crate::malformed::Malformed;

fn encode_owner(owner: Owner) -> wire::Owner {
    let of = match owner {
        Owner::User(uid) => Of::User(uid),
        Owner::Group(gid) => Of::Group(gid),
    };
    wire::Owner { of: Some(of) }
}

fn decode_owner(owner: Option<wire::Owner>) -> Result<Owner, Malformed> {
    match owner.and_then(|owner| owner.of) {
        Some(Of::User(uid)) => Ok(Owner::User(uid)),
        Some(Of::Group(gid)) => Ok(Owner::Group(gid)),
        None => Err(Malformed::missing("a user or a group")),
    }
}

fn decode_length(length: u64) -> Result<usize, Malformed> {
    usize::try_from(length).map_err(|_| Malformed::invalid("the length of a page", &length))
}

impl From<&SetOwnerQuota> for wire::SetOwnerQuota {
    fn from(set: &SetOwnerQuota) -> wire::SetOwnerQuota {
        wire::SetOwnerQuota {
            owner: Some(encode_owner(set.owner)),
            bytes: set.bytes,
            inodes: set.inodes,
        }
    }
}

impl TryFrom<wire::SetOwnerQuota> for SetOwnerQuota {
    type Error = Malformed;

    fn try_from(set: wire::SetOwnerQuota) -> Result<SetOwnerQuota, Malformed> {
        Ok(SetOwnerQuota {
            owner: decode_owner(set.owner)?,
            bytes: set.bytes,
            inodes: set.inodes,
        })
    }
}

impl From<&CountOwners> for wire::CountOwners {
    fn from(count: &CountOwners) -> wire::CountOwners {
        wire::CountOwners {
            on: count.on,
            records_max: count.records_max as u64,
        }
    }
}

impl TryFrom<wire::CountOwners> for CountOwners {
    type Error = Malformed;

    fn try_from(count: wire::CountOwners) -> Result<CountOwners, Malformed> {
        Ok(CountOwners {
            on: count.on,
            records_max: decode_length(count.records_max)?,
        })
    }
}

pub(super) fn encode_question(from: Owner, owners_max: usize) -> wire::OwnersOfVolume {
    wire::OwnersOfVolume {
        from: Some(encode_owner(from)),
        owners_max: owners_max as u64,
    }
}

pub(super) fn decode_question(question: wire::OwnersOfVolume) -> Result<Query, Malformed> {
    Ok(Query::Owners {
        from: decode_owner(question.from)?,
        owners_max: decode_length(question.owners_max)?,
    })
}

pub(super) fn encode_page(page: Owners) -> wire::Owners {
    wire::Owners {
        counted: page.count.number(),
        next_inode: page.next_inode.get(),
        owners: page.owners.into_iter().map(encode_info).collect(),
    }
}

pub(super) fn decode_page(page: wire::Owners) -> Result<Owners, Malformed> {
    Ok(Owners {
        count: OwnerCount::from_number(page.counted),
        next_inode: InodeId::new(page.next_inode),
        owners: decode_all(page.owners, decode_info)?,
    })
}

fn encode_info(info: OwnerInfo) -> wire::OwnerInfo {
    wire::OwnerInfo {
        owner: Some(encode_owner(info.owner)),
        limits: Some(encode_amounts(info.limits)),
        used: Some(encode_amounts(info.used)),
    }
}

fn decode_info(info: wire::OwnerInfo) -> Result<OwnerInfo, Malformed> {
    Ok(OwnerInfo {
        owner: decode_owner(info.owner)?,
        limits: decode_amounts(info.limits, "the limits of an owner")?,
        used: decode_amounts(info.used, "the usage of an owner")?,
    })
}
