//! The output of commands, whether or not anybody reads it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::repository::{Repository, Run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A pipe whose reader is gone, as that of `| head -1` after the first line.
fn closed() -> io::PipeWriter {
    io::pipe().unwrap().1
}

/// Runs `command | true`, with standard error led into the pipe, too.
fn unread(command: &mut Command) -> ExitStatus {
    command.stdin(Stdio::null()).stdout(closed()).stderr(closed()).status().unwrap()
}

/// A repository with a definition of images for a small card.
fn small() -> Option<(Repository, String)> {
    let repository = Repository::new()?;
    let definition = repository.beside("small.toml");
    fs::write(&definition, "[media]\nsize = 204800\n[slices]\ncfg = 8192\ndata = 8192\n").unwrap();
    Some((repository, text(&definition).to_owned()))
}

#[test]
fn images_are_built_and_cards_burnt_even_if_nobody_reads_the_progress() {
    let Some((repository, definition)) = small() else { return };
    let output = repository.firmware();
    let image = ["-c", &definition, "-v", "--output", text(&output)];
    assert!(unread(&mut repository.xtask("image", &image)).success());
    assert!(repository.image(&["-c", &definition]).success().contains("is up to date"));

    let image = repository.latest(".full.img");
    let card = repository.beside("card");
    fs::write(&card, vec![0xa5; fs::metadata(&image).unwrap().len() as usize]).unwrap();
    let burn = ["--yes", "--all", text(&card), text(&image)];
    assert!(unread(&mut repository.xtask("burn", &burn)).success());
    assert!(fs::read(card).unwrap() == fs::read(image).unwrap(), "the card is whole");
}

#[test]
fn a_result_that_nobody_reads_ends_a_command_quietly() {
    let Some((repository, definition)) = small() else { return };
    repository.image(&["-c", &definition]).success();
    let (image, update) = (repository.latest(".full.img"), repository.latest(".fw"));
    let output = repository.firmware();
    for (subcommand, arguments) in [
        ("inspect", vec![text(&image)]),
        ("inspect", vec![text(&image), "ls", "-lR"]),
        ("inspect", vec![text(&image), "cat", "/etc/rc.conf"]),
        ("inspect", vec![text(&update), "--verify"]),
        ("diff", vec![text(&image), text(&image)]),
        ("sizes", vec!["--output", text(&output)]),
        ("summary", vec!["--json"]),
        ("setup", vec!["--check"]),
        ("lab", vec!["--list"]),
    ] {
        let mut command = repository.xtask(subcommand, &arguments);
        let Output { status, stderr, .. } =
            command.stdout(closed()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success() && said.is_empty(), "{subcommand} {arguments:?}: {status}\n{said}");
    }
    // A result that cannot be written is a failure.
    let mut command = repository.xtask("inspect", &[text(&image), "ls", "-lR"]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let Output { status, stderr, .. } =
        command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && said.contains("No space left on device"), "{said}");
}

#[test]
fn every_command_takes_the_options_on_how_much_is_printed_and_in_which_colours() {
    let Some((repository, definition)) = small() else { return };
    let none = repository.beside("none");
    let error = |subcommand: &str, options: &[&str], no_color: bool| {
        let mut command = repository.xtask(subcommand, &[&[text(&none)], options].concat());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Run::of(&mut command).refused(&["error:"])
    };
    for subcommand in ["inspect", "sizes", "convert", "imagine"] {
        let coloured = |options: &[&str], no_color| error(subcommand, options, no_color).contains('\x1b');
        assert!(!coloured(&[], false) && !coloured(&["--color", "never"], false), "{subcommand}");
        assert!(coloured(&["--color", "always"], false), "{subcommand}");
        assert!(!coloured(&[], true), "{subcommand}");
    }

    let said = repository.image(&["-q", "-c", &definition]).success();
    assert!(!said.contains("    layout  ") && said.contains("boot it"), "{said}");
    let image = repository.latest(".full.img");
    let card = repository.beside("card");
    fs::File::create(&card).unwrap().set_len(fs::metadata(&image).unwrap().len()).unwrap();
    let burn = ["-q", "--yes", text(&card), text(&image)];
    assert_eq!(Run::of(&mut repository.xtask("burn", &burn)).success(), "");
    assert_eq!(Run::of(&mut repository.xtask("diff", &["-q", text(&image), text(&image)])).success(), "");
    let refused = ["-q", "--json", text(&image), text(&image)];
    Run::of(&mut repository.xtask("diff", &refused)).refused(&["--quiet", "--json"]);
}
