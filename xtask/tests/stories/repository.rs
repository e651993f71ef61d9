//! A copy of the repository to build in, so that tests can change it and never touch the engineer's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use builder::toolchain::Group;
use tempfile::TempDir;

use crate::tools;

/// A repository with one commit, made from the files that git knows in the repository under test.
pub struct Repository {
    dir: TempDir,
}

impl Repository {
    /// Copies and commits, unless a tool for building lacks. Author, message and time are fixed, so every copy has the
    /// same commit.
    pub fn new() -> Option<Self> {
        tools::find(&[Group::Image, Group::Run])?;
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("sluice");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let listed = git(root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (root.join(name), copy.join(name));
            if !from.exists() && !from.is_symlink() {
                continue; // removed and not committed yet
            }
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        git(&copy, &["init", "--quiet", "--initial-branch=main"]);
        let repository = Self { dir };
        repository.commit("Copy the repository under test");
        Some(repository)
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        git(&self.path(), &["add", "--all"]);
        git(&self.path(), &["commit", "--quiet", "--message", message]);
    }

    /// Tags the commit.
    pub fn tag(&self, name: &str) {
        git(&self.path(), &["tag", name]);
    }

    /// Its root.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("sluice")
    }

    /// A place beside it, for what is not part of it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where its builds put their output.
    pub fn firmware(&self) -> PathBuf {
        self.beside("out")
    }

    /// Writes a file of the repository.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs `xtask image` on it, with output of its own and the target directory of the repository under test, where
    /// the services are kept.
    pub fn image(&self, arguments: &[&str]) -> Run {
        let mut command = self.xtask("image", arguments);
        command.arg("--output").arg(self.firmware());
        Run::of(&mut command)
    }

    /// The command of `xtask SUBCOMMAND`.
    pub fn xtask(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg(subcommand).args(arguments).current_dir(self.path());
        command.env("CARGO_MANIFEST_DIR", self.path().join("xtask")).env("CARGO_TARGET_DIR", target_dir());
        // One development key for all stories, and never the engineer's own.
        command.env("SLUICE_CONFIG_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys"));
        for variable in ["SLUICE_SIGN_KEY", "SLUICE_SIGN_PASSWORD"] {
            command.env_remove(variable);
        }
        command
    }

    /// Makes and commits the product's key pair `name`; tells where the secret key is.
    pub fn product_key(&self, name: &str) -> PathBuf {
        let secret = self.beside(&format!("{name}.key"));
        let arguments = [name, "--no-password", "--secret", secret.to_str().unwrap()];
        Run::of(&mut self.xtask("keygen", &arguments)).success();
        self.commit("Trust a key");
        secret
    }

    /// The image of the latest build whose name ends in `suffix`.
    pub fn latest(&self, suffix: &str) -> PathBuf {
        let latest = self.firmware().join("latest");
        let names = fs::read_dir(&latest).unwrap().map(|entry| entry.unwrap().path());
        let is_wanted = |path: &PathBuf| path.to_string_lossy().ends_with(suffix) && !path.is_symlink();
        names.into_iter().find(is_wanted).unwrap()
    }

    /// The version of the latest build.
    pub fn version(&self) -> String {
        fs::read_link(self.firmware().join("latest")).unwrap().to_string_lossy().into_owned()
    }
}

/// What a command said, and whether it worked.
#[derive(Debug)]
pub struct Run {
    pub ok: bool,
    pub text: String,
}

impl Run {
    /// Runs `command` to its end.
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = String::from_utf8_lossy(&stderr).into_owned() + &String::from_utf8_lossy(&stdout);
        Self { ok: status.success(), text }
    }

    /// Fails the test unless the command worked.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }

    /// Fails the test unless the command was refused with a message that holds all of `parts`.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> String {
        assert!(!self.ok, "this should have been refused:\n{}", self.text);
        for part in parts {
            assert!(self.text.contains(part), "the message lacks `{part}`:\n{}", self.text);
        }
        self.text
    }
}

/// The target directory of the repository under test.
pub fn target_dir() -> PathBuf {
    // .../target/debug/xtask
    Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).unwrap().to_owned()
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Test")
            .env(format!("GIT_{role}_EMAIL"), "test@example.org")
            .env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
