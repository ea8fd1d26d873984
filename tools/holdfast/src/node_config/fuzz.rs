//! Whatever the file of settings says: it is understood and can be said again, or it is refused in words.

use std::fs;
use std::time::Instant;

use clap::Parser;
use holdfast_tests::Random;
use holdfast_tests::fuzz::mutate;

use super::*;

const CASES: u64 = 6000;

/// Together they say everything that can be said.
const FILES: [&str; 7] = [
    "[node]\nid = 3\ndata = \"/d\"\nlisten = \"127.0.0.1:1\"\nadvertise = \"a:1\"\nmetrics = \"127.0.0.1:9\"\n\
     mount = [\"/m\", \"/n\"]\ninsecure_no_tls = false\nslow_operation_ms = 50\nchanges = 9\ncache_mib = 64\n",
    "[cluster]\nbootstrap = false\njoin = [\"a:1\", \"b:2\"]\nas_learner = true\nreads = \"lease\"\n",
    "[tls]\ndirectory = \"/t\"\n",
    "[timing]\nheartbeat_ms = 100\nelection_min_ms = 500\nelection_max_ms = 1000\nsession_lease_ms = 10000\n",
    "[snapshots]\nentries = 100\ninterval_seconds = 60\nspacing_seconds = 1\nkeep = 10\n",
    "[limits]\nmemory_tables_mib = 16\nlog_cache_mib = 1\nconnections = 16\ncalls = 1024\ncalls_mib = 64\nchanges_waiting_mib = 8\n\
     reads_waiting = 64\ncopied_inodes = 1024\nreplication_mib = 1\ndumps = 1\nwatchers = 1\n",
    "[log]\nfilter = \"info,holdfast=debug\"\nformat = \"json\"\ntraces = \"http://127.0.0.1:4318\"\ntrace_every = 9\n",
];

const NUMBERS: [&str; 8] = [
    "0",
    "1",
    "-1",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "1e300",
    "nan",
];

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArguments,
}

fn gather(path: &Path, text: &str) -> anyhow::Result<NodeConfig> {
    fs::write(path, text).unwrap();
    let line = Line::try_parse_from(["serve", "--config", path.to_str().unwrap()]);
    NodeConfig::gather(&line.unwrap().serve)
}

/// The text with one of its numbers replaced.
fn with_number(random: &mut Random, text: &str) -> String {
    let digits: Vec<usize> = text
        .char_indices()
        .filter(|(_, character)| character.is_ascii_digit())
        .map(|(place, _)| place)
        .collect();
    let Some(place) = digits.get(random.below(digits.len().max(1) as u64) as usize) else {
        return text.to_owned();
    };
    let (before, after) = text.split_at(*place);
    let number = NUMBERS[random.below(NUMBERS.len() as u64) as usize];
    let before = before.trim_end_matches(|character: char| character.is_ascii_digit());
    let after = after.trim_start_matches(|character: char| character.is_ascii_digit());
    format!("{before}{number}{after}")
}

/// What may stand below this line, as the refusal of what may not says it.
fn known_below(line: &str) -> Vec<String> {
    let refused = toml::from_str::<File>(&format!("{line}\nno_such_setting = 0\n")).unwrap_err();
    let (_, expected) = refused.message().split_once("expected").unwrap();
    let names = expected.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn what_is_mutated_has_every_setting() {
    let all: toml::Table = FILES.concat().parse().unwrap();
    for section in known_below("") {
        let settings = all.get(&section);
        for setting in known_below(&format!("[{section}]")) {
            let value = settings.and_then(|settings| settings.get(&setting));
            assert!(value.is_some(), "{section}.{setting}");
        }
    }
}

#[test]
fn settings_are_understood_and_said_again_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.toml");
    let mut random = Random::announced();
    let all = FILES.concat();
    let mut understood = 0;
    for case in 0..CASES {
        let mutated = if case % 2 == 0 {
            with_number(&mut random, &all)
        } else {
            let input = FILES[random.below(FILES.len() as u64) as usize];
            let mutated = mutate(&mut random, input.as_bytes(), all.as_bytes());
            String::from_utf8_lossy(&mutated).into_owned()
        };
        let Ok(config) = gather(&path, &mutated) else {
            continue;
        };
        understood += 1;
        let now = Instant::now();
        for duration in [
            config.timing.heartbeat,
            config.timing.election_max,
            config.timing.session_lease,
            config.snapshots.interval,
            config.snapshots.spacing,
        ] {
            assert!(now.checked_add(duration * 4).is_some(), "{mutated}");
        }
        let described = config.describe().unwrap();
        let again = gather(&path, &described).unwrap();
        assert_eq!(again.describe().unwrap(), described, "{mutated}");
    }
    assert!(understood > CASES / 20, "only {understood} were understood");
}
