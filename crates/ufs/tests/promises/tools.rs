//! Programs that judge a file system: The Sleuth Kit, GRUB, and `fsck_ffs` of FreeBSD. Where one
//! is absent, what it would have judged is reported as skipped.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

/// Names a `fsck_ffs` to use; otherwise one in the path is.
const FSCK: &str = "UFS_FSCK_FFS";

/// Says once, past the test runner's capture, that a program lacks.
fn skipped(program: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(program.to_owned()) {
        let _ = writeln!(std::io::stderr(), "skipped: {program} is not installed, and judges no file system");
    }
}

/// Runs a program; `None`, and a line, where there is no such program.
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

/// `fsck_ffs -n -f` must find nothing.
pub fn fsck(image: &Path) {
    let program = std::env::var(FSCK).unwrap_or_else(|_| "fsck_ffs".to_owned());
    let Some(output) = run(&program, &["-n", "-f", image.to_str().unwrap()]) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    // A file instead of a device is asked about; everything else that is asked is a finding.
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

/// `icat` of every file: (inode, content).
pub fn icat(image: &Path, ino: u32) -> Option<Vec<u8>> {
    let output = run("icat", &["-f", "ufs2", image.to_str().unwrap(), &ino.to_string()])?;
    assert!(output.status.success(), "icat {ino}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// `fls -r -p`: lines of type, inode and path.
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

/// `grub-fstest cmp`: whether GRUB reads this file as the host has it.
pub fn grub_same(image: &Path, path: &str, host: &Path) -> Option<()> {
    let inside = format!("(loop0){path}");
    let args = [image.to_str().unwrap(), "cmp", &inside, host.to_str().unwrap()];
    let output = run("grub-fstest", &args)?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "grub-fstest cmp {path}: {text}{errors}");
    Some(())
}
