//! `cargo xtask summary`: what would be built, told without building anything.

use std::fs;

use crate::repository::{Repository, Run};
use crate::source_tree::SourceTree;

/// Runs it; what differs from one run to the next is taken out.
fn summary(repository: &Repository, arguments: &[&str]) -> String {
    let mut command = repository.xtask("summary", arguments);
    command.arg("--output").arg(repository.firmware());
    let beside = repository.beside("").to_string_lossy().into_owned();
    Run::of(&mut command).success().replace(&beside, "DIR/")
}

/// The lines that begin with `name`, and those below without a name of their own.
fn section(text: &str, name: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.split("  ").next() != Some(name));
    let first = lines.next().unwrap_or_default();
    std::iter::once(first)
        .chain(lines.take_while(|line| line.starts_with(' ')))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn what_goes_into_an_image_is_told_and_nothing_is_begun() {
    let Some(repository) = Repository::new() else { return };
    repository.write("appliance/hooks/late.d/last", "#!/bin/sh\n");
    let hook = repository.path().join("appliance/hooks/late.d/last");
    fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repository.write(
        "test.toml",
        "[product]\nname = \"box\"\n[media]\ndevice = \"SanDisk 1G\"\n[slices]\ndata = 20480\n[[customize.step]]\nstage = \
         \"early\"\nmkdir = \"/x\"\n",
    );
    let keys = repository.beside("keys");
    let mut command = repository.xtask("summary", &["-c", "test.toml", "-f", "--json"]);
    command.env("SLUICE_CONFIG_DIR", &keys).arg("--output").arg(repository.firmware());
    let said = Run::of(&mut command).success();
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["definition"], serde_json::json!(["appliance/appliance.toml", "test.toml"]));
    assert_eq!(
        (&told["world"]["kind"], &told["world"]["kernel"]),
        (&"miniature".into(), &serde_json::Value::Null)
    );
    assert_eq!(
        told["inputs"]["customization"],
        serde_json::json!([
            { "stage": "early", "what": "customize.step 1" },
            { "stage": "late", "what": "appliance/hooks/late.d/last" },
        ])
    );
    assert_eq!(told["media"]["slices"].as_array().unwrap().len(), 4);
    assert_eq!(told["media"]["slices"][3]["what"], "/data");
    let version = told["version"].as_str().unwrap();
    assert_eq!(told["output"]["images"], serde_json::json!([format!("box-alix-{version}.full.img")]));
    assert_eq!(told["output"]["exists"], false);
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("SanDisk 1G") && warnings.contains("are not committed"), "{warnings}");
    assert!(!keys.exists() && !repository.firmware().exists(), "nothing was begun");

    // As people read it.
    repository.commit("Add a hook");
    let text = summary(&repository, &[]);
    let version = version.trim_end_matches(".dirty").rsplit_once('g').unwrap().0.replace("dev.1", "dev.2");
    assert!(section(&text, "product").starts_with(&format!("product       sluice {version}g")), "{text}");
    assert_eq!(section(&text, "definition"), "definition    appliance/appliance.toml");
    assert_eq!(section(&text, "services"), "services      sluice");
    assert_eq!(section(&text, "customize"), "customize     late: appliance/hooks/late.d/last");
    assert_eq!(section(&text, "boot"), "boot          sluice, slot 1, 36 ticks; 38400 bit/s");
    assert!(section(&text, "media").contains("slice 1: slot, from sector 58464, "), "{text}");
    assert!(section(&text, "output").contains(" (new)\n"), "{text}");
    repository.image(&[]).success();
    assert!(section(&summary(&repository, &[]), "output").contains("(exists; "));
}

#[test]
fn the_steps_of_a_build_from_source_are_told_with_their_reasons() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    let world = |arguments: &[&str]| {
        let text = tree.run("summary", arguments).success();
        section(&text, "world").replace(&tree.path().display().to_string(), "SRC")
    };
    let said = world(&[]);
    assert_eq!(
        said,
        "world         source 13.2-RELEASE in SRC\n              \
         buildworld runs: it was not done yet\n              \
         buildkernel runs: it was not done yet\n              \
         installworld runs: what it installs is built anew\n              \
         distribution runs: what it installs is built anew\n              \
         installkernel runs: what it installs is built anew"
    );
    tree.run("image", &[]).success();
    tree.steps();
    assert_eq!(world(&[]).matches(" does not run: done before, from the same").count(), 5);
    tree.write("src/sys/dev/vr/if_vr.c", "int vr;\n");
    let said = world(&["-w"]);
    assert!(said.contains("buildworld does not run: left out: -w"), "{said}");
    assert!(said.contains("buildkernel runs: what it depends on has changed"), "{said}");
    let said = tree.run("summary", &["-w", "-K"]).success();
    assert_eq!(section(&said, "kernel"), "kernel        none");
    assert!(
        section(&said, "warning").contains("-w leaves buildworld out, and what was built before"),
        "{said}"
    );
    assert_eq!(tree.steps(), "");
}

#[test]
fn the_summary_of_a_world_that_is_given_tells_what_it_is() {
    let Some(repository) = Repository::new() else { return };
    let dir = repository.beside("sets");
    let sets = dir.to_str().unwrap();
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("MANIFEST"), "").unwrap();
    let refused = |arguments: &[&str]| Run::of(&mut repository.xtask("summary", arguments)).refused(&[]);
    let told = |arguments: &[&str]| section(&summary(&repository, arguments), "kernel");
    let said = refused(&["--sets", sets]).replace(sets, "SETS");
    assert_eq!(
        said,
        "error: opening the sets in SETS: there is no kernel\nhint: put src.txz there to build `ALIX` from, or kernel.txz\n"
    );
    assert_eq!(told(&["--sets", sets, "-K"]), "kernel        none");
    fs::write(dir.join("kernel.txz"), "").unwrap();
    assert_eq!(told(&["--sets", sets]), "kernel        that of kernel.txz, whether it is ALIX or not");
    fs::write(dir.join("src.txz"), "").unwrap();
    assert_eq!(
        told(&["--sets", sets]),
        "kernel        ALIX, of kernel.txz if it is that one, else built from src.txz"
    );
    fs::remove_file(dir.join("kernel.txz")).unwrap();
    assert_eq!(told(&["--sets", sets, "--kernel", "GENERIC"]), "kernel        GENERIC, built from src.txz");

    let world = repository.beside("world");
    assert!(refused(&["--world", world.to_str().unwrap()]).contains("there is no such directory"));
    for (path, text) in [
        ("bin/freebsd-version", "USERLAND_VERSION=\"13.2-RELEASE\"\n"),
        ("boot/kernel/kernel", "@(#)FreeBSD 13.2-RELEASE OTHER\n"),
        ("METALOG", ""),
    ] {
        let path = world.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let said = summary(&repository, &["--world", world.to_str().unwrap()]);
    assert_eq!(section(&said, "world"), "world         installed 13.2-RELEASE in DIR/world");
    assert_eq!(section(&said, "kernel"), "kernel        OTHER, as it is installed");
}
