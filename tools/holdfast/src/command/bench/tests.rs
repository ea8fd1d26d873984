//! The command line, the plan, and whole runs on a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use super::operation::Operation;
use super::plan::{Group, Limit, Plan};
use super::*;

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    bench: BenchArguments,
}

fn parse(line: &[&str]) -> Result<BenchArguments, clap::Error> {
    let words = std::iter::once("bench").chain(line.iter().copied());
    CommandLine::try_parse_from(words).map(|parsed| parsed.bench)
}

/// In memory where possible: what other programs write to the disk is nothing these tests should wait for.
fn temporary() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn path(directory: &tempfile::TempDir) -> &str {
    directory.path().to_str().unwrap()
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn everything_has_a_default_but_the_directory() {
    assert!(parse(&[]).is_err());
    let arguments = parse(&["/tmp"]).unwrap();
    assert_eq!(arguments.directories, [PathBuf::from("/tmp")]);
    assert_eq!(
        arguments
            .threads
            .iter()
            .map(|threads| threads.get())
            .collect::<Vec<_>>(),
        [1, 16]
    );
    assert_eq!(arguments.operations(), Operation::DEFAULT);
    assert_eq!(arguments.seconds, Duration::from_secs(2));
    assert!(!arguments.json && !arguments.shared && arguments.count.is_none());
}

#[test]
fn a_cluster_is_measured_instead_of_directories() {
    let arguments = parse(&["--cluster", "a:1,b:2", "--volume", "home"]).unwrap();
    assert_eq!(arguments.cluster, ["a:1", "b:2"]);
    assert_eq!(arguments.volume.as_deref(), Some("home"));
    assert_eq!(arguments.operations(), Operation::OF_CLUSTERS);
    assert_eq!(arguments.connections(), Some(1));
    assert_eq!(Plan::new(&arguments).rounds, 1);
    let both = parse(&["--cluster", "a:1", "/tmp"])
        .unwrap_err()
        .to_string();
    assert!(both.contains("cannot be used with"), "{both}");
    let alone = parse(&["/tmp"]).unwrap();
    assert_eq!(alone.connections(), None);
}

#[test]
fn lists_are_separated_by_commas() {
    let arguments = parse(&["--threads", "1,2,4", "--ops", "stat-cold,mkdir", "/a", "/b"]).unwrap();
    assert_eq!(arguments.threads.len(), 3);
    assert_eq!(
        arguments.operations(),
        [Operation::StatCold, Operation::Mkdir]
    );
    assert_eq!(arguments.directories.len(), 2);
}

#[test]
fn nonsense_is_refused() {
    let lines: [&[&str]; 12] = [
        &["/a", "--threads", "0"],
        &["/a", "--threads", "1025"],
        &["/a", "--seconds", "0"],
        &["/a", "--seconds", "inf"],
        &["/a", "--seconds", "1", "--count", "5"],
        &["/a", "--count", "0"],
        &["/a", "--rounds", "0"],
        &["/a", "--ops", "frobnicate"],
        &["/a", "--volume", "home"],
        &["/a", "--connections", "2"],
        &["--cluster", "a:1", "--connections", "0"],
        &["--cluster", "a:1", "--entries", "5"],
    ];
    for line in lines {
        assert!(parse(line).is_err(), "{line:?}");
    }
}

#[test]
fn every_operation_is_called_as_it_is_printed() {
    for operation in <Operation as clap::ValueEnum>::value_variants() {
        let arguments = parse(&["/a", "--ops", &operation.to_string()]).unwrap();
        assert_eq!(arguments.operations(), [*operation]);
    }
}

#[test]
fn directories_take_turns_within_an_operation() {
    let arguments = parse(&[
        "/a",
        "/b",
        "--rounds",
        "2",
        "--ops",
        "stat,open",
        "--threads",
        "1,4",
    ])
    .unwrap();
    let plan = Plan::new(&arguments);
    let groups: Vec<Group> = plan.groups().collect();
    let order: Vec<_> = groups
        .iter()
        .map(|group| (group.operation, group.clients))
        .collect();
    let (stat, open) = (Operation::Stat, Operation::Open);
    assert_eq!(order, [(stat, 1), (stat, 4), (open, 1), (open, 4)]);
    let turns: Vec<_> = plan
        .steps(groups[0])
        .map(|step| (step.round, step.target))
        .collect();
    assert_eq!(turns, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(plan.phases(), 16);
}

#[test]
fn several_directories_are_measured_five_times_and_one_once() {
    assert_eq!(Plan::new(&parse(&["/a"]).unwrap()).rounds, 1);
    assert_eq!(Plan::new(&parse(&["/a", "/b"]).unwrap()).rounds, 5);
    assert_eq!(
        Plan::new(&parse(&["/a", "/b", "--rounds", "3"]).unwrap()).rounds,
        3
    );
}

#[test]
fn a_count_replaces_the_time() {
    let plan = Plan::new(&parse(&["/a", "--count", "7"]).unwrap());
    let group = plan.groups().next().unwrap();
    let step = plan.steps(group).next().unwrap();
    assert_eq!(plan.phase(&step).limit, Limit::Count(7));
}

#[test]
fn a_whole_run_reports_every_operation_as_json_and_leaves_nothing_behind() {
    let (first, second) = (temporary(), temporary());
    let line = [
        "--json",
        "--seconds",
        "0.05",
        "--threads",
        "2",
        "--rounds",
        "2",
        "--entries",
        "50",
    ];
    let arguments = parse(&[&line[..], &[path(&first), path(&second)]].concat()).unwrap();
    let mut output = Vec::new();
    measure(&arguments, &Interrupt::default(), &mut output).unwrap();

    let report: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(report["rounds"], 2);
    assert_eq!(report["targets"][1]["name"], path(&second));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), Operation::DEFAULT.len() * 2);
    for result in results {
        assert!(result["per_second"].as_f64().unwrap() > 0.0, "{result}");
        assert!(
            result["p50_us"].as_f64() <= result["p99_us"].as_f64(),
            "{result}"
        );
        assert!(
            result["p99_us"].as_f64() <= result["max_us"].as_f64(),
            "{result}"
        );
        assert!(result["ratio"].as_f64().unwrap() > 0.0, "{result}");
        assert_eq!(result["rounds"].as_array().unwrap().len(), 2);
        let lists = result["operation"] == "readdir";
        assert_eq!(result["unit"], if lists { "entries" } else { "operations" });
    }
    assert!(is_empty(first.path()) && is_empty(second.path()));
}

#[test]
fn a_table_has_a_line_for_each_result() {
    let directory = temporary();
    let line = [
        "--count",
        "30",
        "--threads",
        "1,3",
        "--shared",
        "--entries",
        "9",
    ];
    let arguments = parse(&[&line[..], &[path(&directory)]].concat()).unwrap();
    let mut output = Vec::new();
    measure(&arguments, &Interrupt::default(), &mut output).unwrap();

    let text = String::from_utf8(output).unwrap();
    let (head, rows) = text.split_once("\n\n").unwrap();
    assert!(
        head.contains("30 operations a thread, 1 round, one shared directory"),
        "{head}"
    );
    assert_eq!(rows.lines().count(), 1 + Operation::DEFAULT.len() * 2);
    let width = rows.lines().next().unwrap().len();
    assert!(rows.lines().all(|row| row.len() == width), "{rows}");
    assert!(is_empty(directory.path()));
}

#[test]
fn an_interrupted_run_says_so_and_leaves_nothing_behind() {
    let directory = temporary();
    let interrupt = Interrupt::default();
    interrupt.raise();
    let arguments = parse(&[path(&directory)]).unwrap();
    let error = measure(&arguments, &interrupt, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
    assert!(is_empty(directory.path()));
}

#[test]
fn what_cannot_be_measured_is_refused_and_nothing_is_left_in_the_others() {
    let directory = temporary();
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = file.path().to_str().unwrap();
    for (refused, reason) in [
        ("/no/such/directory", "No such file or directory"),
        (file, "not a directory"),
        ("/proc", "cannot write in /proc"),
    ] {
        let arguments = parse(&[path(&directory), refused]).unwrap();
        let error = measure(&arguments, &Interrupt::default(), &mut Vec::new()).unwrap_err();
        let message = format!("{error:#}");
        assert!(
            message.contains(refused) && message.contains(reason),
            "{message}"
        );
        assert!(is_empty(directory.path()));
    }
}

#[test]
fn the_figures_are_drawn_for_browsers() {
    let directories = [temporary(), temporary()];
    let drawn = directories[0].path().join("picture.svg");
    let [first, second] = directories.each_ref().map(path);
    let mut line = vec![first, second, "--ops", "create,stat", "--rounds", "2"];
    line.extend(["--threads", "1,2", "--count", "20", "--plot"]);
    line.push(drawn.to_str().unwrap());
    let interrupt = Interrupt::default();
    measure(&parse(&line).unwrap(), &interrupt, &mut Vec::new()).unwrap();
    let picture = fs::read_to_string(&drawn).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    for part in [first, second, ">create<", "2 rounds"] {
        assert!(picture.contains(part), "{part}");
    }
    // Two targets, two operations and two numbers of threads, each with a rate and a latency; two in the legend.
    assert_eq!(picture.matches("<rect ").count(), 18);
    assert_eq!(picture.matches("class=\"range\"").count(), 8);
    fs::remove_file(&drawn).unwrap();
}
