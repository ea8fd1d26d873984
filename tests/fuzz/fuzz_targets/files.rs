//! The target `files` of `holdfast_tests::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (holdfast_tests::fuzz::target("files").run)(bytes);
});
