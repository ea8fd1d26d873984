//! What users and groups use.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::PAGE_ENTRIES_MAX;
use crate::ops::Stop;
use crate::outcome::{OwnerInfo, Owners, Reply};
use crate::record::OwnerQuota;
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::{InodeId, Owner, OwnerCount};

/// A page of them; none while nothing is counted.
pub(crate) fn answer(view: &dyn View, from: Owner, owners_max: usize) -> Result<Reply, Stop> {
    let volume = load_volume(view)?.ok_or_else(|| Fault::corrupt("volume record", "not there"))?;
    let owners = match volume.owners {
        OwnerCount::Off | OwnerCount::Forgetting => Vec::new(),
        OwnerCount::Below(_) => page(view, from, owners_max.min(PAGE_ENTRIES_MAX))?,
    };
    Ok(Reply::Owners(Owners {
        count: volume.owners,
        next_inode: InodeId::new(volume.next_inode),
        owners,
    }))
}

fn page(view: &dyn View, from: Owner, owners_max: usize) -> Result<Vec<OwnerInfo>, Fault> {
    let mut owners = Vec::new();
    let (_, end) = keys::all(Prefix::Owner);
    view.scan(&keys::owner(from), &end, &mut |key, value| {
        if owners.len() == owners_max {
            return Ok(ControlFlow::Break(()));
        }
        let owner = keys::first_number(key).and_then(Owner::from_number);
        let owner = owner.ok_or_else(|| Fault::corrupt("owner key", "neither user nor group"))?;
        let OwnerQuota { limits, used } = OwnerQuota::decode(value)?;
        owners.push(OwnerInfo {
            owner,
            limits,
            used,
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(owners)
}
