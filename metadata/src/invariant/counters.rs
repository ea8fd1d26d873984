//! The counters of the volume add up, no number it will give out is in use, and there are numbers left.

use super::cursor::Cursor;
use super::mend::{Counter, Mend};
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Inode, Volume};
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::InodeId;

/// Beyond it something else is wrong than a counter that is behind.
const COUNTER_MAX: u64 = 1 << 62;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let volume = match load_volume(view) {
        Ok(Some(volume)) => volume,
        // The rule of records has told of it.
        Ok(None) | Err(Fault::Corrupt { .. }) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    inodes(view, &volume, report)?;
    blocks(view, &volume, report)?;
    if volume.applied.0 > COUNTER_MAX {
        let applied = volume.applied.0;
        report.add(|| format!("the last batch that was applied is {applied}, which is too large"));
    }
    Ok(())
}

fn blocks(view: &dyn View, volume: &Volume, report: &mut Report<'_>) -> Result<(), Fault> {
    let next = volume.next_block;
    if next > COUNTER_MAX {
        report.add(|| format!("the next block is {next}, which is too large"));
    }
    if let Some(last) = last_block(view)?
        && last >= next
    {
        let mend = (last < COUNTER_MAX).then_some(Mend::Volume(Counter::Block(last)));
        report.add_mendable(mend, || {
            format!("the next block is {next} but block {last} exists")
        });
    }
    Ok(())
}

fn inodes(view: &dyn View, volume: &Volume, report: &mut Report<'_>) -> Result<(), Fault> {
    let (mut count, mut allocated) = (0_u64, 0_u64);
    let mut last = None;
    let mut inodes = Cursor::new(view, Prefix::Inode);
    while let Some((key, value)) = inodes.next(report)? {
        count += 1;
        if let Ok(inode) = Inode::decode(&value) {
            allocated = allocated.saturating_add(inode.allocated);
        }
        last = keys::first_number(&key);
    }
    next_inode(volume.next_inode, last, report);
    if count != volume.inodes {
        let said = volume.inodes;
        report.add_mendable(Some(Mend::Volume(Counter::Inodes(count))), || {
            format!("the volume has {count} inodes but says {said}")
        });
    }
    if allocated != volume.allocated {
        let said = volume.allocated;
        report.add_mendable(Some(Mend::Volume(Counter::Allocated(allocated))), || {
            format!("the inodes hold {allocated} bytes but the volume says {said}")
        });
    }
    Ok(())
}

fn next_inode(next: u64, last: Option<u64>, report: &mut Report<'_>) {
    let in_shard = |sequence| InodeId::in_shard(InodeId::ROOT.shard(), sequence);
    // A volume that has given out all its numbers says the one behind them.
    let Some(before) = in_shard(next.saturating_sub(1)) else {
        report.add(|| format!("the next inode is {next}, which is too large"));
        return;
    };
    if let Some(last) = last
        && last > before.get()
    {
        // The numbers of another shard are given out by another counter.
        let after = in_shard(last.saturating_add(1));
        let mend = after.map(|_| Mend::Volume(Counter::Inode(last)));
        report.add_mendable(mend, || {
            format!("the next inode is {next} but inode {last} exists")
        });
    }
}

fn last_block(view: &dyn View) -> Result<Option<u64>, Fault> {
    let (start, end) = keys::all(Prefix::Block);
    let mut last = None;
    view.scan_back(&start, &end, &mut |key, _| {
        last = keys::first_number(key);
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    Ok(last)
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::State;
    use crate::keys::{self, BlockId};
    use crate::record::Volume;
    use crate::types::LogIndex;

    #[test]
    fn a_wrong_number_of_inodes_is_reported() {
        let mut state = State::sound();
        state.change_volume(|volume| volume.inodes = 9);
        state.expect("counters: the volume has 5 inodes but says 9");
    }

    #[test]
    fn a_wrong_sum_of_bytes_is_reported() {
        let mut state = State::sound();
        state.change_volume(|volume| volume.allocated = 1);
        state.expect("counters: the inodes hold 250 bytes but the volume says 1");
    }

    #[test]
    fn an_inode_number_to_be_given_out_again_is_reported() {
        let mut state = State::sound();
        state.change_volume(|volume| volume.next_inode = 4);
        state.expect("counters: the next inode is 4 but inode 5 exists");
    }

    #[test]
    fn a_block_number_to_be_given_out_again_is_reported() {
        let mut state = State::sound();
        state.put(keys::block(BlockId(40)), b"bytes");
        state.expect("counters: the next block is 10 but block 40 exists");
    }

    /// This is told, and nothing of the same with one less.
    #[track_caller]
    fn assert_too_large(set: fn(&mut Volume, u64), number: u64, told: &str) {
        let mut state = State::sound();
        state.change_volume(|volume| set(volume, number - 1));
        assert_eq!(state.violations(), Vec::<String>::new());
        state.change_volume(|volume| set(volume, number));
        let told = format!("counters: the {told} is {number}, which is too large");
        assert_eq!(state.violations(), [told]);
    }

    #[test]
    fn a_number_that_is_too_large_is_reported() {
        let beyond = (1 << 62) + 1;
        assert_too_large(
            |volume, next| volume.next_block = next,
            beyond,
            "next block",
        );
        let batch = "last batch that was applied";
        assert_too_large(
            |volume, index| volume.applied = LogIndex(index),
            beyond,
            batch,
        );
        let beyond = (1 << 48) + 1;
        assert_too_large(
            |volume, next| volume.next_inode = next,
            beyond,
            "next inode",
        );
    }
}
