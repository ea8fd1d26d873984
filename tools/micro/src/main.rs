//! Measures what is done for every operation, by itself: `holdfast-micro [PART OF A NAME]`.
//!
//! There is no network, no disk that is waited for and no kernel in it: a change of our own code shows here before
//! it shows in `holdfast bench`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod apply;
mod codecs;
mod locks;
mod measure;

use std::env;

use self::measure::Bench;

fn main() {
    let mut bench = Bench::new(env::args().nth(1));
    apply::run(&mut bench);
    locks::run(&mut bench);
    codecs::run(&mut bench);
}
