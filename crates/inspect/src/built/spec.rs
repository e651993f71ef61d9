//! Reads the mtree(5) specification of a slot: the lines that [`rootfs::mtree`] writes.
//!
//! It does not say which names are links to the same file. That follows from `nlink`: four equal names with two links
//! each are two files.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use builder::image::SPEC_PATH;
use rootfs::mtree::LAYER;
use rootfs::tree::TreePath;
use rootfs::{flags, vis};
use sha2::{Digest, Sha256};

use super::node::{self, Node, Paths};

/// The first bytes of a specification.
pub const SIGNATURE: &str = "#mtree";

/// Reads a specification; `name` is for messages.
///
/// # Errors
/// A line is invalid; the message has its number.
pub fn parse(name: &str, text: &str) -> Result<Paths> {
    let mut paths = Paths::new();
    for (number, text) in (1..).zip(text.lines()) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (path, node) =
            line(text).with_context(|| format!("reading the specification {name}, line {number}"))?;
        let previous = paths.insert(path.clone(), node);
        ensure!(
            previous.is_none(),
            "reading the specification {name}, line {number}: {path} is listed twice"
        );
    }
    ensure!(paths.contains_key("/"), "reading the specification {name}: it has no line for the root, `.`");
    // It cannot contain its own size and digest.
    let own = TreePath::parse(SPEC_PATH)?.to_string();
    if let Some(node) = paths.get_mut(&own).filter(|node| node.is_file() && node.sha256.is_none()) {
        node.size = text.len() as u64;
        node.sha256 = Some(hex::encode(Sha256::digest(text)));
    }
    share(&mut paths);
    Ok(paths)
}

/// Parses a line into a path and its node.
fn line(text: &str) -> Result<(String, Node)> {
    let mut words = text.split_whitespace();
    let path = TreePath::parse(&vis::decode(words.next().unwrap_or_default())?)?.to_string();
    let mut node = Node {
        kind: String::new(),
        uid: 0,
        gid: 0,
        mode: String::new(),
        flags: "none".to_owned(),
        size: 0,
        sha256: None,
        link: None,
        device: None,
        names: 1,
        shares: None,
        layer: None,
    };
    for word in words {
        if let Some(layer) = word.strip_prefix(LAYER) {
            node.layer = Some(vis::decode(layer)?);
            continue;
        }
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u64>().with_context(|| format!("`{word}` of {path} is not a number"));
        let id = || value.parse::<u32>().with_context(|| format!("`{word}` of {path} is not a number"));
        match key {
            "type" => node.kind = kind(value, &path)?,
            "uid" => node.uid = id()?,
            "gid" => node.gid = id()?,
            "mode" => {
                let bits = u16::from_str_radix(value, 8).ok().filter(|bits| *bits <= 0o7777);
                node.mode = mode(bits.with_context(|| format!("`{word}` of {path} is not octal"))?);
            }
            "flags" => node.flags = flags::names(flags::parse(value)?),
            "nlink" => node.names = number()?,
            "size" => node.size = number()?,
            "sha256" => node.sha256 = Some(value.to_owned()),
            "link" => node.link = Some(vis::decode(value)?),
            "device" => {
                let digits = value.strip_prefix("0x").unwrap_or_default();
                let device = u64::from_str_radix(digits, 16);
                node.device =
                    Some(device.with_context(|| format!("`{word}` of {path} is not a device number"))?);
            }
            _ => bail!(
                "unknown keyword `{key}` of {path}; a slot.mtree has type, uid, gid, mode, flags, nlink, size, sha256, \
                 link, device and tags"
            ),
        }
    }
    for (key, is_missing) in [("type", node.kind.is_empty()), ("mode", node.mode.is_empty())] {
        ensure!(!is_missing, "{path} has no `{key}=`");
    }
    Ok((path, node))
}

fn kind(word: &str, path: &str) -> Result<String> {
    const KINDS: [&str; 6] = ["dir", "file", "link", "char", "block", "fifo"];
    ensure!(
        KINDS.contains(&word),
        "unknown type `{word}` of {path}; a slot.mtree has dir, file, link, char, block and fifo"
    );
    Ok(word.to_owned())
}

/// Permission bits as a specification writes them.
pub fn mode(bits: u16) -> String {
    format!("{bits:04o}")
}

/// Finds which names belong to the same file.
fn share(paths: &mut Paths) {
    let mut alike: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
    for (path, node) in paths.iter().filter(|(_, node)| node.names > 1) {
        let Node { uid, gid, mode, flags, size, sha256, names, layer, .. } = node;
        let file = format!("{sha256:?} {names} {uid} {gid} {mode} {flags} {size} {layer:?}");
        let (_, found) = alike.entry(file).or_insert_with(|| (*names, Vec::new()));
        found.push(path.clone());
    }
    for (names, found) in alike.into_values() {
        let files = found.len().div_ceil(usize::try_from(names).unwrap_or(usize::MAX));
        node::share(paths, found, files);
    }
}

#[cfg(test)]
mod tests {
    use builder::image::layer_sizes;
    use builder::product::FileSystem;
    use rootfs::mtree;
    use rootfs::tree::{EntryKind, Kind, Layer, Tree};

    use super::*;
    use crate::built::node::totals;

    fn at(path: &str) -> TreePath {
        TreePath::parse(path).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_with_layers_and_links() {
        let mut world = Layer::new("world");
        world.push(at("bin/a b"), EntryKind::File("same".into()), 0o4555);
        world.push(at("bin/c"), EntryKind::HardLink(at("bin/a b")), 0);
        world.push(at("bin/d"), EntryKind::File("same".into()), 0o4555);
        world.push(at("bin/e"), EntryKind::HardLink(at("bin/d")), 0);
        world.push(at("dev/null"), EntryKind::CharDevice(0xd06), 0o666);
        world.push(at("run"), EntryKind::Fifo, 0o600);
        let mut package = Layer::new("package née, b");
        package.push(at("tmp"), EntryKind::Symlink("var/a b".into()), 0o755);
        package.push(at("bin/z"), EntryKind::File("same".into()), 0o4555);
        let mut tree = Tree::merge(vec![world, package]).unwrap();
        tree.get_mut(&at("bin/c")).unwrap().attributes.flags = 0x2_0000;
        let place = at(SPEC_PATH);
        let layer = tree.layer("generated");
        tree.put_file(layer, &place, "", 0o444).unwrap();
        let text = mtree::write(&tree, &mtree::digests(&tree).unwrap(), &place).unwrap();
        tree.put(
            layer,
            &place,
            Kind::File(text.as_str().into()),
            tree.get(&place).unwrap().attributes.clone(),
        )
        .unwrap();

        let paths = parse("slot.mtree", &text).unwrap();
        assert_eq!(paths.len(), tree.names().count());
        let node = |path: &str| &paths[path];
        assert_eq!((node("/bin/a b").mode.as_str(), node("/bin/a b").flags.as_str()), ("4555", "schg"));
        assert_eq!(node("/bin/c").shares.as_deref(), Some("/bin/a b"));
        assert_eq!(node("/bin/e").shares.as_deref(), Some("/bin/d"));
        assert_eq!((&node("/bin/d").shares, &node("/bin/z").shares), (&None, &None));
        assert_eq!((node("/bin/c").names, node("/bin/z").names, node("/tmp").names), (2, 1, 1));
        assert_eq!(node("/tmp").link.as_deref(), Some("var/a b"));
        assert_eq!((node("/tmp").layer(), node("/dev/null").device), ("package née, b", Some(0xd06)));
        assert_eq!(node("/usr/share/sluice/slot.mtree").size, text.len() as u64);

        let layers = totals(&paths);
        let filesystem = FileSystem { block: 4096, fragment: 512, bytes_per_inode: 8192, soft_updates: true };
        for size in layer_sizes(&tree, &filesystem).unwrap() {
            let total = &layers[&size.name];
            assert_eq!((total.paths, total.bytes), (size.entries, size.bytes), "{}", size.name);
        }
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number() {
        let refusal = |line: &str| {
            let text = format!("#mtree 2.0\n. type=dir mode=0755\n{line}\n");
            format!("{:#}", parse("/x/slot.mtree", &text).unwrap_err())
        };
        let at = "reading the specification /x/slot.mtree, line 3: ";
        for (line, fault) in [
            (
                "./a type=dor mode=0755",
                "unknown type `dor` of /a; a slot.mtree has dir, file, link, char, block and fifo",
            ),
            ("./a mode=0755", "/a has no `type=`"),
            ("./a type=dir", "/a has no `mode=`"),
            ("./a type=file mode=888", "`mode=888` of /a is not octal"),
            ("./a type=file mode=70000", "`mode=70000` of /a is not octal"),
            (
                "./a type=file mode=0644 size=many",
                "`size=many` of /a is not a number: invalid digit found in string",
            ),
            (
                "./a type=file mode=0644 uid=-1",
                "`uid=-1` of /a is not a number: invalid digit found in string",
            ),
            (
                "./a type=char mode=0644 device=native,1,2",
                "`device=native,1,2` of /a is not a device number: cannot parse integer from empty string",
            ),
            (
                "./a type=file mode=0644 flags=shiny",
                "unknown file flag `shiny`; chflags(1) has schg, sunlnk, uchg, nodump, ...",
            ),
            (
                "./a type=file mode=0644 md5=0",
                "unknown keyword `md5` of /a; a slot.mtree has type, uid, gid, mode, flags, nlink, size, sha256, link, \
                 device and tags",
            ),
            ("../a type=dir mode=0755", "path `../a` contains `..`: paths in an image start at its root"),
            ("./a\\q type=dir mode=0755", "decoding `./a\\q`: unknown escape after a backslash"),
            (". type=dir mode=0755", "/ is listed twice"),
        ] {
            assert_eq!(refusal(line), format!("{at}{fault}"));
        }
        let error = parse("/x/slot.mtree", "#mtree 2.0\n").unwrap_err().to_string();
        assert_eq!(error, "reading the specification /x/slot.mtree: it has no line for the root, `.`");
    }
}
