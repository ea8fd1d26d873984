//! STUB
/// stub
#[derive(Debug)] pub struct RocksEngine;
/// stub
#[derive(Debug)] pub struct RocksOptions;
