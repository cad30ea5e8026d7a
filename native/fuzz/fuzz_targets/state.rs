#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ltv_native_fuzz::check_state(data));
