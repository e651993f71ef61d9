//! The manifest of a package: `+MANIFEST` in its archive (`libpkg/pkg_manifest.c`), as JSON.
//!
//! Unknown keys are ignored, as in pkg.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The manifest of a package, as far as it is needed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Manifest {
    /// The name, which is unique in a repository.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// The version.
    #[serde(deserialize_with = "text")]
    pub version: String,
    /// The path in the ports tree.
    pub origin: String,
    /// A description in one line.
    #[serde(default)]
    pub comment: String,
    /// A description in several lines, `%`-encoded.
    #[serde(default)]
    pub desc: String,
    /// The system that it was built for: `FreeBSD:13:i386`.
    pub abi: Option<String>,
    /// The same in an older notation: `freebsd:13:x86:32`.
    pub arch: Option<String>,
    /// The directory that it is installed in: `/usr/local`.
    #[serde(default)]
    pub prefix: String,
    /// The maintainer's mail address.
    #[serde(default)]
    pub maintainer: String,
    /// The home page.
    #[serde(default)]
    pub www: String,
    /// The size of its files in bytes.
    #[serde(default)]
    pub flatsize: u64,
    /// How the licences combine: `single`, `and` or `or`.
    pub licenselogic: Option<String>,
    /// The licences.
    #[serde(default)]
    pub licenses: Vec<String>,
    /// The categories.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The packages that it needs, by name.
    #[serde(default)]
    pub deps: BTreeMap<String, Dependency>,
    /// Dependencies with alternatives, as text.
    pub dep_formula: Option<String>,
    /// Whether pkg would refuse to remove it.
    #[serde(default)]
    pub vital: bool,
    /// Users that it needs.
    #[serde(default, deserialize_with = "names")]
    pub users: Vec<String>,
    /// Groups that it needs.
    #[serde(default, deserialize_with = "names")]
    pub groups: Vec<String>,
    /// Shared libraries that its programs need.
    #[serde(default)]
    pub shlibs_required: Vec<String>,
    /// Shared libraries that it contains.
    #[serde(default)]
    pub shlibs_provided: Vec<String>,
    /// Capabilities that another package must provide.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Capabilities that it provides.
    #[serde(default)]
    pub provides: Vec<String>,
    /// Patterns of packages that it conflicts with.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// The options that it was built with.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
    /// Notes from the build.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The files, by path, `%`-encoded.
    #[serde(default)]
    pub files: BTreeMap<String, FileEntry>,
    /// The directories, by path, `%`-encoded.
    #[serde(default)]
    pub directories: BTreeMap<String, Value>,
    /// The files that are configuration.
    #[serde(default)]
    pub config: Vec<String>,
    /// Shell scripts by phase, `%`-encoded.
    #[serde(default)]
    pub scripts: BTreeMap<String, String>,
    /// Lua scripts by phase.
    #[serde(default)]
    pub lua_scripts: BTreeMap<String, Vec<String>>,
    /// Messages that pkg shows on installation: a text or a list.
    pub messages: Option<Value>,
    /// The same in older packages.
    pub message: Option<Value>,
}

/// A package that another one needs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Dependency {
    /// The path in the ports tree.
    #[serde(default)]
    pub origin: String,
    /// The version at the time of the build; any version will do.
    #[serde(default, deserialize_with = "text")]
    pub version: String,
}

/// A file in a manifest.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum FileEntry {
    /// The checksum, or `-`.
    Checksum(String),
    /// The checksum and attributes.
    Attributes(FileAttributes),
}

/// The attributes of a file or directory in manifests of pkg 2.4 and later.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct FileAttributes {
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
    /// The target of a symbolic link.
    pub symlink_target: Option<String>,
}

impl FileEntry {
    /// The checksum as it is written, if there is one.
    pub fn checksum(&self) -> Option<&str> {
        let sum = match self {
            Self::Checksum(sum) => Some(sum),
            Self::Attributes(attributes) => attributes.sum.as_ref(),
        };
        sum.map(String::as_str).filter(|sum| sum.len() > 1)
    }

    /// The attributes, if there are any.
    pub const fn attributes(&self) -> Option<&FileAttributes> {
        match self {
            Self::Checksum(_) => None,
            Self::Attributes(attributes) => Some(attributes),
        }
    }
}

impl FileAttributes {
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
            Some(bits) => bits
                .as_u64()
                .and_then(|bits| u32::try_from(bits).ok())
                .with_context(|| format!("the file flags `{bits}` are neither names nor a 32-bit number")),
        }
    }
}

impl Manifest {
    /// Parses the text of `+MANIFEST`, or a line of `packagesite.yaml`.
    ///
    /// # Errors
    /// It is not a JSON object, or name, version or origin is missing.
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

    /// The system that it was built for.
    pub fn built_for(&self) -> &str {
        self.abi.as_deref().or(self.arch.as_deref()).unwrap_or("unknown")
    }

    /// `path` itself if it begins with `/`, otherwise `path` below the prefix.
    pub fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }
}

/// Whether a package for the system `built` runs on `abi`. Both look like `FreeBSD:13:i386`; `built` may also contain `*`, be
/// shorter (`FreeBSD:13`), or use the older notation (`freebsd:13:x86:32`).
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

/// Decodes pkg's `%`-encoding of bytes outside of ASCII and of `%` itself.
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

/// Reads text, which UCL may have turned into a number.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Reads names, or objects whose keys are names.
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
        let sums: Vec<_> =
            manifest.files.iter().map(|(path, file)| (path.as_str(), file.checksum())).collect();
        assert_eq!(sums, [("/a b", Some("1$-")), ("/c", Some("2$x")), ("/l", None)]);
        assert_eq!(manifest.scripts["pre-install"], "echo 50%");
        assert!(Manifest::parse(b"{\"name\":\"foo\"}").is_err());
    }

    #[test]
    fn an_abi_may_be_in_the_old_notation_shortened_or_a_pattern() {
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
