//! Which source wins, and what is refused.

use clap::Parser;

use super::*;
use crate::logging::LogFormat;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArguments,
}

fn gather(arguments: &[&str], file: Option<&str>) -> anyhow::Result<NodeConfig> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.toml");
    let mut line = vec!["serve"];
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
        line.extend(["--config", path.to_str().unwrap()]);
    }
    line.extend(arguments);
    NodeConfig::gather(&Line::try_parse_from(line).unwrap().serve)
}

#[test]
fn the_defaults_are_a_node_on_loopback() {
    let config = gather(&["--id", "1"], None).unwrap();
    assert_eq!(config.listen, "127.0.0.1:7420".parse().unwrap());
    assert_eq!(config.snapshots, SnapshotOptions::default());
    assert_eq!(config.timing, Timing::default());
}

#[test]
fn flags_win_over_the_file() {
    let file = "[node]\nid = 3\nlisten = \"127.0.0.1:1\"\n[cluster]\njoin = [\"a:1\"]\n";
    let config = gather(&["--id", "4"], Some(file)).unwrap();
    assert_eq!(config.id, Some(4));
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.join, ["a:1"]);
    let config = gather(&["--bootstrap"], Some(file)).unwrap();
    assert!(config.bootstrap && config.join.is_empty());
}

#[test]
fn what_is_described_means_the_same_when_it_is_read() {
    let line = [
        "--id", "2", "--data", "/d", "--join", "a:1,b:2", "--reads", "lease",
    ];
    let config = gather(&line, None).unwrap();
    let again = gather(&[], Some(&config.describe().unwrap())).unwrap();
    assert_eq!(again.describe().unwrap(), config.describe().unwrap());
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let error = gather(&[], Some("[node]\nidd = 3\n")).unwrap_err();
    assert!(format!("{error:#}").contains("idd"));
}

#[test]
fn the_cache_has_a_size_that_helps_and_that_can_be_meant() {
    let of = |mib: &str| {
        gather(
            &[],
            Some(&format!("[node]\ncache_mib = {mib}\n[cluster]\n")),
        )
    };
    assert_eq!(gather(&[], None).unwrap().cache_mib, 256);
    assert_eq!(of("8").unwrap().cache_mib, 8);
    for wrong in ["7", "1048577"] {
        let error = of(wrong).unwrap_err().to_string();
        assert!(error.contains("from 8 to 1048576"), "{error}");
    }
}

#[test]
fn every_limit_can_be_set_and_has_bounds() {
    let of = |line: &str| gather(&[], Some(&format!("[limits]\n{line}\n")));
    let set = of(
        "memory_tables_mib = 16\nlog_cache_mib = 1\nconnections = 16\ncalls = 1024\ncalls_mib = 64\nchanges_waiting_mib = 8\n\
                  reads_waiting = 64\ncopied_inodes = 1024\nreplication_mib = 1\ndumps = 1\nwatchers = 1\n",
    );
    let expected = Limits {
        memory_table_bytes: 16 << 20,
        log_cache_bytes: 1 << 20,
        connections: 16,
        calls: 1024,
        call_bytes: 64 << 20,
        proposal_bytes: 8 << 20,
        reads: 64,
        copied_inodes: 1024,
        replication_bytes: 1 << 20,
        dumps: 1,
        watchers: 1,
    };
    assert_eq!(set.unwrap().limits, expected);
    assert_eq!(of("").unwrap().limits, Limits::default());
    let described = of("").unwrap().describe().unwrap();
    let (_, limits) = described.split_once("[limits]\n").unwrap();
    let names = limits.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = names
        .map(|line| line.split_once(" = ").unwrap().0)
        .collect();
    assert_eq!(names.len(), 11);
    for name in names {
        for value in ["0", "18446744073709551615"] {
            let error = format!("{:#}", of(&format!("{name} = {value}")).unwrap_err());
            assert!(error.contains(name), "{name} = {value}: {error}");
        }
    }
}

#[test]
fn timing_that_cannot_work_is_refused() {
    let error = gather(&[], Some("[timing]\nheartbeat_ms = 400\n")).unwrap_err();
    assert!(error.to_string().contains("heartbeat (400 ms)"));
}

#[test]
fn settings_that_say_nothing_of_a_cluster_are_of_this_machine_alone() {
    let file =
        "[node]\ndata = \"/d\"\nmount = [\"/m\"]\nmetrics = \"127.0.0.1:9\"\ncache_mib = 64\n";
    let config = gather(&[], Some(file)).unwrap();
    assert!(!config.is_of_cluster);
    assert_eq!(config.cache_mib, 64);
    assert_eq!(config.mount, [PathBuf::from("/m")]);
    let described = config.describe().unwrap();
    let again = gather(&[], Some(&described)).unwrap();
    assert!(!again.is_of_cluster, "{described}");
    assert_eq!(again.describe().unwrap(), described);
    let config = gather(&["--mount", "/other"], Some(file)).unwrap();
    assert_eq!(config.mount, [PathBuf::from("/other")]);
    for more in ["[cluster]\n", "[timing]\n", "[snapshots]\n", "[limits]\n"] {
        let config = gather(&[], Some(&format!("{file}{more}"))).unwrap();
        assert!(config.is_of_cluster, "{more}");
    }
    for flag in [
        ["--id", "1"],
        ["--listen", "127.0.0.1:1"],
        ["--join", "a:1"],
    ] {
        assert!(gather(&flag, Some(file)).unwrap().is_of_cluster, "{flag:?}");
    }
}

#[test]
fn what_is_logged_can_be_said_in_the_file_and_on_the_line() {
    let file =
        "[node]\nid = 3\nslow_operation_ms = 50\n[log]\nformat = \"json\"\nfilter = \"warn\"\n";
    let config = gather(&[], Some(file)).unwrap();
    assert_eq!(config.log.format, Some(LogFormat::Json));
    assert_eq!(config.slow_operation, Duration::from_millis(50));
    assert!(config.describe().unwrap().contains("filter = \"warn\""));
    let config = gather(&["--log", "debug", "--log-format", "human"], Some(file)).unwrap();
    assert_eq!(
        config.log.arguments(),
        ["--log=debug", "--log-format=human"]
    );
    assert!(gather(&[], Some("[log]\nformat = \"xml\"\n")).is_err());
    let alone = gather(&["--data", "/d", "--mount", "/m"], Some("[log]\n")).unwrap();
    assert!(!alone.is_of_cluster);
}
