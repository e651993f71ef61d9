//! nanobsd.sh's options that skip a part of FreeBSD's build: which steps run, and what is left on disk.

use std::process::Command;

use crate::repository::{Repository, Run};
use crate::source_tree::SourceTree;

const ALL: &str = "buildworld, buildkernel ALIX, installworld, distribution, installkernel ALIX";

/// The names in `/boot/kernel` of the latest slot image.
fn kernel_of_image(repository: &Repository) -> Run {
    let mut command: Command = repository.xtask("inspect", &[]);
    Run::of(command.arg(repository.latest(".slot.img")).args(["ls", "/boot/kernel"]))
}

#[test]
fn a_step_whose_inputs_are_as_before_is_not_run_again() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), ALL);
    assert!(tree.has_kernel());
    assert_eq!(kernel_of_image(&repository).success(), "kernel\n");
    assert!(tree.run("image", &[]).success().contains("is up to date"));
    assert_eq!(tree.steps(), "");

    // The world is no other for another kernel.
    tree.run("image", &["--kernel", "ALIX-QEMU"]).success();
    assert_eq!(tree.steps(), "buildkernel ALIX-QEMU, installworld, distribution, installkernel ALIX-QEMU");
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), "installworld, distribution, installkernel ALIX");
    tree.write("src/sys/dev/vr/if_vr.c", "int vr;\n");
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), ALL);
    assert_eq!((tree.objects("world"), tree.objects("sys/ALIX")), (1, 1), "both began without objects");
}

#[test]
fn each_letter_leaves_its_steps_out() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    let refused = |letter: &str| tree.run("image", &[letter]).refused(&[]);
    // Nothing was built that could be taken.
    for (letter, target) in [("-w", "buildworld"), ("-k", "buildkernel"), ("-b", "buildworld")] {
        let said = refused(letter);
        let letter = if letter == "-b" { "-w" } else { letter };
        let message = format!("error: leaving out {target} ({letter}): nothing of it was built in ");
        assert!(
            said.contains(&message) && said.contains(&format!("; build without {letter} once")),
            "{said}"
        );
    }
    let said = refused("-I");
    assert!(
        said.contains("error: taking what is installed (-I): nothing was installed in ")
            && said.contains(" yet; build without -I once"),
        "{said}"
    );
    assert_eq!(tree.steps(), "");
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), ALL);

    let changed = |text: &str| tree.write("src/sys/dev/vr/if_vr.c", text);
    let other = |target: &str, letter: &str| {
        format!(
            "{letter} leaves {target} out, and what was built before is of another tree or of other options"
        )
    };
    changed("int vr1;\n");
    let said = tree.run("image", &["-b"]).success();
    assert!(
        said.contains(&other("buildworld", "-w")) && said.contains(&other("buildkernel", "-k")),
        "{said}"
    );
    assert_eq!(tree.steps(), "", "-b: what is installed is what was built");

    tree.run("image", &["-I"]).success();
    assert_eq!(tree.steps(), "");

    let said = tree.run("image", &["-w"]).success();
    assert!(said.contains(&other("buildworld", "-w")), "{said}");
    assert_eq!(tree.steps(), "buildkernel ALIX, installworld, distribution, installkernel ALIX");
    assert_eq!((tree.objects("world"), tree.objects("sys/ALIX")), (1, 1));

    changed("int vr22;\n");
    let said = tree.run("image", &["-k"]).success();
    assert!(said.contains(&other("buildkernel", "-k")), "{said}");
    assert_eq!(tree.steps(), "buildworld, installworld, distribution, installkernel ALIX");
    assert_eq!((tree.objects("world"), tree.objects("sys/ALIX")), (1, 1), "the kernel's are kept");

    tree.run("image", &["-w", "-k"]).success();
    assert_eq!(tree.steps(), "");
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), "buildkernel ALIX, installworld, distribution, installkernel ALIX");
}

#[test]
fn objects_of_other_inputs_are_kept_when_that_is_asked_for() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    tree.run("image", &[]).success();
    tree.write("src/sys/dev/vr/if_vr.c", "int vr;\n");
    tree.run("image", &["-n"]).success();
    assert_eq!((tree.objects("world"), tree.objects("sys/ALIX")), (2, 2));
    tree.steps();
    tree.run("image", &["-n"]).success();
    assert_eq!(tree.steps(), "");
    // Who does not say so gets nothing of it.
    tree.run("image", &["--keep-objects"]).success();
    tree.run("image", &[]).success();
    assert_eq!(tree.steps(), ALL);
    assert_eq!((tree.objects("world"), tree.objects("sys/ALIX")), (1, 1));
}

#[test]
fn an_image_may_have_no_kernel() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    let lacking = "the image has no kernel: /boot/kernel/kernel is missing, so the loader would restart the unit over and over";
    let said = tree.run("image", &["-K"]).success();
    assert!(said.contains(lacking), "{said}");
    assert_eq!(tree.steps(), "buildworld, buildkernel ALIX, installworld, distribution");
    assert!(!tree.has_kernel());
    kernel_of_image(&repository).refused(&["/boot/kernel"]);

    let said = tree.run("image", &[]).success();
    assert!(!said.contains(lacking), "{said}");
    assert_eq!(tree.steps(), "installworld, distribution, installkernel ALIX");

    let said = tree.run("image", &["--kernel", ""]).success();
    assert!(said.contains(lacking), "{said}");
    assert_eq!(tree.steps(), "installworld, distribution");
    kernel_of_image(&repository).refused(&["/boot/kernel"]);
    let manifest = std::fs::read(repository.latest("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["world"]["kernel"], serde_json::Value::Null);
}

#[test]
fn a_kernel_is_a_file_anywhere_too() {
    let Some(repository) = Repository::new() else { return };
    let Some(tree) = SourceTree::new(&repository) else { return };
    repository.write("conf/MINE", "include GENERIC\nident MINE\n");
    repository.commit("Add a kernel");
    tree.run("image", &["--kernel", "conf/MINE"]).success();
    assert_eq!(tree.steps(), ALL.replace("ALIX", "MINE"));
    tree.run("image", &["--kernel", "conf/YOURS"])
        .refused(&["error: kernel.config: there is no file ", "/conf/YOURS"]);
    tree.run("image", &["--kernel", "YOURS"])
        .refused(&["error: kernel.config: there is no configuration `YOURS`, neither in "]);
    tree.run("image", &["--kernel", "MY KERNEL"])
        .refused(&["error: --kernel: `MY KERNEL` is not a kernel configuration\nhint: "]);
    // A file beside it is none of its business, it itself is.
    repository.write("conf/OTHER", "ident OTHER\n");
    tree.run("image", &["--kernel", "conf/MINE"]).success();
    assert_eq!(tree.steps(), "");
    repository.write("conf/MINE", "include GENERIC\nident MINE\nnooptions VIMAGE\n");
    tree.run("image", &["--kernel", "conf/MINE"]).success();
    assert_eq!(tree.steps(), "buildkernel MINE, installworld, distribution, installkernel MINE");
}

#[test]
fn options_that_skip_nothing_are_refused() {
    let Some(repository) = Repository::new() else { return };
    for letter in ["-b", "-w", "-k", "-n", "-I"] {
        let given = if letter == "-b" { "-w -k" } else { letter };
        assert_eq!(
            repository.image(&[letter]).refused(&[]),
            format!(
                "error: {given}: FreeBSD is only built with --src DIR, so there is nothing to skip\n\
                 hint: pass the source tree with --src, or drop {given}\n"
            )
        );
    }
    let src = repository.beside("src");
    for (options, said) in [
        (
            ["-I", "-K"],
            "error: -I takes what is installed as it is, kernel and all, so there is nothing for -K to skip\nhint: drop one of \
             them\n",
        ),
        (
            ["-I", "-n"],
            "error: -I builds nothing, so there are no objects for -n to keep\nhint: drop one of them\n",
        ),
        (
            ["-b", "-n"],
            "error: -b (-w and -k) builds nothing, so there are no objects for -n to keep\nhint: drop one of them\n",
        ),
    ] {
        let arguments = [&options[..], &["--src", src.to_str().unwrap()]].concat();
        assert_eq!(repository.image(&arguments).refused(&[]), said);
    }
    for letter in ["-b", "-w", "-k", "-n", "-I", "-K"] {
        repository.image(&["--release", letter]).refused(&["cannot be used with", "--release"]);
    }
    assert!(!repository.firmware().exists(), "nothing was begun");
}
