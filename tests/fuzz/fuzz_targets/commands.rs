//! The target `commands` of `holdfast_tests::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (holdfast_tests::fuzz::target("commands").run)(bytes);
});
