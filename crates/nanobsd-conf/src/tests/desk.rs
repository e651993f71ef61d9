//! A configuration in its directory, and a repository to convert it into.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::{Checked, Converted, Product, Request, convert};

/// A product definition.
pub const DEFINITION: &str = "[boot]\ncode = \"boot0sio\"\n[ram]\ntmpvar = 40960\n";

/// A product whose definition is [`DEFINITION`]. Its check refuses a part of what a build refuses.
pub struct Appliance;

impl Product for Appliance {
    fn definition(&self) -> &str {
        "appliance/appliance.toml"
    }

    fn sets_for_hooks(&self, name: &str) -> bool {
        let names = ["WORLDDIR", "TOOLS", "OBJ", "NAME", "DRIVE", "LABEL", "SLICE_CFG", "MEDIASIZE"];
        name.strip_prefix("NANO_").is_some_and(|name| names.contains(&name))
    }

    fn check(&self, file: &Path) -> Result<Checked> {
        let definition: toml::Table = toml::from_str(&fs::read_to_string(file)?)?;
        let slices = |key: &str| definition.get("slices").and_then(|slices| slices.get(key)).cloned();
        if let Some(slots) = slices("slots").and_then(|slots| slots.as_integer()) {
            ensure!((1..=2).contains(&slots), "slices.slots: {slots} slots; a card has 1 or 2");
        }
        if slices("data").is_some_and(|data| data.as_integer() == Some(-1)) {
            bail!("laying the slices out: the slots and /data both ask for all that is left");
        }
        if let Some(path) =
            slices("cfg_folder").filter(|path| path.as_str().is_some_and(|path| path.starts_with('/')))
        {
            bail!("slices.cfg_folder: {path} is not in the repository");
        }
        let drive =
            definition.get("media").and_then(|media| media.get("drive")).and_then(|drive| drive.as_str());
        let values = [
            ("NANO_SLICE_CFG", "s3"),
            ("NANO_DRIVE", drive.unwrap_or("ada0")),
            ("NANO_MEDIASIZE", "1981728"),
        ];
        let hook_variables = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Checked { hook_variables, ..Checked::default() })
    }
}

/// The directory of a configuration, and a repository.
pub struct Desk(pub tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("repository/appliance/appliance.toml", DEFINITION);
        desk
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn convert(&self) -> Result<Converted> {
        self.convert_to("repository/gw")
    }

    pub fn convert_to(&self, output: &str) -> Result<Converted> {
        let (file, output, root) = (self.path("site/gw.conf"), self.path(output), self.path("repository"));
        convert(&Request { file: &file, output: &output, root: &root, product: &Appliance })
    }

    /// A file of the output directory.
    pub fn made(&self, path: &str) -> String {
        fs::read_to_string(self.path("repository/gw").join(path)).unwrap()
    }

    /// The notes on `text` without those on variables that are not set.
    pub fn notes(&self, text: &str) -> String {
        self.write("site/gw.conf", text);
        let converted = self.convert().unwrap();
        let mut notes = String::new();
        for (heading, lines) in converted.notes {
            let lines: Vec<String> =
                lines.into_iter().filter(|line| !line.contains(" is not set: ")).collect();
            if !lines.is_empty() {
                notes += &format!("{heading}:\n  {}\n", lines.join("\n").replace('\n', "\n  "));
            }
        }
        notes.replace(&self.0.path().display().to_string(), "DESK")
    }

    pub fn refusal(&self) -> String {
        let error = format!("{:#}", self.convert().unwrap_err());
        error.replace(&self.0.path().display().to_string(), "DESK")
    }
}

pub fn notes(text: &str) -> String {
    Desk::new().notes(text)
}

/// Runs the hook `path` with a tree and NANO_TOOLS as a build does; returns what it printed.
pub fn run(desk: &Desk, path: &str) -> String {
    let gw = desk.path("repository/gw");
    fs::create_dir_all(desk.path("tree")).unwrap();
    let output = std::process::Command::new("/bin/sh")
        .arg(gw.join("hooks").join(path))
        .current_dir(desk.path("tree"))
        .env("NANO_WORLDDIR", desk.path("tree"))
        .env("NANO_TOOLS", &gw)
        .env("NANO_DRIVE", "ada0")
        .env("NANO_SLICE_CFG", "s3")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
