//! Files of version control systems, which never get into an image.

use std::ffi::OsStr;

use rootfs::tree::{Layer, TreePath};
pub use rootfs::version_control::is_metadata;

/// What to tell the engineer about a path that is left out.
pub fn note(layer: &str, path: &str) -> String {
    format!("`{layer}`: left out {path}: files of version control do not belong into an image")
}

/// Removes files of version control systems from `layer`. Returns a note for each path that is left out.
pub fn leave_out(layer: &mut Layer) -> Vec<String> {
    let top = |path: &TreePath| {
        let mut top = None;
        let mut at = Some(path.clone());
        while let Some(path) = at {
            at = path.parent();
            if is_metadata(OsStr::new(path.name())) {
                top = Some(path);
            }
        }
        top
    };
    let mut notes: Vec<String> = Vec::new();
    let name = layer.name.clone();
    layer.entries.retain(|entry| match top(&entry.path) {
        None => true,
        Some(top) => {
            let note = note(&name, &top.to_string());
            if !notes.contains(&note) {
                notes.push(note);
            }
            false
        }
    });
    notes
}

#[cfg(test)]
mod tests {
    use rootfs::tree::EntryKind;

    use super::*;

    #[test]
    fn a_layer_loses_its_version_control_files_with_one_note_for_each_directory() {
        let mut layer = Layer::new("package demo");
        for path in
            ["usr/local/share/demo/.git/config", "usr/local/share/demo/.git/HEAD", "usr/local/etc/CVS.conf"]
        {
            layer.push(TreePath::parse(path).unwrap(), EntryKind::File("x".into()), 0o644);
        }
        let notes = leave_out(&mut layer);
        assert_eq!(
            notes,
            [
                "`package demo`: left out /usr/local/share/demo/.git: files of version control do not belong into an image"
            ]
        );
        let left: Vec<String> = layer.entries.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(left, ["/usr/local/etc/CVS.conf"]);
        assert!(leave_out(&mut layer).is_empty());
    }
}
