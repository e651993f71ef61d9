//! Any text may be read as `kern.geom.conftxt`: the names found are from the text.

#![no_main]

use bsd_disk::conftxt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for provider in text.split([' ', '\n']) {
        if let Some(disk) = conftxt::disk_of(text, provider) {
            assert!(text.contains(disk));
        }
        let names = conftxt::names_of_slice(text, provider);
        assert!(names.iter().all(|name| text.contains(name)));
    }
});
