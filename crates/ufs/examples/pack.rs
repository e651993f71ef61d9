//! Packs a directory of the host into a UFS2 file system:
//! `cargo run --release --example pack -- DIRECTORY IMAGE SIZE [BLOCK_SIZE FRAGMENT_SIZE]`.

#![allow(clippy::print_stdout, reason = "an example prints what it measured")]

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::time::Instant;

use ufs::{Content, Kind, Meta, Params, Plan, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [root, image, size, rest @ ..] = args.as_slice() else {
        return Err("usage: pack DIRECTORY IMAGE SIZE [BLOCK_SIZE FRAGMENT_SIZE]".into());
    };
    let mut params = Params::new(size.parse()?);
    if let [block, fragment] = rest {
        params.block_size = block.parse()?;
        params.fragment_size = fragment.parse()?;
    }
    let started = Instant::now();
    let tree = gather(root.into())?;
    let gathered = Instant::now();
    let plan = Plan::new(&tree, &params)?;
    let planned = Instant::now();
    let out = File::create(image)?;
    out.set_len(params.size)?;
    plan.write(&out)?;
    println!("{:#?}", plan.usage());
    println!(
        "gathered in {:?}, planned in {:?}, written in {:?}",
        gathered - started,
        planned - gathered,
        planned.elapsed()
    );
    Ok(())
}

fn gather(root: PathBuf) -> Result<Tree, Box<dyn Error>> {
    let mut tree = Tree::new(meta(&fs::metadata(&root)?));
    let mut todo = vec![(root, tree.root())];
    while let Some((path, parent)) = todo.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            let file_type = metadata.file_type();
            let kind = if file_type.is_dir() {
                Kind::Directory
            } else if file_type.is_symlink() {
                Kind::Symlink(fs::read_link(&path)?.as_os_str().as_bytes().to_vec())
            } else if file_type.is_file() {
                Kind::File(Content::Host { path: path.clone(), size: metadata.len() })
            } else if file_type.is_fifo() {
                Kind::Fifo
            } else {
                continue;
            };
            let is_directory = kind == Kind::Directory;
            let node = tree.add(parent, entry.file_name().as_bytes(), meta(&metadata), kind)?;
            if is_directory {
                todo.push((path, node));
            }
        }
    }
    Ok(tree)
}

fn meta(metadata: &fs::Metadata) -> Meta {
    Meta {
        mode: (metadata.mode() & 0o7777) as u16,
        uid: metadata.uid(),
        gid: metadata.gid(),
        flags: 0,
        mtime: Some(metadata.mtime()),
    }
}
