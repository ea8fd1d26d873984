//! Compiles the protocol with a compiler written in Rust, so that there is no `protoc` to install.

use std::error::Error;

const FILES: [&str; 4] = [
    "holdfast/v1/admin.proto",
    "holdfast/v1/catalog.proto",
    "holdfast/v1/client.proto",
    "holdfast/v1/raft.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
