//! Lets `holdfast umount` find the process that serves a mount, so that it can wait for its end.
//!
//! The daemon listens on an abstract socket named after the device number of its mount; whoever
//! connects learns its process id from the kernel. The name vanishes with the process, whatever
//! ends it, and needs no directory.

use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{self, Shutdown, sockopt};

use crate::mount_table::MountEntry;

/// How long a new mount waits for an earlier one with the same device number to let go of the name.
const NAME_RELEASED_WITHIN: Duration = Duration::from_secs(2);

/// As long as it lives, the daemon can be found.
#[derive(Debug)]
pub(crate) struct Presence {
    listener: UnixListener,
}

impl Presence {
    /// Announces this process as the one that serves the mount.
    pub(crate) fn announce(mount: &MountEntry) -> io::Result<Presence> {
        let deadline = Instant::now() + NAME_RELEASED_WITHIN;
        let listener = loop {
            match UnixListener::bind_addr(&address(&mount.device)?) {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline =>
                {
                    thread::sleep(Duration::from_millis(5));
                }
                bound => break bound?,
            }
        };
        let incoming = listener.try_clone()?;
        let answer = move || incoming.incoming().take_while(Result::is_ok).for_each(drop);
        thread::Builder::new()
            .name("presence".into())
            .spawn(answer)?;
        Ok(Presence { listener })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Wakes the thread; that it has ended already is fine.
        socket::shutdown(self.listener.as_raw_fd(), Shutdown::Both).ok();
    }
}

/// The process that serves the mount, if it is one of ours.
pub(crate) fn daemon_of(mount: &MountEntry) -> Option<u32> {
    let stream = UnixStream::connect_addr(&address(&mount.device).ok()?).ok()?;
    let peer = socket::getsockopt(&stream, sockopt::PeerCredentials).ok()?;
    u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0)
}

fn address(device: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("holdfast-mount-{device}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_found_while_it_lives_and_the_name_is_free_afterwards() {
        let mount = MountEntry {
            device: format!("test:{}", std::process::id()),
            mountpoint: "/nowhere".into(),
            kind: "fuse.holdfast".into(),
            source: "data".into(),
        };
        for _ in 0..3 {
            assert_eq!(daemon_of(&mount), None);
            let presence = Presence::announce(&mount).unwrap();
            assert_eq!(daemon_of(&mount), Some(std::process::id()));
            assert_eq!(daemon_of(&mount), Some(std::process::id()));
            drop(presence);
            let deadline = Instant::now() + Duration::from_secs(5);
            while daemon_of(&mount).is_some() && Instant::now() < deadline {
                thread::yield_now();
            }
        }
    }
}
