#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hardening::run("narinfo", bytes));
