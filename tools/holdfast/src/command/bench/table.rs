//! The figures as people read them: one line a target, aligned, thousands separated.

use std::io::{self, Write};

use super::report::{Entry, Report};

/// Column widths of a run.
#[derive(Debug)]
pub(super) struct Table {
    /// Width of the column that names the target; none when there is only one.
    target: Option<usize>,
}

impl Table {
    pub(super) fn new(report: &Report) -> Table {
        let widest = report
            .targets
            .iter()
            .map(|target| target.name.chars().count())
            .max();
        Table {
            target: widest
                .filter(|_| report.targets.len() > 1)
                .map(|width| width.max(9)),
        }
    }

    /// What was measured and how, and the heads of the columns.
    pub(super) fn header(&self, report: &Report, output: &mut impl Write) -> io::Result<()> {
        for target in &report.targets {
            writeln!(output, "{} ({})", target.name, target.kind)?;
        }
        writeln!(output, "{}\n", how(report))?;
        let client = report.client;
        let heads = Cells {
            operation: "operation",
            clients: &format!("{client}s"),
            target: "directory",
            rate: "per second",
            latencies: ["p50 us", "p99 us", "max us"].map(str::to_owned),
            ratio: "ratio",
        };
        self.line(&heads, output)
    }

    /// One group: the first line names it.
    pub(super) fn rows(&self, entries: &[Entry], output: &mut impl Write) -> io::Result<()> {
        for (index, entry) in entries.iter().enumerate() {
            let first = index == 0;
            let cells = Cells {
                operation: if first { &entry.operation } else { "" },
                clients: &if first {
                    entry.threads.to_string()
                } else {
                    String::new()
                },
                target: &entry.target,
                rate: &thousands(entry.per_second.round() as u64),
                latencies: [entry.p50_us, entry.p99_us, entry.max_us].map(microseconds),
                ratio: &format!("{:.2}", entry.ratio),
            };
            self.line(&cells, output)?;
        }
        output.flush()
    }

    fn line(&self, cells: &Cells<'_>, output: &mut impl Write) -> io::Result<()> {
        write!(output, "{:<12} {:>7}", cells.operation, cells.clients)?;
        if let Some(width) = self.target {
            write!(output, "  {:<width$}", cells.target)?;
        }
        let [p50, p99, max] = &cells.latencies;
        write!(output, " {:>11} {p50:>9} {p99:>9} {max:>9}", cells.rate)?;
        if self.target.is_some() {
            write!(output, " {:>6}", cells.ratio)?;
        }
        writeln!(output)
    }
}

/// How it was measured, in a line.
pub(super) fn how(report: &Report) -> String {
    let client = report.client;
    let limit = match (report.seconds, report.count) {
        (Some(seconds), _) => format!("{seconds} s a phase"),
        (None, count) => format!("{} operations a {client}", thousands(count.unwrap_or(0))),
    };
    let place = if report.shared {
        "one shared directory".to_owned()
    } else {
        format!("a directory a {client}")
    };
    let plural = if report.rounds == 1 {
        "round"
    } else {
        "rounds (rates are medians)"
    };
    format!(
        "{limit}, {} {plural}, {place}, {} processors, Linux {}",
        report.rounds, report.processors, report.kernel
    )
}

struct Cells<'a> {
    operation: &'a str,
    clients: &'a str,
    target: &'a str,
    rate: &'a str,
    latencies: [String; 3],
    ratio: &'a str,
}

/// Short latencies keep a decimal, for cached operations take about a microsecond.
fn microseconds(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        thousands(value.round() as u64)
    }
}

pub(super) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (44_700, "44,700"),
            (1_234_567, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn short_latencies_keep_a_decimal() {
        assert_eq!(microseconds(0.84), "0.8");
        assert_eq!(microseconds(1_499.6), "1,500");
    }
}
