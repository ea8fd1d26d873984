//! The project's own checks: `cargo xtask verify | fix | tidy`.

mod steps;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask verify   everything CI checks; changes nothing
       cargo xtask fix      formats and applies what clippy can
       cargo xtask tidy     the rules that no other tool knows";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["verify"] => steps::verify(&root()),
        ["fix"] => steps::fix(&root()),
        ["tidy"] => tidy::run(&root()),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The top of the work tree: two directories above this package.
///
/// As cargo says when it runs this: a checkout that shares its target directory with another may run
/// what was compiled there.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.ancestors().nth(2).unwrap_or(&package).to_path_buf()
}
