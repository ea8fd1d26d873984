//! Lets `holdfast umount` find the process that serves a mount, so that it can wait for its end and
//! hear how it went.
//!
//! The daemon listens on an abstract socket named after the device number of its mount; whoever
//! connects learns its process id from the kernel, and reads to the end what the daemon says last:
//! nothing when all went well. The name vanishes with the process, whatever ends it, and needs no
//! directory.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::socket::{self, Shutdown, sockopt};

use crate::mount_table::MountEntry;

/// How long a new mount waits for an earlier one with the same device number to let go of the name.
const NAME_RELEASED_WITHIN: Duration = Duration::from_secs(2);
/// How many who ask are remembered; the last ones are.
const LISTENERS_MAX: usize = 16;
/// Longest last word worth reading.
const WORDS_BYTES_MAX: u64 = 8192;

/// As long as it lives, the daemon can be found.
#[derive(Debug)]
pub(crate) struct Presence {
    listener: UnixListener,
    thread: Option<JoinHandle<()>>,
    words: Arc<Mutex<Words>>,
}

/// What the daemon has to say, and to whom.
#[derive(Debug, Default)]
struct Words {
    last: Option<String>,
    listeners: Vec<UnixStream>,
}

/// A process that serves a mount.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// Its process id.
    pub(crate) pid: u32,
    stream: UnixStream,
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
        let words = Arc::new(Mutex::new(Words::default()));
        let (incoming, told) = (listener.try_clone()?, Arc::clone(&words));
        let answer = move || {
            for stream in incoming.incoming().map_while(Result::ok) {
                told.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(stream);
            }
        };
        let thread = thread::Builder::new()
            .name("presence".into())
            .spawn(answer)?;
        Ok(Presence {
            listener,
            thread: Some(thread),
            words,
        })
    }

    /// Says why the daemon ends, to all who asked and will ask.
    pub(crate) fn tell(&self, last: &str) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in std::mem::take(&mut words.listeners) {
            say(listener, last);
        }
        words.last = Some(last.into());
    }
}

impl Words {
    fn add(&mut self, listener: UnixStream) {
        if let Some(last) = &self.last {
            return say(listener, last);
        }
        if self.listeners.len() == LISTENERS_MAX {
            self.listeners.remove(0);
        }
        self.listeners.push(listener);
    }
}

/// Most who asked have gone by then, and none of them is waited for.
fn say(mut listener: UnixStream, last: &str) {
    listener
        .set_nonblocking(true)
        .and_then(|()| listener.write_all(last.as_bytes()))
        .ok();
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Ends the thread once it has seen those who connected before; that it has ended is fine.
        socket::shutdown(self.listener.as_raw_fd(), Shutdown::Both).ok();
        self.thread.take().map(JoinHandle::join);
    }
}

impl Daemon {
    /// Why it ended, if not well. To be asked once it has ended.
    pub(crate) fn last_words(self) -> Option<String> {
        let mut bytes = Vec::new();
        self.stream
            .set_nonblocking(true)
            .and_then(|()| self.stream.take(WORDS_BYTES_MAX).read_to_end(&mut bytes))
            .ok();
        let words = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!words.is_empty()).then_some(words)
    }
}

/// The process that serves the mount, if it is one of ours.
pub(crate) fn daemon_of(mount: &MountEntry) -> Option<Daemon> {
    if !mount.is_fuse() {
        // The kernel has given it the device number of a mount whose daemon has not quite ended.
        return None;
    }
    let stream = UnixStream::connect_addr(&address(&mount.device).ok()?).ok()?;
    let peer = socket::getsockopt(&stream, sockopt::PeerCredentials).ok()?;
    let pid = u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0)?;
    Some(Daemon { pid, stream })
}

fn address(device: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("holdfast-mount-{device}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(name: &str) -> MountEntry {
        MountEntry {
            device: format!("test-{name}:{}", std::process::id()),
            root: "/".into(),
            mountpoint: "/nowhere".into(),
            kind: "fuse.holdfast".into(),
            source: "data".into(),
        }
    }

    #[test]
    fn the_daemon_is_found_while_it_lives_and_the_name_is_free_afterwards() {
        let mount = mount("found");
        let pid = || daemon_of(&mount).map(|daemon| daemon.pid);
        for _ in 0..3 {
            assert_eq!(pid(), None);
            let presence = Presence::announce(&mount).unwrap();
            assert_eq!(pid(), Some(std::process::id()));
            assert_eq!(pid(), Some(std::process::id()));
            drop(presence);
            let deadline = Instant::now() + Duration::from_secs(5);
            while pid().is_some() && Instant::now() < deadline {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn another_filesystem_with_the_device_number_of_before_has_no_daemon() {
        let mut mount = mount("reused");
        let _ending = Presence::announce(&mount).unwrap();
        for (kind, has_daemon) in [("fuse", true), ("tmpfs", false), ("fuseblk", false)] {
            mount.kind = kind.into();
            assert_eq!(daemon_of(&mount).is_some(), has_daemon, "{kind}");
        }
    }

    #[test]
    fn those_who_asked_before_and_after_hear_the_last_words() {
        let mount = mount("words");
        let presence = Presence::announce(&mount).unwrap();
        let many: Vec<Daemon> = (0..LISTENERS_MAX + 5)
            .map(|_| daemon_of(&mount).unwrap())
            .collect();
        presence.tell("the disk is gone");
        let after = daemon_of(&mount).unwrap();
        drop(presence);
        let heard: Vec<Option<String>> = many.into_iter().map(Daemon::last_words).collect();
        let told = heard.iter().flatten().count();
        assert!(told >= LISTENERS_MAX, "{heard:?}");
        assert_eq!(heard.last().unwrap().as_deref(), Some("the disk is gone"));
        assert_eq!(after.last_words().as_deref(), Some("the disk is gone"));
    }

    #[test]
    fn nothing_is_said_when_all_went_well() {
        let mount = mount("well");
        let presence = Presence::announce(&mount).unwrap();
        let daemon = daemon_of(&mount).unwrap();
        drop(presence);
        assert_eq!(daemon.last_words(), None);
    }
}
