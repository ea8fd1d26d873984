//! Network namespaces: one a node, one with the bridge between them, where the clients are, and one for a client that can
//! be cut off alone.
//!
//! Nothing outside of the namespaces is touched. Packets are dropped where they arrive, by the address they
//! come from, so a connection can be cut in one direction or in both.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::standpoint::Standpoint;
use crate::program::{Finished, run};

const PORT: u16 = 7420;
const CLIENTS: &str = "10.77.0.254";
/// As if it were a node, the client that is apart.
const APART: u64 = 253;

/// What drops packets, in each namespace.
const FILTER: &str = "add table ip holdfast; \
    add set ip holdfast deaf { type ipv4_addr; }; \
    add chain ip holdfast in { type filter hook input priority 0; }; \
    add rule ip holdfast in ip saddr @deaf drop";

/// A network that can be cut; gone when dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    nodes: u64,
}

impl Network {
    /// Makes namespaces for nodes 1 to `nodes`.
    pub(crate) fn new(nodes: u64) -> Network {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let network = Network {
            prefix: format!(
                "holdfast-{}-{}",
                std::process::id(),
                COUNT.fetch_add(1, Ordering::Relaxed)
            ),
            nodes,
        };
        let hub = network.hub();
        ip(&["netns", "add", &hub]);
        ip(&["-n", &hub, "link", "set", "lo", "up"]);
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"]);
        ip(&["-n", &hub, "link", "set", "bridge", "up"]);
        let clients = format!("{CLIENTS}/24");
        ip(&["-n", &hub, "addr", "add", &clients, "dev", "bridge"]);
        for id in network.ends() {
            network.add(id);
        }
        network
    }

    fn add(&self, id: u64) {
        let (hub, name) = (self.hub(), self.name(id));
        let port = format!("node{id}");
        ip(&["netns", "add", &name]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        ip(&[
            "-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns",
            &name,
        ]);
        ip(&["-n", &hub, "link", "set", &port, "master", "bridge", "up"]);
        let own = format!("{}/24", host(id));
        ip(&["-n", &name, "addr", "add", &own, "dev", "eth0"]);
        ip(&["-n", &name, "link", "set", "eth0", "up"]);
        self.filter(id, FILTER);
    }

    /// The nodes, and the client that is apart.
    fn ends(&self) -> impl Iterator<Item = u64> + use<> {
        (1..=self.nodes).chain([APART])
    }

    /// `host:port` of a node, in its namespace.
    pub(crate) fn address(id: u64) -> String {
        format!("{}:{PORT}", host(id))
    }

    /// Where a node is.
    pub(crate) fn inside(&self, id: u64) -> Standpoint {
        Standpoint::namespace(&self.name(id))
    }

    /// Where the clients are.
    pub(crate) fn outside(&self) -> Standpoint {
        Standpoint::namespace(&self.hub())
    }

    /// Where the client is that can be cut off alone.
    pub(crate) fn apart(&self) -> Standpoint {
        self.inside(APART)
    }

    /// From now on `to` hears nothing from `from`.
    pub fn cut(&self, from: u64, to: u64) {
        let rule = format!("add element ip holdfast deaf {{ {} }}", host(from));
        self.filter(to, &rule);
    }

    /// From now on the two hear nothing from each other.
    pub fn part(&self, one: u64, other: u64) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// Cuts a node off from all other nodes; clients reach it.
    pub fn isolate(&self, id: u64) {
        for other in (1..=self.nodes).filter(|other| *other != id) {
            self.part(id, other);
        }
    }

    /// Cuts the clients off from a node.
    pub fn hide(&self, id: u64) {
        let clients = format!("{CLIENTS}, {}", host(APART));
        let rule = format!("add element ip holdfast deaf {{ {clients} }}");
        self.filter(id, &rule);
    }

    /// Cuts the client that is apart off from all nodes.
    pub fn isolate_client(&self) {
        for id in 1..=self.nodes {
            self.part(id, APART);
        }
    }

    /// Lets so much through to a node and from it, `256kbit` a second for instance; what does not fit waits, and is
    /// dropped when it has waited for a second.
    pub fn narrow(&self, id: u64, rate: &str) {
        let shape = ["root", "tbf", "rate", rate, "burst", "8kb", "latency", "1s"];
        for (namespace, device) in self.roads(id) {
            let place = ["-n", &namespace, "qdisc", "replace", "dev", &device];
            tool("tc", &[&place[..], &shape].concat());
        }
    }

    /// Lets everything through again.
    pub fn widen(&self, id: u64) {
        for (namespace, device) in self.roads(id) {
            tool(
                "tc",
                &["-n", &namespace, "qdisc", "del", "dev", &device, "root"],
            );
        }
    }

    /// Where what is sent to a node, and what it sends, begins.
    fn roads(&self, id: u64) -> [(String, String); 2] {
        [
            (self.hub(), format!("node{id}")),
            (self.name(id), "eth0".to_owned()),
        ]
    }

    /// Everybody hears everybody again.
    pub fn heal(&self) {
        for id in self.ends() {
            self.filter(id, "flush set ip holdfast deaf");
        }
    }

    fn filter(&self, id: u64, rules: &str) {
        let name = self.name(id);
        ip(&["netns", "exec", &name, "nft", rules]);
    }

    fn name(&self, id: u64) -> String {
        format!("{}-{id}", self.prefix)
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // One that was not made is no reason to leave the others.
        let names = self.ends().map(|id| self.name(id));
        for name in names.chain([self.hub()]) {
            Command::new("ip")
                .args(["netns", "del", &name])
                .status()
                .ok();
        }
    }
}

fn host(id: u64) -> String {
    format!("10.77.0.{id}")
}

#[track_caller]
fn ip(arguments: &[&str]) {
    tool("ip", arguments);
}

#[track_caller]
fn tool(name: &str, arguments: &[&str]) {
    let finished: Finished = run(Command::new(name).args(arguments));
    assert!(
        finished.status.success(),
        "{name} {}: {} (it takes root, iproute2 and nftables)",
        arguments.join(" "),
        finished.stderr
    );
}
