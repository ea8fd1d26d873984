//! Who called: what the kernel tells of the process behind a request.

use std::fs;

use holdfast_metadata::Credentials;

/// The process that made the system call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// 0 when it runs in another process namespace, or the kernel itself asks.
    pub(crate) pid: u32,
}

impl Caller {
    /// Somebody without any right.
    pub(crate) const NOBODY: Caller = Caller {
        uid: u32::MAX,
        gid: u32::MAX,
        pid: 0,
    };

    /// For rules that do not look at supplementary groups: FUSE does not carry them.
    pub(crate) fn credentials(self) -> Credentials {
        Credentials {
            uid: self.uid,
            gid: self.gid,
            groups: Vec::new(),
        }
    }

    /// For the few rules that do; reading them costs a few microseconds. The superuser is in every group.
    pub(crate) fn credentials_with_groups(self) -> Credentials {
        let mut credentials = self.credentials();
        if self.uid != 0 && self.pid != 0 {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid));
            credentials.groups = status.map(|status| groups(&status)).unwrap_or_default();
        }
        credentials
    }

    /// The cheaper of the two that the rule allows.
    pub(crate) fn credentials_if(self, needs_groups: bool) -> Credentials {
        if needs_groups {
            self.credentials_with_groups()
        } else {
            self.credentials()
        }
    }
}

fn groups(status: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    let numbers = line.unwrap_or_default().split_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_from_the_status_of_the_process() {
        assert_eq!(
            groups("Name:\tcat\nGid:\t1 1 1 1\nGroups:\t4 24 100 \nNgid:\t0\n"),
            [4, 24, 100]
        );
        assert!(groups("Name:\tcat\nGroups:\t \n").is_empty());
        assert!(groups("").is_empty());
    }
}
