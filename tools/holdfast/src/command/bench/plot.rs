//! The figures as a picture: a panel an operation, rates above, latencies below, a colour a target.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::report::{Entry, Report};
use super::table;

/// Told apart also by who does not see all colours (Okabe and Ito).
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#999999",
];
const STYLE: &str = "text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}\
    .tick,.note{font-size:11px;fill:#666}.grid{stroke:#ddd}.range{stroke:#222}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.tick,.note{fill:#aaa}.grid{stroke:#444}.range{stroke:#ddd}}";

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 16.0;
const LINE: f64 = 18.0;
/// Left of a panel, for the numbers of its axes.
const AXIS: f64 = 64.0;
const RATES: f64 = 150.0;
const LATENCIES: f64 = 90.0;
const TITLE: f64 = 30.0;
const BETWEEN: f64 = 28.0;
const PANEL: f64 = TITLE + RATES + BETWEEN + LATENCIES + BETWEEN;
const BAR: f64 = 18.0;
const BETWEEN_GROUPS: f64 = 22.0;
/// Lines across the rates.
const TICKS: u32 = 4;

/// A file that takes the picture; it is gone again if nothing came of the run.
#[derive(Debug)]
pub(super) struct Plot {
    path: PathBuf,
    file: Option<File>,
}

impl Plot {
    /// Before anything is measured: what cannot be written is not worth waiting for.
    pub(super) fn create(path: &Path) -> anyhow::Result<Plot> {
        let file = File::create(path);
        Ok(Plot {
            file: Some(file.with_context(|| format!("cannot write {}", path.display()))?),
            path: path.to_owned(),
        })
    }

    pub(super) fn write(mut self, report: &Report) -> anyhow::Result<()> {
        if let Some(mut file) = self.file.take() {
            let written = file.write_all(draw(report).as_bytes());
            written.with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Plot {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _left = fs::remove_file(&self.path).err();
        }
    }
}

/// A panel: an operation with what was measured of it, in groups of as many clients.
struct Panel<'a> {
    operation: &'a str,
    groups: Vec<(usize, Vec<&'a Entry>)>,
}

/// As SVG.
fn draw(report: &Report) -> String {
    let panels = panels(&report.results);
    let groups = panels.iter().map(|panel| panel.groups.len()).max();
    let bars = times(report.targets.len(), BAR);
    let group = bars + BETWEEN_GROUPS;
    let width = AXIS + times(groups.unwrap_or(1), group) + MARGIN;
    let columns = ((WIDTH / width).floor() as usize).clamp(1, panels.len().max(1));
    let rows = panels.len().div_ceil(columns);
    let head = MARGIN + times(report.targets.len() + 3, LINE);
    let size = (
        times(columns, width).max(WIDTH / 2.0) + 2.0 * MARGIN,
        head + times(rows, PANEL) + MARGIN,
    );
    let mut picture = Picture(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" width=\"{0:.0}\" height=\"{1:.0}\"><style>{STYLE}</style>\n",
        size.0, size.1
    ));
    picture.legend(report);
    for (number, panel) in panels.iter().enumerate() {
        let left = MARGIN + times(number % columns, width);
        let top = head + times(number / columns, PANEL);
        picture.panel(panel, (left, top), group);
    }
    picture.0.push_str("</svg>\n");
    picture.0
}

fn panels(results: &[Entry]) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for entry in results {
        let same = |panel: &&mut Panel<'_>| panel.operation == entry.operation;
        if panels.iter_mut().find(same).is_none() {
            panels.push(Panel {
                operation: &entry.operation,
                groups: Vec::new(),
            });
        }
        let Some(panel) = panels.iter_mut().find(same) else {
            continue;
        };
        match panel.groups.last_mut() {
            Some((clients, entries)) if *clients == entry.threads => entries.push(entry),
            _ => panel.groups.push((entry.threads, vec![entry])),
        }
    }
    panels
}

struct Picture(String);

impl Picture {
    fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, text: &str) {
        let text = escaped(text);
        let line = format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"
        );
        self.add(line);
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n",
            from.0, from.1, to.0, to.1
        ));
    }

    fn rectangle(&mut self, colour: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        let title = escaped(title);
        self.add(format_args!(
            "<rect fill=\"{colour}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{title}</title></rect>\n",
            at.0, at.1, size.0, size.1
        ));
    }

    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        let _written = self.0.write_fmt(line);
    }

    /// Who has which colour, and how it was measured.
    fn legend(&mut self, report: &Report) {
        let mut y = MARGIN;
        for (number, target) in report.targets.iter().enumerate() {
            let name = format!("{} ({})", target.name, target.kind);
            self.rectangle(colour(number), (MARGIN, y), (12.0, 12.0), &name);
            self.text("name", (MARGIN + LINE, y + 11.0), "start", &name);
            y += LINE;
        }
        let how = table::how(report);
        self.text("note", (MARGIN, y + 11.0), "start", &how);
        let what = format!(
            "above: per second, the median and all rounds; below: latency, p50 to p99; by {}s",
            report.client
        );
        self.text("note", (MARGIN, y + LINE + 11.0), "start", &what);
    }

    fn panel(&mut self, panel: &Panel<'_>, (left, top): (f64, f64), group: f64) {
        let entries = || panel.groups.iter().flat_map(|(_, entries)| entries);
        let unit = entries().next().map_or("", |entry| entry.unit);
        let title = match unit {
            "operations" => panel.operation.to_owned(),
            unit => format!("{} ({unit})", panel.operation),
        };
        self.text("title", (left, top + 16.0), "start", &title);
        let start = left + AXIS;
        let end = start + times(panel.groups.len(), group);
        let bottom = top + TITLE + RATES;
        let highest = entries().flat_map(|entry| &entry.rounds).copied();
        let rates = Rates::up_to(highest.fold(0.0, f64::max), bottom);
        for tick in 0..=TICKS {
            let value = rates.most * f64::from(tick) / f64::from(TICKS);
            self.grid((start, end, rates.y(value)), &short(value));
        }
        let floor = bottom + BETWEEN + LATENCIES;
        let latencies = Latencies::of(entries().copied(), floor);
        for decade in latencies.first..=latencies.last {
            let microseconds = 10.0_f64.powi(decade);
            self.grid((start, end, latencies.y(microseconds)), &time(microseconds));
        }
        for (number, (clients, entries)) in panel.groups.iter().enumerate() {
            let from = start + times(number, group) + BETWEEN_GROUPS / 2.0;
            for (bar, entry) in entries.iter().enumerate() {
                let x = from + times(bar, BAR);
                let top = rates.y(entry.per_second);
                let size = (BAR - 3.0, bottom - top);
                self.rectangle(colour(bar), (x, top), size, &told(entry));
                let middle = x + (BAR - 3.0) / 2.0;
                let low = entry.rounds.iter().copied().fold(f64::MAX, f64::min);
                let high = entry.rounds.iter().copied().fold(0.0, f64::max);
                if entry.rounds.len() > 1 {
                    let ends = ((middle, rates.y(low)), (middle, rates.y(high)));
                    self.line("range", ends.0, ends.1);
                }
                let (p50, p99) = (latencies.y(entry.p50_us), latencies.y(entry.p99_us));
                let size = (BAR - 3.0, (p50 - p99).max(1.0));
                self.rectangle(colour(bar), (x, p99), size, &told(entry));
            }
            let middle = start + times(number, group) + group / 2.0;
            let text = clients.to_string();
            self.text("tick", (middle, bottom + 14.0), "middle", &text);
            self.text("tick", (middle, floor + 14.0), "middle", &text);
        }
    }

    fn grid(&mut self, (start, end, y): (f64, f64, f64), text: &str) {
        self.line("grid", (start, y), (end, y));
        self.text("tick", (start - 6.0, y + 4.0), "end", text);
    }
}

/// From nothing up to a round number.
struct Rates {
    most: f64,
    bottom: f64,
}

impl Rates {
    fn up_to(highest: f64, bottom: f64) -> Rates {
        let decade = 10.0_f64.powf(highest.max(1.0).log10().floor());
        let round = [1.0, 2.0, 4.0, 6.0, 8.0].map(|factor| factor * decade);
        let most = round.into_iter().find(|most| *most >= highest);
        Rates {
            most: most.unwrap_or(10.0 * decade),
            bottom,
        }
    }

    fn y(&self, rate: f64) -> f64 {
        self.bottom - RATES * (rate / self.most).min(1.0)
    }
}

/// By powers of ten.
struct Latencies {
    first: i32,
    last: i32,
    bottom: f64,
}

impl Latencies {
    fn of<'a>(entries: impl Iterator<Item = &'a Entry>, bottom: f64) -> Latencies {
        let (mut least, mut most) = (f64::MAX, 1.0_f64);
        for entry in entries {
            least = least.min(entry.p50_us.max(0.1));
            most = most.max(entry.p99_us);
        }
        let first = least.min(most).log10().floor() as i32;
        Latencies {
            first,
            last: (most.log10().ceil() as i32).max(first + 1),
            bottom,
        }
    }

    fn y(&self, microseconds: f64) -> f64 {
        let decades = f64::from(self.last - self.first);
        let above = microseconds.max(0.1).log10() - f64::from(self.first);
        self.bottom - LATENCIES * (above / decades).clamp(0.0, 1.0)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture has no room for as many"
)]
fn times(count: usize, length: f64) -> f64 {
    count as f64 * length
}

fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// What is shown where the pointer is.
fn told(entry: &Entry) -> String {
    format!(
        "{}: {}/s, p50 {}, p99 {}",
        entry.target,
        table::thousands(entry.per_second.round() as u64),
        time(entry.p50_us),
        time(entry.p99_us)
    )
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}

fn time(microseconds: f64) -> String {
    let (value, unit) = match microseconds {
        value if value >= 1e6 => (value / 1e6, "s"),
        value if value >= 1e3 => (value / 1e3, "ms"),
        value => (value, "us"),
    };
    // One digit behind the point where that says something.
    if value < 10.0 && value.fract() > 0.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// Names of directories may have anything in them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str, threads: usize, target: &str, per_second: f64) -> Entry {
        Entry {
            operation: operation.to_owned(),
            threads,
            target: target.to_owned(),
            unit: "operations",
            per_second,
            rounds: vec![per_second * 0.9, per_second, per_second * 1.1],
            p50_us: 120.0,
            p99_us: 4500.0,
            max_us: 9000.0,
            ratio: 1.0,
        }
    }

    #[test]
    fn an_operation_has_a_panel_with_a_group_for_each_number_of_clients() {
        let results = [
            entry("create", 1, "/a", 10.0),
            entry("create", 1, "/b", 20.0),
            entry("create", 16, "/a", 30.0),
            entry("stat", 1, "/a", 40.0),
        ];
        let panels = panels(&results);
        let shape: Vec<_> = panels
            .iter()
            .map(|panel| {
                let groups = panel.groups.iter();
                let groups = groups.map(|(clients, entries)| (*clients, entries.len()));
                (panel.operation, groups.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            shape,
            [("create", vec![(1, 2), (16, 1)]), ("stat", vec![(1, 1)])]
        );
    }

    #[test]
    fn the_axis_of_rates_ends_at_a_round_number() {
        for (highest, most) in [(0.0, 1.0), (1.0, 1.0), (11_900.0, 20_000.0), (95.0, 100.0)] {
            let rates = Rates::up_to(highest, 200.0);
            assert!(
                (rates.most - most).abs() < 1e-9,
                "{highest}: {}",
                rates.most
            );
            assert!((rates.y(0.0) - 200.0).abs() < 1e-9);
            assert!((rates.y(most) - (200.0 - RATES)).abs() < 1e-9);
        }
    }

    #[test]
    fn latencies_lie_between_whole_powers_of_ten() {
        let entry = entry("create", 1, "/a", 10.0);
        let latencies = Latencies::of([&entry].into_iter(), 90.0);
        assert_eq!((latencies.first, latencies.last), (2, 4));
        assert!((latencies.y(100.0) - 90.0).abs() < 1e-9);
        assert!((latencies.y(1000.0) - (90.0 - LATENCIES / 2.0)).abs() < 1e-9);
        assert!((latencies.y(10_000.0) - (90.0 - LATENCIES)).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [950.0, 2_500.0, 20_000.0, 3e6].map(short);
        assert_eq!(texts, ["950", "2.5k", "20k", "3M"]);
        let texts = [0.5, 10.0, 1_500.0, 2e7].map(time);
        assert_eq!(texts, ["0.5 us", "10 us", "1.5 ms", "20 s"]);
    }

    #[test]
    fn a_name_is_text_and_nothing_else() {
        assert_eq!(escaped("<a & \"b\">\n"), "&lt;a &amp; &quot;b&quot;&gt;?");
    }

    #[test]
    fn a_run_that_fails_leaves_no_picture() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("picture.svg");
        drop(Plot::create(&path).unwrap());
        assert!(!path.exists());
        let missing = directory.path().join("missing/picture.svg");
        let error = Plot::create(&missing).unwrap_err();
        assert!(error.to_string().contains("missing/picture.svg"), "{error}");
    }
}
