//! `holdfast bench`: how many metadata operations a second a directory takes, whatever is mounted there.
//!
//! One *phase* is one operation, on one directory, with one number of threads. What it needs is prepared untimed, then
//! its threads start together. Several directories are measured in turns (A B A B ...), so that what
//! disturbs the machine for a while disturbs them all, and the median of the rounds is reported.

mod arguments;
mod filesystem;
mod histogram;
mod interrupt;
mod operation;
mod phase;
mod plan;
mod report;
mod scratch;
mod table;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use arguments::BenchArguments;

use std::io::Write;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use interrupt::Interrupt;
use phase::Measured;
use plan::{Plan, Step};
use report::{Entry, Report};
use scratch::Scratch;
use table::Table;

#[expect(
    clippy::needless_pass_by_value,
    reason = "every command takes its arguments from the command line for good"
)]
/// Measures the directories and prints the figures on standard output.
pub(crate) fn run(arguments: BenchArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::watch()?;
    measure(&arguments, &interrupt, &mut std::io::stdout().lock())
}

/// The same with a place to print to and somebody to stop it. The scratch directories are gone when it returns.
fn measure(
    arguments: &BenchArguments,
    interrupt: &Interrupt,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let plan = Plan::new(arguments);
    let scratches = scratch::create_all(&arguments.directories)?;
    let outcome = execute(&plan, arguments, &scratches, interrupt, output);
    // What stopped the run says more than what then could not be removed.
    let removed = scratch::remove_all(scratches);
    outcome.and(removed)
}

fn execute(
    plan: &Plan,
    arguments: &BenchArguments,
    scratches: &[Scratch],
    interrupt: &Interrupt,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let mut report = Report::new(arguments, plan.rounds)?;
    let table = Table::new(&report);
    if !arguments.json {
        table.header(&report, output)?;
    }
    let progress = progress_bar(plan)?;
    for group in plan.groups() {
        let mut measured: Vec<Vec<Measured>> = scratches.iter().map(|_| Vec::new()).collect();
        for step in plan.steps(group) {
            progress.set_message(describe(
                &step,
                plan,
                &arguments.directories[step.directory],
            ));
            if scratches.len() > 1 {
                scratch::settle(scratches)?;
            }
            let phase = plan.phase(&step);
            measured[step.directory].push(phase.run(&scratches[step.directory], interrupt)?);
            progress.inc(1);
        }
        let entries = Entry::group(group, &arguments.directories, &measured);
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
    output.flush().context("cannot print the figures")
}

/// A bar on a terminal's standard error; nothing when that is not a terminal.
fn progress_bar(plan: &Plan) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {wide_msg}")?;
    Ok(ProgressBar::new(plan.phases()).with_style(style))
}

fn describe(step: &Step, plan: &Plan, directory: &std::path::Path) -> String {
    let plural = if step.group.threads == 1 { "" } else { "s" };
    format!(
        "{}, {} thread{plural}, round {} of {}, {}",
        step.group.operation,
        step.group.threads,
        step.round + 1,
        plan.rounds,
        directory.display()
    )
}
