//! Any text may be read as `kern.geom.conftxt`: the names found are from the text.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../appliance/src/disk/geom.rs"]
mod geom;

fuzz_target!(|text: &str| {
    for provider in text.split([' ', '\n']) {
        if let Some(disk) = geom::disk_of(text, provider) {
            assert!(text.contains(disk));
        }
        let names = geom::names_of_slice(text, provider);
        assert!(names.iter().all(|name| text.contains(name)));
    }
});
