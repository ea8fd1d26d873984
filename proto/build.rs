//! Compiles the protocol with a compiler written in Rust, so that there is no `protoc` to install.

use std::error::Error;

const FILES: [&str; 12] = [
    "holdfast/v1/admin.proto",
    "holdfast/v1/backup.proto",
    "holdfast/v1/catalog.proto",
    "holdfast/v1/check.proto",
    "holdfast/v1/client.proto",
    "holdfast/v1/command.proto",
    "holdfast/v1/outcome.proto",
    "holdfast/v1/query.proto",
    "holdfast/v1/raft.proto",
    "holdfast/v1/session.proto",
    "holdfast/v1/types.proto",
    "holdfast/v1/watch.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
