//! What a package says of itself: `+MANIFEST` in its archive (`libpkg/pkg_manifest.c`), as JSON.
//!
//! Keys that are not known are passed over, as pkg does it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A package's manifest, as far as images need it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Manifest {
    /// Its name, which no other package of a repository has.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Its version.
    #[serde(deserialize_with = "text")]
    pub version: String,
    /// Where it is in the ports tree.
    pub origin: String,
    /// One line on what it is.
    #[serde(default)]
    pub comment: String,
    /// Several lines on what it is, `%`-encoded.
    #[serde(default)]
    pub desc: String,
    /// For which system it was built: `FreeBSD:13:i386`.
    pub abi: Option<String>,
    /// The same in an older notation: `freebsd:13:x86:32`.
    pub arch: Option<String>,
    /// Where it lives: `/usr/local`.
    #[serde(default)]
    pub prefix: String,
    /// Who keeps it.
    #[serde(default)]
    pub maintainer: String,
    /// Its page.
    #[serde(default)]
    pub www: String,
    /// Bytes of its files.
    #[serde(default)]
    pub flatsize: u64,
    /// How its licences combine: `single`, `and` or `or`.
    pub licenselogic: Option<String>,
    /// Its licences.
    #[serde(default)]
    pub licenses: Vec<String>,
    /// Its categories.
    #[serde(default)]
    pub categories: Vec<String>,
    /// What it cannot work without, by name.
    #[serde(default)]
    pub deps: BTreeMap<String, Dependency>,
    /// Dependencies with alternatives; pkg keeps the text.
    pub dep_formula: Option<String>,
    /// Whether pkg would refuse to remove it.
    #[serde(default)]
    pub vital: bool,
    /// Users that it wants.
    #[serde(default, deserialize_with = "names")]
    pub users: Vec<String>,
    /// Groups that it wants.
    #[serde(default, deserialize_with = "names")]
    pub groups: Vec<String>,
    /// Shared libraries that its programs load.
    #[serde(default)]
    pub shlibs_required: Vec<String>,
    /// Shared libraries that it brings.
    #[serde(default)]
    pub shlibs_provided: Vec<String>,
    /// Capabilities that another package must bring.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Capabilities that it brings.
    #[serde(default)]
    pub provides: Vec<String>,
    /// Packages that it cannot live beside.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// How it was configured.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
    /// Notes of whoever built it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Its files, `%`-encoded.
    #[serde(default)]
    pub files: BTreeMap<String, FileEntry>,
    /// Its directories, `%`-encoded.
    #[serde(default)]
    pub directories: BTreeMap<String, Value>,
    /// Those of its files that are configuration.
    #[serde(default)]
    pub config: Vec<String>,
    /// Shell scripts by phase, `%`-encoded.
    #[serde(default)]
    pub scripts: BTreeMap<String, String>,
    /// Lua scripts by phase.
    #[serde(default)]
    pub lua_scripts: BTreeMap<String, Vec<String>>,
    /// What pkg shows when it installs it: a text, or a list.
    pub messages: Option<Value>,
    /// The same, as older packages have it.
    pub message: Option<Value>,
}

/// A package that another needs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Dependency {
    /// Where it is in the ports tree.
    #[serde(default)]
    pub origin: String,
    /// The version that was there when the other was built; any will do.
    #[serde(default, deserialize_with = "text")]
    pub version: String,
}

/// A file in a manifest.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum FileEntry {
    /// Its checksum, or `-`.
    Sum(String),
    /// Its checksum, and what the archive states too.
    Stated(Stated),
}

/// What a manifest of pkg 2.4 and later states of a file or directory.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Stated {
    /// The checksum of a file, or `-`.
    pub sum: Option<String>,
    /// The owner.
    pub uname: Option<String>,
    /// The group.
    pub gname: Option<String>,
    /// Permission bits, in octal.
    pub perm: Option<Value>,
    /// File flags, as chflags(1) names them or as a number.
    pub fflags: Option<Value>,
    /// Where a symbolic link leads.
    pub symlink_target: Option<String>,
}

impl FileEntry {
    /// The checksum as it is written; none where there is none.
    pub fn sum(&self) -> Option<&str> {
        let sum = match self {
            Self::Sum(sum) => Some(sum),
            Self::Stated(stated) => stated.sum.as_ref(),
        };
        sum.map(String::as_str).filter(|sum| sum.len() > 1)
    }

    /// What else is stated.
    pub const fn attributes(&self) -> Option<&Stated> {
        match self {
            Self::Sum(_) => None,
            Self::Stated(stated) => Some(stated),
        }
    }
}

impl Stated {
    /// Permission bits.
    ///
    /// # Errors
    /// They are not octal.
    pub fn mode(&self) -> Result<Option<u32>> {
        let Some(perm) = &self.perm else { return Ok(None) };
        let text = perm.as_str().map_or_else(|| perm.to_string(), str::to_owned);
        let mode =
            u32::from_str_radix(&text, 8).with_context(|| format!("the mode `{text}` is not octal"))?;
        Ok(Some(mode))
    }

    /// The bits of the file flags.
    ///
    /// # Errors
    /// A name that chflags(1) does not have.
    pub fn flags(&self) -> Result<u32> {
        match &self.fflags {
            None => Ok(0),
            Some(Value::String(names)) => rootfs::flags::parse(names),
            Some(bits) => bits.as_u64().and_then(|bits| u32::try_from(bits).ok()).with_context(|| {
                format!("the file flags `{bits}` are neither names nor a number of 32 bits")
            }),
        }
    }
}

impl Manifest {
    /// Parses the text of `+MANIFEST`, or a line of `packagesite.yaml`.
    ///
    /// # Errors
    /// It is no JSON object, or lacks name, version or origin.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut manifest: Self = serde_json::from_slice(text).context("parsing the manifest")?;
        manifest.desc = decode(&manifest.desc);
        manifest.files = decode_keys(manifest.files);
        manifest.directories = decode_keys(manifest.directories);
        manifest.config = manifest.config.iter().map(|path| decode(path)).collect();
        for script in manifest.scripts.values_mut() {
            *script = decode(script);
        }
        Ok(manifest)
    }

    /// For which system it was built.
    pub fn built_for(&self) -> &str {
        self.abi.as_deref().or(self.arch.as_deref()).unwrap_or("unknown")
    }

    /// `path` as it is when it begins with `/`, below the prefix otherwise.
    pub fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }
}

/// Whether what was built for `built` runs on `abi`, both as `FreeBSD:13:i386`; `built` may have `*` for any, be cut short
/// (`FreeBSD:13`), or be in the older notation (`freebsd:13:x86:32`).
pub fn runs_on(built: &str, abi: &str) -> bool {
    let modern = match built.to_ascii_lowercase().as_str() {
        old if old.ends_with(":x86:32") => old.replace(":x86:32", ":i386"),
        old if old.ends_with(":x86:64") => old.replace(":x86:64", ":amd64"),
        other => other.to_owned(),
    };
    let abi = abi.to_ascii_lowercase();
    let (parts, wanted): (Vec<_>, Vec<_>) = (modern.split(':').collect(), abi.split(':').collect());
    parts.len() > 1
        && parts.len() <= wanted.len()
        && parts.iter().zip(&wanted).all(|(part, wanted)| *part == "*" || part == wanted)
}

/// Undoes the `%`-encoding with which pkg keeps bytes outside of ASCII and `%` itself.
fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let coded = coded.and_then(|digits| std::str::from_utf8(digits).ok());
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn decode_keys<V>(map: BTreeMap<String, V>) -> BTreeMap<String, V> {
    map.into_iter().map(|(path, value)| (decode(&path), value)).collect()
}

/// Text, which UCL may have made a number of.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Names, or objects of which the keys are names.
fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let name = |value: Value| match value {
        Value::String(name) => vec![name],
        Value::Object(object) => object.keys().cloned().collect(),
        other => vec![other.to_string()],
    };
    Ok(Vec::<Value>::deserialize(from)?.into_iter().flat_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_pkg_is_read() {
        let text = r#"{"name":"foo","version":3,"origin":"misc/foo","abi":"FreeBSD:13:i386","desc":"%c3%bc 100%25 %zz",
            "users":["foo",{"bar":"bar:*:1"}],"files":{"/a%20b":"1$-","/c":{"sum":"2$x","perm":"0644"},"/l":"-"},
            "directories":{"/d":"y","/e":{"perm":"0750"}},"scripts":{"pre-install":"echo 50%25"},"unknown":1}"#;
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!((manifest.version.as_str(), manifest.desc.as_str()), ("3", "ü 100% %zz"));
        assert_eq!(manifest.users, ["foo", "bar"]);
        let sums: Vec<_> = manifest.files.iter().map(|(path, file)| (path.as_str(), file.sum())).collect();
        assert_eq!(sums, [("/a b", Some("1$-")), ("/c", Some("2$x")), ("/l", None)]);
        assert_eq!(manifest.scripts["pre-install"], "echo 50%");
        assert!(Manifest::parse(b"{\"name\":\"foo\"}").is_err());
    }

    #[test]
    fn an_abi_may_be_old_cut_short_or_for_any() {
        for (built, runs) in [
            ("FreeBSD:13:i386", true),
            ("freebsd:13:x86:32", true),
            ("FreeBSD:13:*", true),
            ("FreeBSD:*", true),
            ("freebsd:13:x86:64", false),
            ("FreeBSD:13:amd64", false),
            ("FreeBSD:14:i386", false),
            ("FreeBSD:14:*", false),
            ("unknown", false),
            ("", false),
        ] {
            assert_eq!(runs_on(built, "FreeBSD:13:i386"), runs, "{built}");
        }
    }
}
