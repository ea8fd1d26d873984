//! One man page: what clap knows of a command, in the form man(7) asks for.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::mount_options;

/// In the last line; with the format of data directories it would run into the title.
const SOURCE: &str = concat!("holdfast ", env!("CARGO_PKG_VERSION"));

/// The page of a command that was built.
pub(super) fn render(command: &Command, section: &str) -> io::Result<Vec<u8>> {
    let page = Man::new(with_usage(command))
        .section(section)
        .source(SOURCE);
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.get_name() == "mount" {
        mount_options().to_writer(&mut text)?;
    }
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    see_also(command, section).to_writer(&mut text)?;
    Ok(text)
}

/// With the synopsis of the help: the one that is made for pages has no names of values.
fn with_usage(command: &Command) -> Command {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.clone().override_usage(usage)
}

fn mount_options() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["MOUNT OPTIONS"]);
    for (option, about) in mount_options::entries() {
        roff.control("TP", []);
        roff.text([bold(option)]);
        roff.text([roman(about)]);
    }
    roff.control("PP", []);
    roff.text([roman(mount_options::OTHERS)]);
    roff
}

/// The other pages that go with this one.
fn see_also(command: &Command, section: &str) -> Roff {
    let pages = match (section, command.get_name()) {
        ("8", _) => "holdfast-mount(1), holdfast-umount(1), mount(8), fstab(5)",
        (_, "holdfast") => "mount.holdfast(8)",
        (_, "mount") => "holdfast(1), holdfast-umount(1), mount.holdfast(8), mount(8)",
        (_, _) => "holdfast(1)",
    };
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages)]);
    roff
}
