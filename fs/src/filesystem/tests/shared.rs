//! What changes when other mounts share the volume: locks, their loss, and orphans. The cluster is a stand-in.

mod stand_in;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use holdfast_metadata::{LockMode, LockOwner, LockRange, LockSpace, Rename, RenameFlags};
use holdfast_replicator::{Attendant, ReplicateError};

use self::stand_in::{Event, Mounted, OWNER};
use super::fixture::{CALLER, ROOT, creation, file_name};
use crate::errno::errno;
use crate::filesystem::*;
use crate::open_files::Use;

fn unlocked() -> Event {
    Event::Unlocked(LockSpace::Posix, OWNER, LockRange::WHOLE)
}

#[track_caller]
fn is_eio<T: std::fmt::Debug>(result: Result<T, FilesystemError>) {
    assert_eq!(errno(&result.unwrap_err()), libc::EIO);
}

#[test]
fn a_lock_is_answered_when_old_pages_are_gone_and_given_up_when_new_ones_are_written() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [Event::Locked(1), forgotten]);
    mounted.set_lock(file, None).unwrap();
    assert_eq!(mounted.events(), [forgotten, unlocked()]);
    mounted.set_lock(file, None).unwrap();
    assert_eq!(mounted.events(), [], "nothing is locked");
}

#[test]
fn a_lock_that_may_become_weaker_has_its_pages_written_before() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.set_lock(file, Some(LockMode::Shared)).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [forgotten, Event::Locked(1), forgotten]);
}

#[test]
fn changes_under_a_lock_are_bound_to_its_session_and_others_are_not() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.write(file).unwrap();
    assert_eq!(mounted.events(), []);
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.write(file).unwrap();
    let empty = Change {
        size: Some(0),
        ..Change::default()
    };
    let through = Some(file.1);
    mounted
        .run(mounted.filesystem.setattr(CALLER, file.0, empty, through))
        .unwrap();
    assert_eq!(mounted.events(), [Event::Changed(1), Event::Changed(1)]);
}

#[test]
fn a_file_that_has_lost_its_lock_answers_eio_until_it_is_closed() {
    let mounted = Mounted::new();
    let (file, beside) = (mounted.open("file"), mounted.open("beside"));
    mounted.write(file).unwrap();
    mounted.lock(file).unwrap();
    mounted.end_session();
    is_eio(mounted.read(file));
    is_eio(mounted.write(file));
    is_eio(mounted.lock(file));
    is_eio(mounted.run(mounted.filesystem.fsync(file.0, file.1)));
    mounted.set_lock(file, None).unwrap();
    mounted.write(beside).unwrap();
    let again = (file.0, mounted.reopen(file.0).unwrap());
    assert_eq!(mounted.read(again).unwrap(), b"content");
    mounted.events();
    mounted.close(file);
    assert_eq!(mounted.events(), [], "the cluster gave it up itself");
    mounted.lock(again).unwrap();
    mounted.write(again).unwrap();
}

#[test]
fn a_change_that_meets_the_end_of_its_session_is_not_made() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    // The cluster knows before the mount does.
    let epoch = mounted
        .filesystem
        .usable(file.0, Use::Through(file.1))
        .unwrap();
    mounted.end_session();
    let touch = Operation::TouchAtime(TouchAtime { ino: file.0 });
    let changed = mounted
        .filesystem
        .change_in(epoch, now(), Credentials::ROOT, touch);
    is_eio(mounted.run(changed));
    is_eio(mounted.read(file));
}

#[test]
fn a_process_that_closes_a_descriptor_gives_up_its_locks() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    let flush = |owner| {
        let flushed = Arc::clone(&mounted.filesystem).flush(file.0, owner);
        mounted.run(flushed).unwrap();
    };
    flush(LockOwner(6));
    assert_eq!(mounted.events(), []);
    flush(OWNER);
    assert_eq!(mounted.events(), [unlocked()]);
    mounted.close(file);
    assert_eq!(mounted.events(), []);
}

#[test]
fn the_last_close_gives_up_what_is_left() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.close(file);
    assert_eq!(mounted.events(), [unlocked()]);
}

#[test]
fn a_lock_that_was_refused_is_not_given_up_and_one_whose_fate_is_unknown_is() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    let refuse = |refusal| {
        *mounted.cluster.refusal.lock() = Some(refusal);
        errno(&mounted.lock(file).unwrap_err())
    };
    let refused = Ok(Err(PosixError::WouldBlock));
    assert_eq!(refuse(refused), libc::EAGAIN);
    mounted.close(file);
    assert_eq!(mounted.events(), []);
    assert_eq!(refuse(Err(ReplicateError::OutcomeUnknown)), libc::EIO);
    mounted.close(file);
    assert_eq!(mounted.events(), [unlocked()]);
}

#[test]
fn who_waits_while_the_session_ends_waits_on_in_the_next() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    *mounted.cluster.refusal.lock() = Some(Err(ReplicateError::SessionLost));
    mounted.end_session();
    mounted.lock(file).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [Event::Locked(2), forgotten]);
}

#[test]
fn an_unlocking_that_nobody_waits_for_any_more_goes_on_before_the_next_lock() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    let held_back = mounted.cluster.unlockings.forget_permits(1000);
    mounted.run(async {
        tokio::select! {
            biased;
            _ = mounted.setlk(file, None) => panic!("it is held back"),
            () = mounted.cluster.unlocking.notified() => {}
        }
        let lock = mounted.setlk(file, Some(LockMode::Exclusive));
        tokio::pin!(lock);
        for _ in 0..100 {
            let waits = poll_fn(|context| Poll::Ready(lock.as_mut().poll(context).is_pending()));
            assert!(waits.await, "the unlocking would end this lock");
            tokio::task::yield_now().await;
        }
        mounted.cluster.unlockings.add_permits(held_back);
        lock.await.unwrap();
    });
    let forgotten = Event::PagesForgotten(file.0);
    let order = [forgotten, unlocked(), Event::Locked(1), forgotten];
    assert_eq!(mounted.events(), order);
}

/// Asks a hundred times whether it is over, while others go on.
async fn waits<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    for _ in 0..100 {
        if poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_ready())).await {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

#[test]
fn who_asks_after_a_close_does_not_meet_the_lock_of_the_closed_file() {
    let mounted = Mounted::new();
    let closed = mounted.open("file");
    let next = (closed.0, mounted.reopen(closed.0).unwrap());
    mounted.lock(closed).unwrap();
    mounted.events();
    let held_back = mounted.cluster.unlockings.forget_permits(1000);
    mounted.run(async {
        // The kernel does not wait for this.
        let releases = mounted.filesystem.release(closed.0, closed.1);
        tokio::spawn(Arc::clone(&mounted.filesystem).give_up(releases));
        let (mut test, mut lock) = (pin!(mounted.getlk(next)), pin!(mounted.try_lock(next)));
        assert!(waits(&mut test).await && waits(&mut lock).await);
        mounted.cluster.unlockings.add_permits(held_back);
        assert_eq!(test.await.unwrap(), None);
        lock.await.unwrap();
    });
    let forgotten = Event::PagesForgotten(closed.0);
    assert_eq!(mounted.events(), [unlocked(), Event::Locked(1), forgotten]);
}

#[test]
fn a_close_that_is_heard_of_after_who_asked_next_is_no_refusal() {
    let mounted = Mounted::new();
    let closed = mounted.open("file");
    let next = (closed.0, mounted.reopen(closed.0).unwrap());
    mounted.lock(closed).unwrap();
    mounted.events();
    let held_back = mounted.cluster.refusals.forget_permits(1000);
    *mounted.cluster.refusal.lock() = Some(Ok(Err(PosixError::WouldBlock)));
    mounted.run(async {
        let mut lock = pin!(mounted.try_lock(next));
        assert!(waits(&mut lock).await);
        mounted.cluster.refusing.notified().await;
        let releases = mounted.filesystem.release(closed.0, closed.1);
        mounted.cluster.refusals.add_permits(held_back);
        assert!(waits(&mut lock).await, "it is not given up yet");
        tokio::spawn(Arc::clone(&mounted.filesystem).give_up(releases));
        lock.await.unwrap();
    });
    let forgotten = Event::PagesForgotten(closed.0);
    assert_eq!(mounted.events(), [unlocked(), Event::Locked(1), forgotten]);
    // Where nothing was closed a refusal stays one.
    *mounted.cluster.refusal.lock() = Some(Ok(Err(PosixError::WouldBlock)));
    let refused = mounted.run(mounted.try_lock(next));
    assert_eq!(errno(&refused.unwrap_err()), libc::EAGAIN);
}

#[test]
fn an_interruption_without_a_signal_is_not_told() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    *mounted.cluster.refusal.lock() = Some(Err(ReplicateError::Interrupted));
    mounted.lock(file).unwrap();
}

#[test]
fn what_another_mount_removed_is_released_once_when_it_is_closed() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.remove_elsewhere("file");
    assert!(mounted.keeps(file.0) && mounted.keeps(file.0));
    let second = (file.0, mounted.reopen(file.0).unwrap());
    mounted.close(file);
    assert_eq!(mounted.events(), []);
    mounted.close(second);
    assert_eq!(mounted.events(), [Event::Released(file.0)]);
    assert!(!mounted.keeps(file.0));
    mounted.filesystem.forget(file.0, 1);
    assert_eq!(mounted.events(), []);
}

#[test]
fn what_was_removed_here_is_released_once_when_the_kernel_forgets_it() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    let removed = mounted.filesystem.unlink(CALLER, ROOT, file_name("file"));
    mounted.run(removed).unwrap();
    assert!(mounted.keeps(file.0));
    mounted.close(file);
    assert!(
        mounted.keeps(file.0),
        "its attributes can still be asked for"
    );
    assert_eq!(mounted.events(), []);
    mounted.filesystem.forget(file.0, 1);
    assert_eq!(mounted.events(), [Event::Released(file.0)]);
    assert!(!mounted.keeps(file.0));
}

#[test]
fn a_file_that_is_gone_for_the_cluster_is_not_opened_again() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.close(file);
    mounted.remove_elsewhere("file");
    assert!(!mounted.keeps(file.0));
    let opened = mounted.reopen(file.0);
    assert_eq!(errno(&opened.unwrap_err()), libc::ESTALE);
}

/// At ESTALE the kernel begins the whole `open(O_CREAT)` anew.
#[test]
fn what_was_open_when_its_session_ended_is_lost_and_not_stale() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.remove_elsewhere("file");
    mounted.reclaim_elsewhere(file.0);
    is_eio(mounted.run(mounted.filesystem.getattr(file.0)));
    mounted.close(file);
    let closed = mounted.run(mounted.filesystem.getattr(file.0));
    assert_eq!(errno(&closed.unwrap_err()), libc::ESTALE);
}

#[test]
fn an_open_that_is_under_way_is_waited_for() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.close(file);
    let open = mounted.filesystem.arrive();
    mounted.remove_elsewhere("file");
    let mut kept = mounted.known.keep(vec![file.0]);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(kept.as_mut().poll(&mut context).is_pending());
    // It had seen the name.
    mounted.filesystem.begin_use(file.0, true).unwrap();
    drop(open);
    assert_eq!(mounted.run(kept), [file.0]);
}

#[test]
fn an_inode_with_a_name_is_not_released() {
    let mounted = Mounted::new();
    let ino = mounted.open("file").0;
    mounted.filesystem.forget(ino, 1);
    assert_eq!(mounted.events(), []);
}

/// The kernel looks a name up in the thread that removes it, and takes the directory that it found for removed.
#[test]
fn a_directory_that_this_thread_has_not_seen_is_neither_removed_nor_replaced() {
    let mounted = Mounted::new();
    let filesystem = &mounted.filesystem;
    for name in ["a", "b", "new"] {
        mounted.run(filesystem.mkdir(creation(name))).unwrap();
    }
    let (caller, other) = (Caller { pid: 7, ..CALLER }, Caller { pid: 8, ..CALLER });
    let look = |caller| mounted.run(filesystem.lookup(caller, ROOT, b"a")).unwrap();
    let rename = |from: &str| Rename {
        parent: ROOT,
        name: file_name(from),
        new_parent: ROOT,
        new_name: file_name("a"),
        flags: RenameFlags::default(),
        seen: None,
    };
    let seen = look(caller).ino;
    mounted.exchange_elsewhere("a", "b");
    assert_ne!(look(other).ino, seen);
    let removed = mounted.run(filesystem.rmdir(caller, ROOT, file_name("a")));
    assert_eq!(errno(&removed.unwrap_err()), libc::ESTALE);
    let replaced = mounted.run(filesystem.rename(caller, rename("new")));
    assert_eq!(errno(&replaced.unwrap_err()), libc::ESTALE);
    // It looks again.
    look(caller);
    mounted
        .run(filesystem.rename(caller, rename("new")))
        .unwrap();
    look(caller);
    mounted
        .run(filesystem.rmdir(caller, ROOT, file_name("a")))
        .unwrap();
    let gone = mounted.run(filesystem.lookup(caller, ROOT, b"a"));
    assert_eq!(errno(&gone.unwrap_err()), libc::ENOENT);
    // Who found nothing there has nobody in mind, nor who did not look.
    mounted.run(filesystem.mkdir(creation("a"))).unwrap();
    mounted
        .run(filesystem.rmdir(caller, ROOT, file_name("a")))
        .unwrap();
}

#[test]
fn a_kernel_that_remembers_names_looks_again_before_it_removes_one() {
    let mounted = Mounted::with(true);
    let filesystem = &mounted.filesystem;
    mounted.run(filesystem.mkdir(creation("a"))).unwrap();
    let remove = || mounted.run(filesystem.rmdir(CALLER, ROOT, file_name("a")));
    assert_eq!(errno(&remove().unwrap_err()), libc::ESTALE);
    let found = mounted.run(filesystem.lookup(CALLER, ROOT, b"a"));
    found.unwrap();
    remove().unwrap();
}
