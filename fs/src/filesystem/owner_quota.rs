//! Quotas of users and groups through extended attributes.

use holdfast_metadata::limits::COUNT_STEP_RECORDS_MAX;
use holdfast_metadata::{
    CountOwners, Operation, Owner, OwnerCount, OwnerInfo, Owners, PosixError, Query, Reply,
    SetOwnerQuota,
};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};
use crate::quota::{CountState, NewLimits, OwnerAttribute, OwnerLine};

/// Owners asked for at once: their lines fit into a value.
const PAGE_OWNERS: usize = 256;

/// The attribute, if it is one of users and groups.
pub(super) fn attribute(name: &[u8]) -> Option<OwnerAttribute> {
    OwnerAttribute::parse(std::str::from_utf8(name).ok()?)
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(super) async fn set_owner_text(
        &self,
        caller: Caller,
        attribute: OwnerAttribute,
        value: &[u8],
    ) -> Result<(), FilesystemError> {
        let text = std::str::from_utf8(value).unwrap_or_default();
        let operation = match attribute {
            OwnerAttribute::Limits(owner) => {
                let NewLimits { bytes, inodes } =
                    NewLimits::parse(text).ok_or(PosixError::InvalidArgument)?;
                Operation::SetOwnerQuota(SetOwnerQuota {
                    owner,
                    bytes,
                    inodes,
                })
            }
            OwnerAttribute::Count => {
                let on = match text.trim() {
                    "on" => true,
                    "off" => false,
                    _ => return Err(PosixError::InvalidArgument.into()),
                };
                let records_max = COUNT_STEP_RECORDS_MAX;
                Operation::CountOwners(CountOwners { on, records_max })
            }
            OwnerAttribute::Usage(_) | OwnerAttribute::Page(_) => {
                return Err(PosixError::NotSupported.into());
            }
        };
        self.change(caller.credentials(), operation).await.map(drop)
    }

    pub(super) async fn lift_owner(
        &self,
        caller: Caller,
        attribute: OwnerAttribute,
    ) -> Result<(), FilesystemError> {
        let OwnerAttribute::Limits(owner) = attribute else {
            return Err(PosixError::NotSupported.into());
        };
        let lifted = SetOwnerQuota::lifted(owner);
        self.change(caller.credentials(), Operation::SetOwnerQuota(lifted))
            .await
            .map(drop)
    }

    pub(super) async fn owner_text(
        &self,
        caller: Caller,
        attribute: OwnerAttribute,
    ) -> Result<String, FilesystemError> {
        match attribute {
            OwnerAttribute::Count => {
                let page = self.owners(Owner::FIRST, 0).await?;
                Ok(CountState::of(page.count, page.next_inode).to_string())
            }
            OwnerAttribute::Limits(owner) => {
                let found = self.owner(owner).await?;
                let limits = found.ok_or(PosixError::NoAttribute)?.limits;
                let (bytes, inodes) = (Some(limits.bytes), Some(limits.inodes));
                Ok(NewLimits { bytes, inodes }.to_string())
            }
            OwnerAttribute::Usage(owner) => {
                if !may_see(caller, owner) {
                    return Err(PosixError::AccessDenied.into());
                }
                let found = self.owner(owner).await?;
                Ok(found.map(|info| line(&info)).unwrap_or_default())
            }
            OwnerAttribute::Page(from) => {
                let page = self.owners(from, PAGE_OWNERS).await?;
                Ok(page.owners.iter().map(line).collect())
            }
        }
    }

    async fn owner(&self, owner: Owner) -> Result<Option<OwnerInfo>, FilesystemError> {
        let page = self.owners(owner, 1).await?;
        Ok(page.owners.into_iter().find(|info| info.owner == owner))
    }

    /// Nobody of whom only a part is counted: that would look like all.
    async fn owners(&self, from: Owner, owners_max: usize) -> Result<Owners, FilesystemError> {
        let Reply::Owners(mut page) = self.query(Query::Owners { from, owners_max }).await? else {
            return Err(FilesystemError::UnexpectedAnswer);
        };
        if page.count != OwnerCount::ALL {
            page.owners.clear();
        }
        Ok(page)
    }
}

/// What others use is nobody's business but that of root.
fn may_see(caller: Caller, owner: Owner) -> bool {
    let is_own = match owner {
        Owner::User(uid) => caller.uid == uid,
        Owner::Group(gid) => caller.credentials_with_groups().in_group(gid),
    };
    is_own || caller.uid == 0
}

fn line(info: &OwnerInfo) -> String {
    let line = OwnerLine {
        owner: info.owner,
        used: info.used,
        limits: info.limits,
    };
    format!("{line}\n")
}
