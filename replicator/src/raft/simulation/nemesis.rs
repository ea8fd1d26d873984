//! What goes wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{Query, Reply};
use openraft::async_runtime::WatchReceiver;
use openraft::{ChangeMembers, ServerState};
use tokio::time::Instant;

use super::host::Host;
use super::network::Weather;
use super::platter::Crash;
use super::world::{CLIENTS, FIRST_CLIENT, NODES, World, peer};
use crate::raft::machine::Machine;

/// How long things go wrong.
const CHAOS: Duration = Duration::from_secs(20);
/// A node may have nothing to take a snapshot of, or a disk that hangs.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(1);
/// To hand over, or to hear that one leads.
const PATIENCE: Duration = Duration::from_secs(1);
/// An append of several entries is waited for so long.
const GATHERED: Duration = Duration::from_secs(2);
/// Between two looks at what a node writes.
const MOMENT: Duration = Duration::from_millis(10);

/// Until it is over, or a rule is broken.
pub(super) async fn rage(world: &mut World) -> Result<(), String> {
    // First there is something to lose.
    world.pass(Duration::from_secs(1)).await?;
    let end = Instant::now() + CHAOS;
    while Instant::now() < end {
        let time = world.random.millis(30, 1200);
        strike(world).await?;
        world.pass(time).await?;
    }
    Ok(())
}

async fn strike(world: &mut World) -> Result<(), String> {
    let number = world.random.below(NODES) as usize;
    let node = number as u64 + 1;
    match world.random.below(40) {
        0..=2 => wall(world),
        3..=6 => {
            world.story.tell("the walls are gone");
            world.network.remove_walls();
        }
        7 => weather(world),
        8 => {
            world.story.tell("the weather is fair");
            world.network.set_weather(Weather::FAIR);
        }
        9..=11 => {
            let how = *world.random.pick(&[Crash::Kill, Crash::PowerFailure]);
            // So often that 24 seeds practically always see one that is gone: many processes end before they come so far.
            if world.random.percent(50) {
                world.nodes[number].steps_left = Some(world.random.below(40) as usize);
            }
            world.crash(number, how).await;
        }
        12 => {
            world.story.tell("all nodes lose power");
            world.tally.count("power failures of all nodes");
            for number in 0..NODES as usize {
                world.crash(number, Crash::PowerFailure).await;
            }
        }
        13 => {
            // Nobody may have its group while it ends.
            let leader = world.leader().map(|(leader, ..)| leader);
            if let Some(leader) = leader {
                world.crash(leader, Crash::PowerFailure).await;
            }
        }
        14 | 15 => stop(world, number),
        16 | 30 | 31 => stop_client(world),
        32 => evict(world),
        17 => disk(world, number),
        18 => {
            world
                .story
                .tell(&format!("the next sync of node {node} fails"));
            world.nodes[number].platter.lock().is_failing = true;
        }
        19 => clock(world, number),
        20 | 21 => {
            let purges = world.random.percent(50);
            snapshot(world, number, purges);
        }
        22 | 23 => members(world),
        24 => hand_over(world, node),
        25 | 26 => stop_task(world, number),
        27 | 28 => come_back(world),
        29 | 37 => cut_off_leader(world),
        33 | 34 => leave_behind(world, number).await?,
        35 | 36 => tear(world, number).await?,
        38 => wall_around_client(world),
        _ => go_on(world),
    }
    Ok(())
}

fn wall(world: &mut World) {
    let one_way = world.random.percent(40);
    let side: BTreeSet<u64> = (1..=NODES).filter(|_| world.random.percent(40)).collect();
    world
        .story
        .tell(&format!("a wall around {side:?} (one way: {one_way})"));
    world
        .tally
        .count(if one_way { "walls, one way" } else { "walls" });
    for inside in &side {
        for outside in (1..=NODES).filter(|node| !side.contains(node)) {
            world.network.wall(*inside, outside);
            if !one_way {
                world.network.wall(outside, *inside);
            }
        }
    }
}

/// It works on, and reaches nobody or hears nobody, often for longer than its lease.
fn wall_around_client(world: &mut World) {
    let client = FIRST_CLIENT + world.random.below(CLIENTS);
    let ways = *world
        .random
        .pick(&[(true, true), (true, false), (false, true)]);
    let told = format!("a wall around client {client} (out, in: {ways:?})");
    world.story.tell(&told);
    world.tally.count("walls around clients");
    for node in 1..=NODES {
        if ways.0 {
            world.network.wall(client, node);
        }
        if ways.1 {
            world.network.wall(node, client);
        }
    }
}

fn weather(world: &mut World) {
    let random = &mut world.random;
    let weather = Weather {
        micros: (50, 1000 + random.below(40_000)),
        lost: random.below(15),
        doubled: random.below(20),
        late: random.below(5),
    };
    world.story.tell(&format!("the network: {weather:?}"));
    world.network.set_weather(weather);
}

/// As `SIGSTOP` does, for up to twice the lease.
fn stop(world: &mut World, number: usize) {
    let most = *world.random.pick(&[800, 800, 6000]);
    let time = world.random.millis(100, most);
    let node = &world.nodes[number];
    if let Some(process) = &node.process {
        world.story.tell(&format!(
            "node {} stands still for {} ms",
            node.id,
            time.as_millis()
        ));
        process.host.stop_for(time);
    }
}

fn stop_client(world: &mut World) {
    let least = *world.random.pick(&[100, 3000]);
    let time = world.random.millis(least, 7000);
    let number = world.random.below(world.clients.len() as u64) as usize;
    world.story.tell(&format!(
        "client {} stands still for {} ms",
        number as u64 + FIRST_CLIENT,
        time.as_millis()
    ));
    world.clients[number].stop_for(time);
}

/// What a node does beside other things, most often the leader.
fn stop_task(world: &mut World, number: usize) {
    let leader = world.leader().map(|(leader, ..)| leader);
    let leader = leader.filter(|_| world.random.percent(60));
    let time = world.random.millis(50, 3000);
    let Some(process) = &world.nodes[leader.unwrap_or(number)].process else {
        return;
    };
    let host = process.host.clone();
    let name = *world.random.pick(&host.names());
    stop_task_of(world, &host, name, time);
}

fn stop_task_of(world: &World, host: &Host, name: &'static str, time: Duration) {
    let told: String = name.chars().take(120).collect();
    let time_told = time.as_millis();
    let story = &world.story;
    story.tell(&format!("{told} of it stands still for {time_told} ms"));
    world.tally.count("tasks that stand still");
    host.stop_task_for(name, time);
}

/// Another leads for a moment, which a task of the leader may not notice.
fn come_back(world: &mut World) {
    let Some((number, host, group)) = world.leader() else {
        return;
    };
    let own = number as u64 + 1;
    let others: Vec<u64> = {
        let metrics = group.raft().server_metrics();
        let metrics = metrics.borrow_watched();
        let voters = metrics.membership_config.membership().voter_ids();
        voters.filter(|voter| *voter != own).collect()
    };
    if others.is_empty() {
        return;
    }
    let other = *world.random.pick(&others);
    let Some(process) = &world.nodes[other as usize - 1].process else {
        return;
    };
    let moment = world.random.millis(0, 300);
    world.story.tell(&format!(
        "node {other} is to lead for {} ms, then node {own} again",
        moment.as_millis()
    ));
    let (next, tally) = (Arc::clone(&process.group), world.tally.clone());
    process.host.spawn(async move {
        let wait = next.raft().wait(Some(PATIENCE));
        let leads = wait.metrics(|metrics| metrics.state == ServerState::Leader, "it leads");
        if leads.await.is_ok() {
            tokio::time::sleep(moment).await;
            if next.hand_over(Some(own), PATIENCE).await {
                tally.count("leaders that lead again");
            }
        }
    });
    // What it has decided waits, and is proposed when it leads again.
    let names = host.names();
    let proposer = names.iter().find(|name| name.contains("propose_all"));
    let name = *proposer
        .filter(|_| world.random.percent(60))
        .unwrap_or(world.random.pick(&names));
    let time = world.random.millis(300, 2500);
    stop_task_of(world, &host, name, time);
    if world.random.percent(60) {
        evict(world);
    }
    host.spawn(async move { group.hand_over(Some(other), PATIENCE).await });
}

/// An operator ends the session of a client, which does not know that.
fn evict(world: &mut World) {
    let Some((number, host, group)) = world.leader() else {
        return;
    };
    let machine = group.store().machine();
    let Machine::Volume(volume) = machine.as_ref() else {
        return;
    };
    let Ok(Ok(Reply::Sessions(sessions))) = volume.query(&Query::Sessions) else {
        return;
    };
    let Some(door) = world.network.door(number as u64 + 1) else {
        return;
    };
    if sessions.is_empty() {
        return;
    }
    let session = world.random.pick(&sessions).session;
    world
        .story
        .tell(&format!("session {} is to end", session.0));
    world.tally.count("evictions");
    // What it holds may be another's from now on.
    world.give_up(session);
    host.spawn(async move { door.service.volume.attendance().evict(session).await });
}

/// It does not know that another leads, and clients go on to ask it.
fn cut_off_leader(world: &mut World) {
    let leader = world.leader().map(|(number, ..)| number as u64 + 1);
    if let Some(leader) = leader {
        let time = world.random.millis(500, 7000);
        let told = format!("node {leader} is cut off for {} ms", time.as_millis());
        world.story.tell(&told);
        world.tally.count("leaders cut off");
        world.network.cut_off(leader, time);
    }
}

fn go_on(world: &mut World) {
    world.story.tell("whoever stands still goes on");
    let nodes = world.nodes.iter().filter_map(|node| node.process.as_ref());
    for process in nodes {
        process.host.go_on();
    }
    for host in &world.clients {
        host.go_on();
    }
}

fn disk(world: &mut World, number: usize) {
    let slow = (1000, 1000 + world.random.below(400_000));
    let speed = *world.random.pick(&[(100, 1500), slow]);
    world
        .story
        .tell(&format!("a sync of node {} takes {speed:?} us", number + 1));
    world.nodes[number].platter.lock().sync_micros = speed;
}

fn clock(world: &mut World, number: usize) {
    let error = world.random.below(7_200_000) as i64 - 3_600_000;
    world.story.tell(&format!(
        "the clock of node {} is {error} ms wrong",
        number + 1
    ));
    world.tally.count("clocks that jump");
    if let Some(process) = &world.nodes[number].process {
        process.host.set_clock_error(error);
    }
    let client = world.random.below(world.clients.len() as u64) as usize;
    world.clients[client].set_clock_error(-error);
}

/// Power fails while a node writes.
async fn tear(world: &mut World, number: usize) -> Result<(), String> {
    let slow = (400_000, 600_000);
    let platter = Arc::clone(&world.nodes[number].platter);
    let speed = std::mem::replace(&mut platter.lock().sync_micros, slow);
    let (time, gathers) = (world.random.millis(20, 400), world.random.percent(50));
    let told = format!("a sync of node {} takes {slow:?} us", number + 1);
    world.story.tell(&told);
    world.pass(time).await?;
    // What comes during a sync is written as one after it.
    let until = Instant::now() + GATHERED;
    while gathers && Instant::now() < until && !platter.lock().writes_several() {
        world.pass(MOMENT).await?;
    }
    world.crash(number, Crash::PowerFailure).await;
    platter.lock().sync_micros = speed;
    Ok(())
}

/// One node hears nothing while the others go on and forget the entries that it lacks: it needs a snapshot.
async fn leave_behind(world: &mut World, number: usize) -> Result<(), String> {
    let node = number as u64 + 1;
    let others: Vec<u64> = (1..=NODES).filter(|other| *other != node).collect();
    world.story.tell(&format!("node {node} is left behind"));
    for other in &others {
        world.network.wall(*other, node);
    }
    let time = world.random.millis(300, 1500);
    world.pass(time).await?;
    for other in &others {
        snapshot(world, *other as usize - 1, true);
    }
    let time = world.random.millis(100, 800);
    world.pass(time).await?;
    world.story.tell("the walls are gone");
    world.network.remove_walls();
    Ok(())
}

/// Makes a snapshot, and purges what is in it; then the node may be gone before it is done.
fn snapshot(world: &mut World, number: usize, purges: bool) {
    let node = &world.nodes[number];
    let Some(process) = &node.process else {
        return;
    };
    world.story.tell(&format!(
        "node {} is told to take a snapshot (purge: {purges})",
        node.id
    ));
    let (raft, tally) = (process.group.raft().clone(), world.tally.clone());
    process.host.spawn(async move {
        let applied = raft.metrics().borrow_watched().last_applied;
        raft.trigger().snapshot().await.ok();
        let wait = raft.wait(Some(SNAPSHOT_PATIENCE));
        let made = wait.metrics(|metrics| metrics.snapshot >= applied, "a snapshot");
        let held = made.await.ok().and_then(|metrics| metrics.snapshot);
        if let Some(held) = held.filter(|_| purges) {
            tally.count("purges");
            raft.trigger().purge_log(held.index).await.ok();
        }
    });
}

/// Makes all nodes members, and others voters.
fn members(world: &mut World) {
    let mut voters: BTreeSet<u64> = (1..=NODES).filter(|_| world.random.percent(60)).collect();
    if voters.len() < 3 {
        voters = BTreeSet::from([1, 2, 3]);
    }
    let Some((_, host, group)) = world.leader() else {
        return;
    };
    let retains = world.random.percent(60);
    world.story.tell(&format!(
        "{voters:?} are to vote, others to stay: {retains}"
    ));
    let (story, tally) = (world.story.clone(), world.tally.clone());
    host.spawn(async move {
        let raft = group.raft().clone();
        drop(group);
        let learners = ChangeMembers::AddNodes((1..=NODES).map(|id| (id, peer(id))).collect());
        let change = async {
            raft.change_membership(learners, true).await?;
            raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), retains)
                .await
        };
        let changed = tokio::time::timeout(Duration::from_secs(5), change).await;
        let changed = changed.map(|changed| changed.map(|changed| changed.log_id));
        if matches!(changed, Ok(Ok(_))) {
            tally.count("changes of members");
        }
        story.tell(&format!("the membership: {changed:?}"));
    });
}

fn hand_over(world: &World, to: u64) {
    let tally = world.tally.clone();
    let Some((_, host, group)) = world.leader() else {
        return;
    };
    world.story.tell(&format!("node {to} is to lead"));
    host.spawn(async move {
        if group.hand_over(Some(to), PATIENCE).await {
            tally.count("hand-overs");
        }
    });
}
