//! Errors to errno: the only place that knows the numbers.

use holdfast_metadata::{Fault, PosixError};
use holdfast_replicator::ReplicateError;

use crate::filesystem::FilesystemError;

/// What the caller of the system call gets to see.
pub(crate) fn errno(error: &FilesystemError) -> i32 {
    match error {
        FilesystemError::Posix(error) => posix(*error),
        FilesystemError::Replicate(error) => replicate(error),
        FilesystemError::UnknownIoctl => libc::ENOTTY,
        FilesystemError::UnexpectedAnswer | FilesystemError::ShutDown => libc::EIO,
        FilesystemError::Interrupted => libc::EINTR,
    }
}

fn posix(error: PosixError) -> i32 {
    match error {
        PosixError::NotPermitted => libc::EPERM,
        PosixError::NotFound => libc::ENOENT,
        PosixError::InodeGone | PosixError::AnotherDirectory => libc::ESTALE,
        PosixError::AccessDenied => libc::EACCES,
        PosixError::Exists => libc::EEXIST,
        PosixError::NotDirectory => libc::ENOTDIR,
        PosixError::IsDirectory => libc::EISDIR,
        PosixError::InvalidArgument => libc::EINVAL,
        PosixError::FileTooLarge => libc::EFBIG,
        PosixError::NoSpace => libc::ENOSPC,
        PosixError::TooManyLinks => libc::EMLINK,
        PosixError::NameTooLong => libc::ENAMETOOLONG,
        PosixError::NotEmpty => libc::ENOTEMPTY,
        PosixError::NoAttribute => libc::ENODATA,
        PosixError::TooBig => libc::E2BIG,
        PosixError::OutOfRange => libc::ERANGE,
        PosixError::NoSuchPosition => libc::ENXIO,
        PosixError::NotSupported => libc::EOPNOTSUPP,
        PosixError::SessionGone | PosixError::PastTerm => libc::EIO,
        PosixError::WouldBlock => libc::EAGAIN,
        PosixError::Deadlock => libc::EDEADLK,
        PosixError::TooManyLocks => libc::ENOLCK,
        PosixError::QuotaExceeded => libc::EDQUOT,
        PosixError::CrossDevice => libc::EXDEV,
    }
}

fn replicate(error: &ReplicateError) -> i32 {
    match error {
        ReplicateError::Stopped => libc::ENOTCONN,
        ReplicateError::Unavailable { .. } => libc::EAGAIN,
        ReplicateError::OutcomeUnknown | ReplicateError::SessionLost => libc::EIO,
        ReplicateError::TimedOut => libc::ETIMEDOUT,
        ReplicateError::Interrupted => libc::EINTR,
        ReplicateError::Fault(fault) => match fault {
            Fault::NoSpace => libc::ENOSPC,
            Fault::Corrupt { .. } | Fault::Io(_) => libc::EIO,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_and_a_vanished_inode_are_told_apart() {
        assert_eq!(posix(PosixError::NotFound), libc::ENOENT);
        assert_eq!(posix(PosixError::InodeGone), libc::ESTALE);
    }

    #[test]
    fn every_answer_has_an_errno_of_its_own() {
        let all = [
            PosixError::NotPermitted,
            PosixError::NotFound,
            PosixError::InodeGone,
            PosixError::AccessDenied,
            PosixError::Exists,
            PosixError::NotDirectory,
            PosixError::IsDirectory,
            PosixError::InvalidArgument,
            PosixError::FileTooLarge,
            PosixError::NoSpace,
            PosixError::TooManyLinks,
            PosixError::NameTooLong,
            PosixError::NotEmpty,
            PosixError::NoAttribute,
            PosixError::TooBig,
            PosixError::OutOfRange,
            PosixError::NoSuchPosition,
            PosixError::NotSupported,
            PosixError::SessionGone,
            PosixError::WouldBlock,
            PosixError::Deadlock,
            PosixError::TooManyLocks,
            PosixError::QuotaExceeded,
            PosixError::CrossDevice,
        ];
        let numbers: std::collections::BTreeSet<i32> = all.into_iter().map(posix).collect();
        assert_eq!(numbers.len(), all.len());
        assert!(numbers.iter().all(|number| *number > 0));
    }

    #[test]
    fn a_full_disk_below_is_a_full_filesystem_and_other_faults_are_input_or_output_errors() {
        let of = |fault: Fault| errno(&FilesystemError::Replicate(ReplicateError::Fault(fault)));
        assert_eq!(of(Fault::NoSpace), libc::ENOSPC);
        assert_eq!(of(Fault::Io("broken".to_owned())), libc::EIO);
        assert_eq!(of(Fault::corrupt("inode", "short")), libc::EIO);
    }

    #[test]
    fn refusals_are_told_apart_from_answers() {
        let of = |error: ReplicateError| errno(&FilesystemError::Replicate(error));
        assert_eq!(of(ReplicateError::Stopped), libc::ENOTCONN);
        assert_eq!(of(ReplicateError::OutcomeUnknown), libc::EIO);
        assert_eq!(of(ReplicateError::TimedOut), libc::ETIMEDOUT);
        assert_eq!(of(ReplicateError::SessionLost), libc::EIO);
        assert_eq!(of(ReplicateError::Interrupted), libc::EINTR);
        let unavailable = ReplicateError::Unavailable {
            reason: "no leader".to_owned(),
        };
        assert_eq!(of(unavailable), libc::EAGAIN);
        assert_eq!(errno(&FilesystemError::UnknownIoctl), libc::ENOTTY);
    }
}
