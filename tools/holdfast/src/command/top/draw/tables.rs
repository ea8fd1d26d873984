//! What stands in the tables of `holdfast top`.

use std::cmp::Reverse;

use super::{Looks, micros, tenths};
use crate::command::status::duration;
use crate::command::top::keys::{Choices, Sort};
use crate::command::top::look::View;
use crate::command::top::table::{Cell, Table};
use crate::picture::{
    DirectoryPicture, GroupPicture, NodePicture, OperationPicture, SessionPicture,
};

/// From what there is to what is done.
pub(super) struct Tables {
    pub(super) nodes: Table,
    pub(super) groups: Table,
    pub(super) operations: Table,
    pub(super) directories: Table,
    pub(super) sessions: Table,
}

impl Tables {
    pub(super) fn into_array(self) -> [Table; 5] {
        [
            self.nodes,
            self.groups,
            self.operations,
            self.directories,
            self.sessions,
        ]
    }
}

impl Looks {
    pub(super) fn tables(&self, view: &View, choices: &Choices) -> Tables {
        Tables {
            nodes: self.nodes(view),
            groups: self.groups(view),
            operations: operations(view, choices),
            directories: directories(view, choices),
            sessions: sessions(view, choices),
        }
    }

    fn nodes(&self, view: &View) -> Table {
        let nodes = view.picture.nodes.iter();
        Table {
            titles: &["NODE", "ADDRESS", "ROLE", "LEADS", "UP", "FREE", "STATE"],
            rows: nodes.map(|node| self.node(node)).collect(),
            is_scrolled: false,
        }
    }

    fn node(&self, node: &NodePicture) -> Vec<Cell> {
        let id = node
            .node
            .map_or_else(|| "?".to_owned(), |id| id.to_string());
        let is_low = node.disk_available < node.disk_reserve;
        let state = match (&node.error, node.fault.as_str()) {
            (Some(reason), _) => Cell::styled(reason, self.bad()),
            (None, "") if is_low => Cell::styled("its disk is nearly full", self.warning()),
            (None, "") => Cell::styled("answers", self.good()),
            (None, fault) => Cell::styled(fault, self.bad()),
        };
        let [leads, up, free] = if node.error.is_some() {
            ["-"; 3].map(str::to_owned)
        } else {
            let up = duration(node.uptime_seconds);
            [node.leads.to_string(), up, free(node)]
        };
        vec![
            Cell::new(id),
            Cell::new(&node.address),
            Cell::new(&node.role),
            Cell::new(leads),
            Cell::new(up),
            Cell::new(free),
            state,
        ]
    }

    fn groups(&self, view: &View) -> Table {
        let groups = view.picture.groups.iter();
        Table {
            titles: &[
                "VOLUME",
                "LEADER",
                "TERM",
                "SESSIONS",
                "VOTERS",
                "LEARNERS",
                "LAG BY NODE",
            ],
            rows: groups.map(|group| self.group(group)).collect(),
            is_scrolled: false,
        }
    }

    fn group(&self, group: &GroupPicture) -> Vec<Cell> {
        let list = |ids: &[u64]| {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            ids.join(" ")
        };
        let leader = match group.leader {
            Some(leader) => Cell::new(leader.to_string()),
            None => Cell::styled("nobody", self.bad()),
        };
        let others = group.replicas.iter();
        let others = others.filter(|replica| Some(replica.node) != group.leader);
        let lags = others.map(|replica| match replica.lag {
            Some(lag) => format!("{}:{lag}", replica.node),
            None => format!("{}:?", replica.node),
        });
        vec![
            Cell::new(&group.name),
            leader,
            Cell::new(group.term.to_string()),
            Cell::new(group.sessions.to_string()),
            Cell::new(list(&group.voters)),
            Cell::new(list(&group.learners)),
            Cell::new(lags.collect::<Vec<_>>().join(" ")),
        ]
    }
}

fn free(node: &NodePicture) -> String {
    let percent = (u128::from(node.disk_available) * 100).checked_div(node.disk_total.into());
    let free = indicatif::BinaryBytes(node.disk_available);
    format!("{free} ({}%)", percent.unwrap_or_default())
}

fn operations(view: &View, choices: &Choices) -> Table {
    let mut sorted: Vec<&OperationPicture> = view.operations.iter().collect();
    match choices.sort {
        Sort::Rate => sorted.sort_by_key(|one| Reverse(one.count)),
        Sort::Time => sorted.sort_by_key(|one| Reverse(one.p99_micros)),
        Sort::Name => sorted.sort_by_key(|one| (&one.volume, &one.operation)),
    }
    let rows = sorted.into_iter().map(|one| {
        vec![
            Cell::new(&one.operation),
            Cell::new(&one.volume),
            Cell::new(one.kind),
            Cell::new(tenths(view.tenths_a_second(one.count))),
            Cell::new(micros(one.median_micros)),
            Cell::new(micros(one.p99_micros)),
        ]
    });
    Table {
        titles: &[
            "OPERATION",
            "VOLUME",
            "KIND",
            "A SECOND",
            "MEDIAN",
            "99 OF 100",
        ],
        rows: rows.collect(),
        is_scrolled: true,
    }
}

fn directories(view: &View, choices: &Choices) -> Table {
    let mut sorted: Vec<&DirectoryPicture> = view.directories.iter().collect();
    match choices.sort {
        Sort::Rate | Sort::Time => sorted.sort_by_key(|one| Reverse(one.calls)),
        Sort::Name => sorted.sort_by_key(|one| (&one.volume, &one.path)),
    }
    let rows = sorted.into_iter().map(|one| {
        let path = one.path.clone();
        vec![
            Cell::new(path.unwrap_or_else(|| format!("inode {}", one.inode))),
            Cell::new(&one.volume),
            Cell::new(tenths(view.tenths_a_second(one.calls))),
        ]
    });
    Table {
        titles: &["DIRECTORY", "VOLUME", "A SECOND"],
        rows: rows.collect(),
        is_scrolled: true,
    }
}

fn sessions(view: &View, choices: &Choices) -> Table {
    let mut sorted: Vec<&SessionPicture> = view.sessions.iter().collect();
    match choices.sort {
        Sort::Rate => sorted.sort_by_key(|one| Reverse(one.calls)),
        Sort::Time => sorted.sort_by_key(|one| Reverse(one.silent_milliseconds)),
        Sort::Name => sorted.sort_by_key(|one| (&one.volume, &one.host, &one.mountpoint)),
    }
    let rows = sorted.into_iter().map(|one| {
        let calls = one.calls.map(|calls| view.tenths_a_second(calls));
        let silent = one.silent_milliseconds.unwrap_or_default() / 1000;
        vec![
            Cell::new(&one.host),
            Cell::new(&one.volume),
            Cell::new(one.process.to_string()),
            Cell::new(calls.map_or_else(|| "-".to_owned(), tenths)),
            Cell::new(format!("{} ago", duration(silent))),
            Cell::new(&one.mountpoint),
        ]
    });
    Table {
        titles: &[
            "HOST",
            "VOLUME",
            "PROCESS",
            "A SECOND",
            "HEARD",
            "MOUNTPOINT",
        ],
        rows: rows.collect(),
        is_scrolled: true,
    }
}
