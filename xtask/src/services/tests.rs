//! The services as the device gets them: compiled for real, by the tools of this machine.

use super::*;
use crate::toolchain::{Group, ensure};

fn toolchain() -> Toolchain {
    ensure(&[Group::Image], &mut |line| eprintln!("{line}")).unwrap()
}

/// "No SSE/SSE2 instruction in any service binary."
#[test]
fn no_service_holds_an_instruction_that_the_geode_lacks() {
    let out = tempfile::tempdir().unwrap();
    let services = build(&toolchain(), &Sysroot::Miniature, out.path()).unwrap();
    assert_eq!(services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), PROGRAMS);
    for service in services {
        let report = isa::inspect(&service.name, &fs::read(&service.path).unwrap()).unwrap();
        assert_eq!(report.violations, []);
        assert!(report.undecoded.is_empty(), "{:x?}", report.undecoded);
        // An empty or mistaken file would pass as well: std alone has tens of thousands of instructions.
        assert!(report.instructions > 10_000, "only {} instructions", report.instructions);
    }
}
