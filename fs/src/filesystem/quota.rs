//! Quotas through extended attributes, and what is left of them for `statfs`.

mod paths;

use bytes::Bytes;
use holdfast_metadata::{
    Amounts, InodeId, Operation, PosixError, Query, QuotaInfo, Reply, SetQuota, SetXattr,
    SetXattrMode, limits,
};
use holdfast_replicator::PosixMetadataReplicator;

use self::paths::{PATH_BYTES_MAX, Paths};
use super::{Caller, Filesystem, FilesystemError, owner_quota};
use crate::quota::{ALL_NAME, AROUND_NAME, LIMITS_NAME, NewLimits, QuotaLine};

/// Trees asked for at once.
const PAGE_QUOTAS: usize = 64;
/// A page ends before its text is longer than a value can be: room for one more line of the longest path.
const PAGE_BYTES: usize = limits::XATTR_VALUE_BYTES_MAX - 2 * PATH_BYTES_MAX;

/// What begins with these is answered here and never stored.
pub(super) fn is_of_quotas(name: &[u8]) -> bool {
    [AROUND_NAME, "trusted.holdfast."]
        .iter()
        .any(|prefix| name.starts_with(prefix.as_bytes()))
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(super) async fn set_quota_text(
        &self,
        caller: Caller,
        set: &SetXattr,
    ) -> Result<(), FilesystemError> {
        // Whether there is a quota yet only the state knows when its turn has come.
        if set.mode != SetXattrMode::Either {
            return Err(PosixError::NotSupported.into());
        }
        if let Some(attribute) = owner_quota::attribute(&set.name) {
            return self.set_owner_text(caller, attribute, &set.value).await;
        }
        check_limits_name(&set.name)?;
        let text = std::str::from_utf8(&set.value).ok();
        let limits = text.and_then(NewLimits::parse);
        let NewLimits { bytes, inodes } = limits.ok_or(PosixError::InvalidArgument)?;
        let ino = set.ino;
        self.set_quota(caller, SetQuota { ino, bytes, inodes })
            .await
    }

    pub(super) async fn lift_quota(
        &self,
        caller: Caller,
        ino: InodeId,
        name: &[u8],
    ) -> Result<(), FilesystemError> {
        if let Some(attribute) = owner_quota::attribute(name) {
            return self.lift_owner(caller, attribute).await;
        }
        check_limits_name(name)?;
        let lifted = self.set_quota(caller, SetQuota::lifted(ino)).await;
        lifted.map_err(|error| match error {
            // As for any other attribute that a file has not.
            FilesystemError::Posix(PosixError::NotDirectory) => PosixError::NoAttribute.into(),
            error => error,
        })
    }

    async fn set_quota(&self, caller: Caller, set: SetQuota) -> Result<(), FilesystemError> {
        self.change(caller.credentials(), Operation::SetQuota(set))
            .await
            .map(drop)
    }

    pub(super) async fn quota_text(
        &self,
        caller: Caller,
        ino: InodeId,
        name: &[u8],
    ) -> Result<Bytes, FilesystemError> {
        if let Some(attribute) = owner_quota::attribute(name) {
            return Ok(self.owner_text(caller, attribute).await?.into());
        }
        let name = std::str::from_utf8(name).map_err(|_| PosixError::NoAttribute)?;
        let text = match name {
            AROUND_NAME => {
                let quotas = self.quotas_around(ino).await?;
                let lines = quotas.iter().map(|quota| format!("{}\n", line(quota)));
                lines.collect()
            }
            LIMITS_NAME => {
                let quotas = self.quotas_around(ino).await?;
                let own = quotas.first().filter(|quota| quota.root == ino);
                let limits = own.ok_or(PosixError::NoAttribute)?.limits;
                let (bytes, inodes) = (Some(limits.bytes), Some(limits.inodes));
                NewLimits { bytes, inodes }.to_string()
            }
            name => {
                let after = name.strip_prefix(ALL_NAME).and_then(|ino| ino.parse().ok());
                let after = InodeId::new(after.ok_or(PosixError::NoAttribute)?);
                self.quotas_after(after).await?
            }
        };
        Ok(text.into())
    }

    pub(super) async fn quotas_around(
        &self,
        ino: InodeId,
    ) -> Result<Vec<QuotaInfo>, FilesystemError> {
        self.quotas(Query::QuotasAround { ino }).await
    }

    async fn quotas(&self, query: Query) -> Result<Vec<QuotaInfo>, FilesystemError> {
        match self.query(query).await? {
            Reply::Quotas(quotas) => Ok(quotas),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    async fn quotas_after(&self, after: InodeId) -> Result<String, FilesystemError> {
        let mut text = String::new();
        let quotas_max = PAGE_QUOTAS;
        let quotas = self.quotas(Query::Quotas { after, quotas_max }).await?;
        let mut paths = Paths::to(quotas.iter().map(|quota| quota.root));
        paths.find(self).await?;
        for quota in quotas {
            let line = QuotaLine {
                path: paths.of(quota.root).unwrap_or_default(),
                ..line(&quota)
            };
            text.push_str(&line.to_string());
            text.push('\n');
            if text.len() > PAGE_BYTES {
                break;
            }
        }
        Ok(text)
    }
}

/// The other names are for reading.
fn check_limits_name(name: &[u8]) -> Result<(), PosixError> {
    if name == LIMITS_NAME.as_bytes() {
        Ok(())
    } else {
        Err(PosixError::NotSupported)
    }
}

fn line(quota: &QuotaInfo) -> QuotaLine {
    QuotaLine {
        root: quota.root,
        used: quota.used,
        limits: quota.limits,
        path: String::new(),
    }
}

/// What is used and what is free of one thing in the innermost tree that limits it, where all trees and the disk below
/// have to have room for it; `None` where no tree limits it.
pub(super) fn within(
    quotas: &[QuotaInfo],
    amount: impl Fn(&Amounts) -> u64,
    free_below: u64,
) -> Option<(u64, u64)> {
    let mut limited = quotas
        .iter()
        .filter(|quota| amount(&quota.limits) != Amounts::NO_LIMIT);
    let left = |quota: &QuotaInfo| amount(&quota.limits).saturating_sub(amount(&quota.used));
    let innermost = limited.next()?;
    let free = limited.fold(left(innermost), |free, outer| free.min(left(outer)));
    // More than the limit is used after the limit was lowered.
    let used = amount(&innermost.used).min(amount(&innermost.limits));
    Some((used, free.min(free_below)))
}
