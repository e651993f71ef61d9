//! The tools that stories need.

use std::io::Write as _;

use builder::toolchain::{Group, NEEDS, Toolchain};

/// The tools of `groups`; `None`, and a message, if one is missing.
pub fn find(groups: &[Group]) -> Option<Toolchain> {
    let needs: Vec<_> = NEEDS.iter().filter(|need| need.in_any(groups)).collect();
    let toolchain = Toolchain::find(needs.iter().copied()).unwrap();
    match needs.iter().find(|need| !toolchain.has(need.name)) {
        None => Some(toolchain),
        Some(need) => {
            assert!(std::env::var_os("SLUICE_TEST_ALL").is_none(), "{} is missing", need.name);
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {} is missing; `cargo xtask test` installs it",
                need.name
            );
            None
        }
    }
}
