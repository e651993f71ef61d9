//! The lab's scenarios as tests: those of the boot manager on the miniature world, and all of them on a real one.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use lab::{Needs, Rig, World, scenarios};

use crate::repository::{Repository, Run, target_dir};

/// Scenarios at a time; each keeps a processor busy.
const JOBS: usize = 2;

#[test]
fn every_promise_of_the_boot_manager_is_kept() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let logs = target_dir().join("lab").join("stories");
    std::fs::create_dir_all(&logs).unwrap();
    let rig = Rig {
        world: World::Miniature,
        full: repository.latest(".full.img"),
        boot0: None,
        served: repository.firmware(),
        url: String::new(),
        logs,
        rounds: 1,
    };
    let scenarios = scenarios::of(World::Miniature);
    let outcomes = lab::play(&rig, &scenarios, JOBS, &|_| {});
    assert_eq!(outcomes.len(), scenarios.len());
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| Some(format!("{}: {:#}", outcome.name, outcome.result.as_ref().err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The table that the command prints, and the message for an unknown name.
#[test]
fn the_command_plays_the_named_scenarios() {
    let Some(repository) = Repository::new() else { return };
    let lab = |arguments: &[&str]| Run::of(&mut repository.xtask("lab", arguments));
    let table = lab(&["default-boot", "update-refused"]).success();
    assert!(table.contains("default-boot           ok"), "{table}");
    assert!(table.contains("update-refused         skipped: it needs FreeBSD"), "{table}");
    assert!(table.contains("1 played, 0 failed, 1 skipped"), "{table}");
    lab(&["default-bot"]).refused(&["no scenario `default-bot`", "--list"]);
}

/// Updates of a running FreeBSD, when `SLUICE_TEST_WORLD` names one.
#[test]
fn every_promise_of_a_running_system_is_kept() {
    let Some(world) = std::env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let Some(repository) = Repository::new() else { return };
    let names: Vec<&str> = scenarios::of(World::FreeBsd)
        .iter()
        .filter(|scenario| scenario.needs != Needs::Card)
        .map(|it| it.name)
        .collect();
    let mut arguments = vec!["--world", Path::new(&world).to_str().unwrap(), "--rounds", "2"];
    arguments.extend(names);
    let table = Run::of(&mut repository.xtask("lab", &arguments)).success();
    let _ = writeln!(std::io::stderr(), "{table}");
}

/// Two labs at once in one checkout: the second waits for the first.
#[test]
fn labs_beside_each_other_do_not_mix_their_images() {
    let Some(repository) = Repository::new() else { return };
    let lab = |arguments: &[&str]| {
        let mut command = repository.xtask("lab", arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let definition = repository.beside("other.toml");
    std::fs::write(&definition, "[boot]\ndefault = 1\nticks = 20\n").unwrap();
    let both = [lab(&["default-boot"]), lab(&["key-choice", "-c", definition.to_str().unwrap()])];
    for child in both {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 played, 0 failed"), "{said}");
    }
}
