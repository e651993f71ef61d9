//! Programs that check a file system: The Sleuth Kit, GRUB, and `fsck_ffs` of FreeBSD. A check is
//! reported as skipped if its program is missing.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

/// Environment variable with the path of a `fsck_ffs` to use instead of the one in PATH.
const FSCK: &str = "UFS_FSCK_FFS";

/// Reports once that a program is missing, bypassing the output capture of the test runner.
fn skipped(program: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(program.to_owned()) {
        let _ = writeln!(std::io::stderr(), "skipped: {program} is not installed; its checks are not run");
    }
}

/// Runs a program; reports it and returns `None` if there is no such program.
pub fn run(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped(program);
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Checks that `fsck_ffs -n -f` finds no problem.
pub fn fsck(image: &Path) {
    let program = std::env::var(FSCK).unwrap_or_else(|_| "fsck_ffs".to_owned());
    let Some(output) = run(&program, &["-n", "-f", image.to_str().unwrap()]) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    // fsck_ffs asks whether to continue with a file instead of a device. Every other question is a
    // finding.
    let known = |line: &&str| {
        line.is_empty()
            || line.starts_with("** ")
            || line.contains("IS NOT A DISK DEVICE")
            || line.starts_with("CONTINUE?")
            || line.contains(" files, ") && line.contains("% fragmentation)")
    };
    let findings: Vec<&str> = text.lines().filter(|line| !known(line)).collect();
    assert!(output.status.success() && findings.is_empty(), "{program}: {text}{errors}");
    assert!(text.contains("% fragmentation)"), "{program} did not finish: {text}{errors}");
}

/// Returns the content of an inode as printed by `icat`.
pub fn icat(image: &Path, ino: u32) -> Option<Vec<u8>> {
    let output = run("icat", &["-f", "ufs2", image.to_str().unwrap(), &ino.to_string()])?;
    assert!(output.status.success(), "icat {ino}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Returns the inodes and paths that `fls -r -p` lists.
pub fn fls(image: &Path) -> Option<Vec<(u32, Vec<u8>)>> {
    let output = run("fls", &["-f", "ufs2", "-r", "-p", image.to_str().unwrap()])?;
    assert!(output.status.success(), "fls: {}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let parse = |line: &[u8]| {
        let tab = line.iter().position(|byte| *byte == b'\t').expect("a tab");
        let head = std::str::from_utf8(&line[..tab]).unwrap().trim_end_matches(':');
        let ino = head.rsplit(' ').next().unwrap().trim_end_matches("(realloc)");
        (ino.parse().expect("an inode"), line[tab + 1..].to_vec())
    };
    Some(lines.map(parse).collect())
}

/// Checks with `grub-fstest cmp` that GRUB reads the same content as in a host file.
pub fn grub_same(image: &Path, path: &str, host: &Path) -> Option<()> {
    let inside = format!("(loop0){path}");
    let args = [image.to_str().unwrap(), "cmp", &inside, host.to_str().unwrap()];
    let output = run("grub-fstest", &args)?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "grub-fstest cmp {path}: {text}{errors}");
    Some(())
}
