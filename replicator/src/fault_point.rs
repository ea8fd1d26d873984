//! Places between the steps of what must not be left half done, at which a test can end the process.
//!
//! With the feature `testing`, a process whose environment names one of them in `HOLDFAST_CRASH_AT` dies when it gets
//! there, as by `kill -9`; it passes by before if `HOLDFAST_CRASH_PASSES` says how often. Without it there is nothing of
//! this in the program.

use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! fault_points {
    ($($(#[$about:meta])* $point:ident = $name:literal,)*) => {
        /// One such place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FaultPoint {
            $($(#[$about])* $point,)*
        }

        impl FaultPoint {
            /// All there are.
            pub const ALL: &[FaultPoint] = &[$(FaultPoint::$point,)*];

            /// What the environment calls it.
            pub fn name(self) -> &'static str {
                match self {
                    $(FaultPoint::$point => $name,)*
                }
            }
        }
    };
}

fault_points! {
    /// A new cluster is marked as begun, and has no name.
    BootstrapBegun = "bootstrap-begun",
    /// It has a name, and no catalog.
    BootstrapNamed = "bootstrap-named",
    /// The catalog has its first member, and no record.
    BootstrapInitialized = "bootstrap-initialized",
    /// The catalog knows the cluster and its node, but no volume.
    BootstrapWithoutVolume = "bootstrap-without-volume",
    /// All is made, and still marked as begun.
    BootstrapUnfinished = "bootstrap-unfinished",
    /// A node that joins has a number, and has not asked.
    JoinUnasked = "join-unasked",
    /// The cluster has taken it, and it has not noted that.
    JoinUnnoted = "join-unnoted",
    /// The catalog has a volume whose group is not there.
    VolumeCommitted = "volume-committed",
    /// The group is there, and knows no members.
    VolumeUninitialized = "volume-uninitialized",
    /// The group has begun, and is not served.
    VolumeUnserved = "volume-unserved",
    /// The group of a deleted volume is stopped; all of it is there.
    DeletionBegun = "deletion-begun",
    /// Its log is gone, its state is not.
    DeletionWithoutLog = "deletion-without-log",
    /// A snapshot is complete, and not in its place.
    SnapshotDrafted = "snapshot-drafted",
    /// A snapshot of the leader has arrived.
    SnapshotReceived = "snapshot-received",
    /// It is this node's own, and its state is the old one.
    SnapshotAdopted = "snapshot-adopted",
    /// The new state is whole, and not the live one.
    SnapshotCopied = "snapshot-copied",
    /// The new state is the live one on disk; the old one is still there.
    SnapshotInstalled = "snapshot-installed",
    /// A leader has decided on a change of the members.
    MembershipDecided = "membership-decided",
    /// A change of the members is committed.
    MembershipChanged = "membership-changed",
    /// The data of a node is marked as being recovered, and is as it was.
    RecoveryBegun = "recovery-begun",
    /// The log of one group makes its node the only voter, those of the others do not.
    RecoveryHalfDone = "recovery-half-done",
    /// Those of all groups do, and the node is still of the old cluster.
    RecoveryUnnamed = "recovery-unnamed",
    /// All is done, and still marked.
    RecoveryUnfinished = "recovery-unfinished",
}

/// Ends the process, if a test wants it to end here.
pub(crate) fn reach(point: FaultPoint) {
    if cfg!(feature = "testing")
        && std::env::var_os("HOLDFAST_CRASH_AT").is_some_and(|name| name == point.name())
        && !may_pass()
    {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::Pid;
        // In one piece: other threads write there, too.
        let line = format!("ended at {}\n", point.name());
        eprint!("{line}");
        let _killed = kill(Pid::this(), Signal::SIGKILL);
    }
}

/// Whether it is not the time yet.
fn may_pass() -> bool {
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let passes = std::env::var("HOLDFAST_CRASH_PASSES");
    let passes = passes.map_or(0, |count| count.parse().unwrap_or(0));
    PASSED.fetch_add(1, Ordering::Relaxed) < passes
}
