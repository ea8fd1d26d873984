//! `holdfast bench`: how many metadata operations a second a directory takes, whatever is mounted there, or a cluster.
//!
//! One *phase* is one operation, on one target, with one number of clients. What it needs is prepared untimed, then
//! its clients start together. Several directories are measured in turns (A B A B ...), so that what
//! disturbs the machine for a while disturbs them all, and the median of the rounds is reported.

mod arguments;
mod cluster;
mod directory;
mod histogram;
mod interrupt;
mod operation;
mod phase;
mod plan;
mod plot;
mod report;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use arguments::BenchArguments;

use std::io::Write;

use anyhow::Context;
use cluster::Cluster;
use directory::Directory;
use indicatif::{ProgressBar, ProgressStyle};
use interrupt::Interrupt;
use phase::Measured;
use plan::{Plan, Step};
use plot::Plot;
use report::{Entry, Report};
use table::Table;
use target::Target;

#[expect(
    clippy::needless_pass_by_value,
    reason = "every command takes its arguments from the command line for good"
)]
/// Measures the targets and prints the figures on standard output.
pub(crate) fn run(arguments: BenchArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::watch()?;
    measure(&arguments, &interrupt, &mut std::io::stdout().lock())
}

/// The same with a place to print to and somebody to stop it.
fn measure(
    arguments: &BenchArguments,
    interrupt: &Interrupt,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    if arguments.cluster.is_empty() {
        let directories = Directory::open_all(&arguments.directories)?;
        measure_all(directories, arguments, interrupt, output)
    } else {
        let cluster = Cluster::open(arguments)?;
        measure_all(vec![cluster], arguments, interrupt, output)
    }
}

/// Nothing that was made is left in the targets when it returns.
fn measure_all<T: Target>(
    targets: Vec<T>,
    arguments: &BenchArguments,
    interrupt: &Interrupt,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let outcome = execute(&targets, arguments, interrupt, output);
    let removed: Vec<_> = targets.into_iter().map(Target::remove).collect();
    // What stopped the run says more than what then could not be removed.
    outcome.and(removed.into_iter().collect())
}

fn execute<T: Target>(
    targets: &[T],
    arguments: &BenchArguments,
    interrupt: &Interrupt,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let plan = Plan::new(arguments);
    let plot = arguments.plot.as_deref().map(Plot::create).transpose()?;
    let descriptions = targets.iter().map(|target| target.description().clone());
    let mut report = Report::new(arguments, plan.rounds, T::CLIENT, descriptions.collect())?;
    let table = Table::new(&report);
    if !arguments.json {
        table.header(&report, output)?;
    }
    let progress = progress_bar(&plan)?;
    for group in plan.groups() {
        let mut measured: Vec<Vec<Measured>> = targets.iter().map(|_| Vec::new()).collect();
        for step in plan.steps(group) {
            let target = &targets[step.target];
            progress.set_message(describe(&step, &plan, target));
            if targets.len() > 1 {
                targets.iter().try_for_each(Target::settle)?;
            }
            let phase = plan.phase(&step);
            measured[step.target].push(phase.run(target, interrupt)?);
            progress.inc(1);
        }
        let entries = Entry::group(group, &report.targets, &measured);
        if !arguments.json {
            progress.suspend(|| table.rows(&entries, output))?;
        }
        report.results.extend(entries);
    }
    progress.finish_and_clear();
    if arguments.json {
        serde_json::to_writer_pretty(&mut *output, &report)?;
        writeln!(output)?;
    }
    output.flush().context("cannot print the figures")?;
    plot.map_or(Ok(()), |plot| plot.write(&report))
}

/// What our directory in a target is called: the same one may be given twice, to see how far apart two equal things
/// come out.
fn scratch_name(index: usize) -> String {
    let process = std::process::id();
    match index {
        0 => format!("holdfast-bench-{process}"),
        _ => format!("holdfast-bench-{process}-{}", index + 1),
    }
}

/// A bar on a terminal's standard error; nothing when that is not a terminal.
fn progress_bar(plan: &Plan) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {wide_msg}")?;
    Ok(ProgressBar::new(plan.phases()).with_style(style))
}

fn describe<T: Target>(step: &Step, plan: &Plan, target: &T) -> String {
    let plural = if step.group.clients == 1 { "" } else { "s" };
    format!(
        "{}, {} {}{plural}, round {} of {}, {}",
        step.group.operation,
        step.group.clients,
        T::CLIENT,
        step.round + 1,
        plan.rounds,
        target.description().name
    )
}
