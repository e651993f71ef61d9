//! The services as the device gets them: compiled for real, by the tools of this machine.

use std::io::Write as _;

use super::*;
use crate::board;
use crate::toolchain::{Group, ensure};

fn toolchain() -> Toolchain {
    ensure(&[Group::Image], &mut |line| eprintln!("{line}")).unwrap()
}

/// "No SSE/SSE2 instruction in any service binary."
#[test]
fn no_service_holds_an_instruction_that_the_geode_lacks() {
    let out = tempfile::tempdir().unwrap();
    let services =
        build(board::DEFAULT, &toolchain(), &Sysroot::Miniature, Edition::Release, out.path()).unwrap();
    assert_eq!(services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["sluice"]);
    for service in services {
        let report = isa::inspect(
            &service.name,
            &fs::read(&service.path).unwrap(),
            board::DEFAULT.processor.instructions,
        )
        .unwrap();
        assert_eq!(report.violations, []);
        assert!(report.undecoded.is_empty(), "{:x?}", report.undecoded);
        // An empty or mistaken file would pass as well: std alone has tens of thousands of instructions.
        assert!(report.instructions > 10_000, "only {} instructions", report.instructions);
    }
}

/// Two engineers, two directories: one program.
#[test]
fn the_same_sources_give_the_same_bytes_in_another_folder() {
    let toolchain = toolchain();
    let elsewhere = tempfile::tempdir().unwrap();
    let workspace = elsewhere.path().join("a checkout with another name");
    copy_sources(&workspace);
    let directory = elsewhere.path().join("target");
    let package = Package::read(&workspace::root()).unwrap();
    let build = Build {
        workspace,
        directory,
        board: board::DEFAULT,
        package: &package,
        toolchain: &toolchain,
        sysroot: &Sysroot::Miniature,
        edition: Edition::Release,
    };
    let theirs = build.run(|_, path| Ok(fs::read(path)?)).unwrap();
    let out = tempfile::tempdir().unwrap();
    let ours =
        super::build(board::DEFAULT, &toolchain, &Sysroot::Miniature, Edition::Release, out.path()).unwrap();
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert!(*theirs == fs::read(&ours.path).unwrap(), "{} differs", ours.name);
        let text = String::from_utf8_lossy(theirs);
        for directory in [elsewhere.path(), &workspace::root(), &toolchain.rust().unwrap().source] {
            assert!(
                !text.contains(directory.to_str().unwrap()),
                "{} names {}",
                ours.name,
                directory.display()
            );
        }
    }
}

/// What `cfg!(feature = "development")` lets in must never be kept and used for the other edition.
#[test]
fn a_release_and_a_development_build_never_share_their_services() {
    let toolchain = toolchain();
    let digest = |edition| digest(board::DEFAULT, &toolchain, &Sysroot::Miniature, edition).unwrap();
    assert_ne!(digest(Edition::Release), digest(Edition::Development));
    assert_eq!(Edition::Release.features(), "");
}

#[test]
fn each_world_gets_a_service_that_is_linked_against_itself() {
    let Some(world) = std::env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let toolchain = ensure(&[Group::Image, Group::World], &mut |line| eprintln!("{line}")).unwrap();
    let root = Path::new(&world).join("sysroot");
    let world = Sysroot::World(root.clone());
    let out = tempfile::tempdir().unwrap();
    let bytes = [&Sysroot::Miniature, &world, &Sysroot::Miniature].map(|sysroot| {
        let services = build(board::DEFAULT, &toolchain, sysroot, Edition::Release, out.path()).unwrap();
        fs::read(&services[0].path).unwrap()
    });
    // The first is left from a build before this test, perhaps, and the others were just linked.
    assert!(bytes[0] != bytes[1], "the world's service is the miniature world's");
    assert!(bytes[0] == bytes[2], "the miniature world's service has changed");
    // A program that needs a version of FreeBSD's symbols that the world's libc does not have does not start there.
    let libc = fs::read(root.join("lib/libc.so.7")).unwrap();
    let has = |file: &[u8], version: &[u8]| file.windows(version.len()).any(|window| window == version);
    let versions: Vec<_> = (0..=9).map(|minor| format!("FBSD_1.{minor}\0")).collect();
    let needed: Vec<_> = versions.iter().filter(|version| has(&bytes[1], version.as_bytes())).collect();
    assert!(!needed.is_empty(), "the service is not linked against FreeBSD's libc");
    for version in needed {
        assert!(has(&libc, version.as_bytes()), "the service needs {version}, which the world does not have");
    }
}

fn copy_sources(workspace: &Path) {
    // The members that are not built must be there for cargo to read the workspace.
    for source in [".cargo", "Cargo.lock", "Cargo.toml", "appliance", "crates", "firmware", "xtask"] {
        for entry in walkdir::WalkDir::new(workspace::root().join(source)) {
            let entry = entry.unwrap();
            let target = workspace.join(entry.path().strip_prefix(workspace::root()).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(target).unwrap();
            } else {
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}
