//! libFuzzer's program for the target `backup`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: alliance_tests::fuzz::begin(), |bytes: &[u8]| alliance_tests::fuzz::run("backup", bytes));
