//! A database of sqlite that programs on two mounts change at once, through its own locks and journals.

mod shell;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_tests::{Cluster, ClusterMount, wait_until};

use self::shell::{Shell, ask};

const LIMIT: Duration = Duration::from_mins(4);
const WRITERS: u32 = 4;
/// Of each writer.
const TRANSACTIONS: u32 = 30;
const TEXT_BYTES: u32 = 600;
/// What all entries need, at least.
const ALL_BYTES: u64 = (WRITERS * TRANSACTIONS * TEXT_BYTES) as u64;
/// All of them leave what they were at to others, in a file beside the database.
const JOURNALS: [&str; 3] = ["delete", "truncate", "persist"];
const DOOMED: u32 = 99;

const SCHEMA: &str = "
    CREATE TABLE entry (writer INTEGER, number INTEGER, text TEXT, PRIMARY KEY (writer, number));
    CREATE TABLE total (entries INTEGER);
    INSERT INTO total VALUES (0);";
const IS_WHOLE: &str = "SELECT (SELECT count(*) FROM entry) = (SELECT entries FROM total);";
const BY_WRITER: &str =
    "SELECT writer, count(*), max(number) FROM entry GROUP BY writer ORDER BY writer;";

#[test]
fn a_database_written_on_two_mounts_has_every_entry_though_a_leader_and_a_writer_are_killed() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let followers = cluster.ids().into_iter().filter(|id| *id != leader);
    let mounts: Vec<ClusterMount> = followers
        .map(|node| cluster.mount(node, "noatime"))
        .collect();
    let databases: Vec<PathBuf> = mounts.iter().map(|mount| mount.path("database")).collect();
    ask(&databases[0], SCHEMA);
    let mut writers: Vec<Shell> = (0..WRITERS)
        .map(|writer| {
            let database = &databases[writer as usize % databases.len()];
            let mut shell = Shell::start(database, cluster.scratch());
            shell.say(&transactions(writer));
            shell
        })
        .collect();
    // To ask the database would be in the way of those who write.
    let mut wait_for = |bytes: u64| {
        wait_until("the database grows", LIMIT, || {
            assert_eq!(writers.iter_mut().find_map(Shell::failure), None);
            fs::metadata(&databases[1]).unwrap().len() >= bytes
        });
    };
    wait_for(ALL_BYTES / 4);
    cluster.kill(leader);
    wait_for(ALL_BYTES / 2);
    cluster.restart(leader);
    leave_half_a_transaction(&databases, cluster.scratch());
    for writer in writers {
        let said = writer.end(LIMIT);
        let answers: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(answers, vec!["1"; TRANSACTIONS as usize], "whole each time");
    }
    let line = |writer: u32| format!("{writer}|{TRANSACTIONS}|{}", TRANSACTIONS - 1);
    let expected: Vec<String> = (0..WRITERS).map(line).collect();
    for database in &databases {
        assert_eq!(ask(database, "PRAGMA integrity_check;"), "ok\n");
        assert_eq!(ask(database, IS_WHOLE), "1\n");
        let counts = ask(database, BY_WRITER);
        assert_eq!(counts.lines().collect::<Vec<_>>(), expected);
    }
    for mount in mounts {
        mount.unmount();
    }
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

/// What a writer does: each entry changes two tables, and then it looks whether they agree.
fn transactions(writer: u32) -> String {
    let journal = JOURNALS[writer as usize % JOURNALS.len()];
    let mut script = vec![format!("PRAGMA journal_mode={journal};")];
    script.extend((0..TRANSACTIONS).map(|number| {
        format!(
            "BEGIN IMMEDIATE;
            INSERT INTO entry VALUES ({writer}, {number}, hex(randomblob({TEXT_BYTES} / 2)));
            UPDATE total SET entries = entries + 1;
            COMMIT;
            {IS_WHOLE}\n"
        )
    }));
    script.join("\n")
}

/// A writer dies when half of what it does is in the database: who comes next has to roll it back from the journal.
#[track_caller]
fn leave_half_a_transaction(databases: &[PathBuf], scratch: &Path) {
    let length = || fs::metadata(&databases[1]).unwrap().len();
    let before = length();
    let mut doomed = Shell::start(&databases[0], scratch);
    let ready = scratch.join("ready");
    // What does not fit into its memory it writes before the end.
    doomed.say(&format!(
        "PRAGMA cache_size=2;
        BEGIN IMMEDIATE;
        DELETE FROM entry WHERE number < 10;
        WITH RECURSIVE count(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM count WHERE n < 200)
            INSERT INTO entry SELECT {DOOMED}, n, hex(randomblob(500)) FROM count;
.system touch {}\n",
        ready.display()
    ));
    wait_until("half of it is done", LIMIT, || {
        assert_eq!(doomed.failure(), None);
        ready.exists()
    });
    // More than the others have yet to write.
    assert!(
        length() > before + ALL_BYTES,
        "nothing of it is in the database"
    );
    doomed.kill();
}
