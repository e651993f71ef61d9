//! A package repository for tests: packages as pkg(8) packs them, a catalogue, and signatures.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::{BoxedUint, Pkcs1v15Sign, PrivateKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// The compression of an archive.
#[derive(Clone, Copy, Debug)]
pub enum Packing {
    Zstd,
    Xz,
    Bzip2,
    Gzip,
    Plain,
}

impl Packing {
    pub fn pack(self, plain: &[u8]) -> Vec<u8> {
        let all = |mut from: Box<dyn Read + '_>| {
            let mut packed = Vec::new();
            from.read_to_end(&mut packed).unwrap();
            packed
        };
        match self {
            Self::Zstd => zstd::encode_all(plain, 3).unwrap(),
            Self::Xz => all(Box::new(liblzma::read::XzEncoder::new(plain, 6))),
            Self::Bzip2 => all(Box::new(bzip2::read::BzEncoder::new(plain, bzip2::Compression::best()))),
            Self::Gzip => all(Box::new(flate2::read::GzEncoder::new(plain, flate2::Compression::best()))),
            Self::Plain => plain.to_vec(),
        }
    }
}

/// A package to pack.
pub struct Pack {
    pub name: String,
    version: String,
    abi: String,
    packing: Packing,
    deps: Vec<String>,
    members: Vec<Member>,
    manifest: Map<String, Value>,
    /// Keys of the manifest in the archive that differ from the catalogue.
    overrides: Map<String, Value>,
}

struct Member {
    path: String,
    kind: EntryType,
    bytes: Vec<u8>,
    target: String,
    mode: u32,
    owner: String,
    flags: Option<&'static str>,
}

impl Pack {
    /// A package with the one file `/usr/local/share/NAME/README`.
    pub fn new(name: &str, version: &str) -> Self {
        let pack = Self {
            name: name.into(),
            version: version.into(),
            abi: "FreeBSD:13:i386".into(),
            packing: Packing::Zstd,
            deps: Vec::new(),
            members: Vec::new(),
            manifest: Map::new(),
            overrides: Map::new(),
        };
        pack.file(&format!("/usr/local/share/{name}/README"), format!("This is {name}.\n"))
    }

    pub fn needs(mut self, names: &[&str]) -> Self {
        self.deps.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    pub fn abi(mut self, abi: &str) -> Self {
        self.abi = abi.into();
        self
    }

    pub fn packed(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    fn member(mut self, path: &str, kind: EntryType, bytes: Vec<u8>, target: &str) -> Self {
        let mode = if kind == EntryType::Directory { 0o755 } else { 0o644 };
        let (path, target) = (path.to_owned(), target.to_owned());
        self.members.push(Member {
            path,
            kind,
            bytes,
            target,
            mode,
            owner: "root:wheel".into(),
            flags: None,
        });
        self
    }

    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.member(path, EntryType::Regular, content.into(), "")
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.member(path, EntryType::Symlink, Vec::new(), target)
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.member(path, EntryType::Link, Vec::new(), target)
    }

    pub fn directory(self, path: &str) -> Self {
        self.member(path, EntryType::Directory, Vec::new(), "")
    }

    /// Sets owner (`user:group`) and mode of the last member.
    pub fn with(mut self, owner: &str, mode: u32) -> Self {
        let last = self.members.last_mut().unwrap();
        (last.owner, last.mode) = (owner.into(), mode);
        self
    }

    /// Sets the file flags of the last member.
    pub fn flags(mut self, flags: &'static str) -> Self {
        self.members.last_mut().unwrap().flags = Some(flags);
        self
    }

    /// Sets a key of the manifest.
    pub fn says(mut self, key: &str, value: Value) -> Self {
        self.manifest.insert(key.into(), value);
        self
    }

    /// Sets a key of the manifest in the archive only.
    pub fn says_inside(mut self, key: &str, value: Value) -> Self {
        self.overrides.insert(key.into(), value);
        self
    }

    fn compact(&self) -> Map<String, Value> {
        let deps = self
            .deps
            .iter()
            .map(|name| (name.clone(), json!({ "origin": format!("test/{name}"), "version": "0" })));
        let flatsize: usize = self.members.iter().map(|member| member.bytes.len()).sum();
        let mut manifest = json!({
            "name": self.name, "origin": format!("test/{}", self.name), "version": self.version,
            "comment": format!("{} of the tests", self.name), "maintainer": "test@example.org",
            "www": "https://example.org", "abi": self.abi, "arch": self.abi.to_lowercase(), "prefix": "/usr/local",
            "flatsize": flatsize, "licenselogic": "single", "licenses": ["BSD2CLAUSE"], "desc": "For tests, 100%25",
            "deps": Map::from_iter(deps), "categories": ["test"],
        });
        let manifest = manifest.as_object_mut().unwrap();
        manifest.extend(self.manifest.clone());
        manifest.clone()
    }

    /// The bytes of its archive.
    pub fn archive(&self) -> Vec<u8> {
        let compact = self.compact();
        let mut whole = compact.clone();
        let (mut files, mut directories) = (Map::new(), Map::new());
        for member in &self.members {
            match member.kind {
                EntryType::Directory => directories.insert(member.path.clone(), json!("y")),
                EntryType::Regular => files.insert(
                    member.path.clone(),
                    json!(format!("1${}", hex::encode(Sha256::digest(&member.bytes)))),
                ),
                _ => files.insert(member.path.clone(), json!("-")),
            };
        }
        whole.insert("files".into(), files.into());
        whole.insert("directories".into(), directories.into());
        whole.extend(self.overrides.clone());

        let mut tar = tar::Builder::new(Vec::new());
        for (name, manifest) in [("+COMPACT_MANIFEST", compact), ("+MANIFEST", whole)] {
            let bytes = Value::from(manifest).to_string().into_bytes();
            append(&mut tar, name, EntryType::Regular, &bytes, "", 0o644, "root:wheel");
        }
        for member in &self.members {
            if let Some(flags) = member.flags {
                tar.append_pax_extensions([("SCHILY.fflags", flags.as_bytes())]).unwrap();
            }
            append(
                &mut tar,
                &member.path,
                member.kind,
                &member.bytes,
                &member.target,
                member.mode,
                &member.owner,
            );
        }
        self.packing.pack(&tar.into_inner().unwrap())
    }
}

/// Appends a member whose path begins with `/`, as in pkg's archives; tar's own functions do not allow this.
pub fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    bytes: &[u8],
    target: &str,
    mode: u32,
    owner: &str,
) {
    let mut header = Header::new_ustar();
    let (user, group) = owner.split_once(':').unwrap();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_username(user).unwrap();
    header.set_groupname(group).unwrap();
    header.set_uid(4711);
    header.set_gid(4711);
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

/// A key for tests. It is not a secret.
pub struct Key(PrivateKey);

/// The primes of two keys.
const PRIMES: [[&str; 2]; 2] = [
    [
        "f16908222447ee5476bcc03d5b626080154ca0235460e829e79103cd37587248894a250ed76db9f1cc5c3f45aeff61447efd16cc67afab74d99ffed5f099b209",
        "e4288e81a321e0065d06130c243cb58ea77c75b439dd9cf590afb307d67f1ba9bc377056f03ace8e8f31115d45de9040d1d17166cac70a6bdb8eaf2f719c6495",
    ],
    [
        "ff1a4d9a2f2b7c0ee1a0ef19af8c4b5fd32ecfb72b9257328080d740d288aa61873af340195d2d7bbaa8bee2d5bafc85c1463fb52bef15e9d2d4513e8fb4bc8b",
        "ddd3f0bb58463e41ff6b4b0d2d4dab29de16d6e6a61e237a9e79479006d69d4d4809cf693a9745355319158585323cd4a02d80bc7f935a7f6a2db696e53c9f7d",
    ],
];

impl Key {
    pub fn number(number: usize) -> Self {
        let prime = |text: &str| BoxedUint::from_be_hex(text, 512).unwrap();
        let [p, q] = PRIMES[number].map(prime);
        Self(PrivateKey::from_p_q(p, q, BoxedUint::from(65_537_u64)).unwrap())
    }

    pub fn public(&self) -> String {
        self.0.to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
    }

    pub fn fingerprint(&self) -> String {
        format!("function: \"sha256\"\nfingerprint: \"{}\"\n", hex::encode(Sha256::digest(self.public())))
    }

    /// Signs as pkg does with OpenSSL 3, and for fingerprints.
    pub fn sign(&self, catalogue: &[u8]) -> Vec<u8> {
        let digits = hex::encode(Sha256::digest(catalogue));
        self.sign_digest("3031300d060960864801650304020105000420", &Sha256::digest(digits))
    }

    /// Signs as pkg does with OpenSSL 1.1, on FreeBSD 13.
    pub fn sign_with_old_openssl(&self, catalogue: &[u8]) -> Vec<u8> {
        let digits = hex::encode(Sha256::digest(catalogue)) + "\0";
        self.sign_digest("304e300906052b0e03021a05000441", digits.as_bytes())
    }

    fn sign_digest(&self, prefix: &str, digest: &[u8]) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&prefix[at..at + 2], 16).unwrap();
        let prefix: Vec<u8> = (0..prefix.len()).step_by(2).map(byte).collect();
        self.0.sign(Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: prefix.into() }, digest).unwrap()
    }
}

/// A repository in a directory.
pub struct Mirror {
    dir: PathBuf,
    lines: String,
}

impl Mirror {
    pub fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(dir.join("All")).unwrap();
        fs::write(
            dir.join("meta.conf"),
            "version = 2;\npacking_format = \"tzst\";\nmanifests = \"packagesite.yaml\";\n",
        )
        .unwrap();
        Self { dir, lines: String::new() }
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The path of a package's archive.
    pub fn archive(&self, pack: &Pack) -> PathBuf {
        self.dir.join("All").join(format!("{}-{}.pkg", pack.name, pack.version))
    }

    /// Adds a package.
    pub fn add(&mut self, pack: &Pack) {
        self.add_as(pack, &pack.archive());
    }

    /// Adds a package whose archive is `archive`.
    pub fn add_as(&mut self, pack: &Pack, archive: &[u8]) {
        fs::write(self.archive(pack), archive).unwrap();
        let mut line = pack.compact();
        let path = format!("All/{}-{}.pkg", pack.name, pack.version);
        line.insert("sum".into(), json!(hex::encode(Sha256::digest(archive))));
        line.insert("path".into(), json!(path));
        line.insert("repopath".into(), json!(path));
        line.insert("pkgsize".into(), json!(archive.len()));
        self.lines += &(Value::from(line).to_string() + "\n");
    }

    /// The text of the catalogue.
    pub fn catalogue(&self) -> &[u8] {
        self.lines.as_bytes()
    }

    /// Replaces the text of the catalogue.
    pub fn says(&mut self, lines: &str) {
        lines.clone_into(&mut self.lines);
    }

    /// Writes the catalogue's archive, with other members (signatures and keys).
    pub fn publish(&self, others: &[(&str, Vec<u8>)]) {
        fs::write(self.dir.join("packagesite.pkg"), Packing::Zstd.pack(&self.site(others))).unwrap();
    }

    /// The catalogue's archive, not compressed.
    pub fn site(&self, others: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in others.iter().map(|(name, bytes)| (*name, bytes.as_slice())) {
            append(&mut tar, name, EntryType::Regular, bytes, "", 0o644, "root:wheel");
        }
        append(&mut tar, "packagesite.yaml", EntryType::Regular, self.catalogue(), "", 0o644, "root:wheel");
        tar.into_inner().unwrap()
    }
}
