//! The login on the serial console: edits the world's `/etc/ttys` and `/etc/gettytab` in place.
//!
//! NanoBSD's `cust_comconsole` does it with `sed`, which turns FreeBSD 13's `onifexists` into `offifexists`. Here, whole
//! fields are replaced, and everything else stays as it is.

use anyhow::{Context, Result, ensure};
use rootfs::tree::{LayerId, Tree, TreePath};

use super::generated::path;
use super::settings::Settings;

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let class = format!("3wire.{}", settings.console_speed);
    let gettytab = path("etc/gettytab")?;
    let classes =
        tree.read_text(&gettytab).context("looking for the terminal classes of getty in the world")?;
    if !has_class(&classes, &class) {
        let speed = settings.console_speed;
        let entry = format!("{class}|{speed}-3wire:\\\n\t:np:nc:sp#{speed}:\n");
        tree.append(layer, &gettytab, &entry)?;
    }

    let ttys = path("etc/ttys")?;
    let text = tree.read_text(&ttys).context("looking for the list of terminals in the world")?;
    let edited = edit(&text, settings.console, &class)?;
    replace(tree, layer, &ttys, &edited)
}

/// Replaces the content of a file, and keeps its owner and mode.
fn replace(tree: &mut Tree, layer: LayerId, path: &TreePath, text: &str) -> Result<()> {
    let attributes =
        tree.get(path).map(|inode| inode.attributes.clone()).context("a file that was just read")?;
    tree.put(layer, path, rootfs::tree::Kind::File(text.into()), attributes)
}

/// Whether `gettytab`, in gettytab(5) format, has an entry named `class`. Names are separated by bars and end at the first
/// colon.
fn has_class(gettytab: &str, class: &str) -> bool {
    gettytab
        .lines()
        .filter(|line| !line.starts_with(['#', ' ', '\t']))
        .filter_map(|line| line.split(':').next())
        .any(|names| names.split('|').any(|name| name == class))
}

/// Edits `ttys`, in ttys(5) format: enables a getty of `class` on `console`, and disables those on screens with the status
/// `on`. The status `onifexists` starts a getty only if there is a screen, and stays.
fn edit(ttys: &str, console: &str, class: &str) -> Result<String> {
    let mut found = false;
    let mut text = String::with_capacity(ttys.len());
    for line in ttys.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if name == console {
            found = true;
            text.push_str(&format!("{console}\t\"/usr/libexec/getty {class}\"\tvt100\ton secure"));
        } else if is_screen(name) {
            text.push_str(&switch_off(line));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    ensure!(found, "/etc/ttys of the world has no line for {console}, the serial console");
    Ok(text)
}

fn is_screen(name: &str) -> bool {
    name.strip_prefix("ttyv")
        .is_some_and(|unit| !unit.is_empty() && unit.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Changes the status `on` in a line to `off`. The status is the field after the type; the command may be quoted.
fn switch_off(line: &str) -> String {
    let after_command = line.rfind('"').map_or(0, |quote| quote + 1);
    let (command, rest) = line.split_at(after_command);
    let mut changed = command.to_owned();
    for field in rest.split_inclusive(char::is_whitespace) {
        let word = field.trim_end();
        changed.push_str(if word == "on" { "off" } else { word });
        changed.push_str(&field[word.len()..]);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, mode, settings, text, world};
    use super::*;

    const TTYS: &str = "\
# console comment
console\tnone\t\t\t\tunknown\toff secure
#
ttyv0\t\"/usr/libexec/getty Pc\"\t\txterm\tonifexists secure
ttyv1\t\"/usr/libexec/getty on\"\t\txterm\ton  secure
ttyv8\t\"/usr/local/bin/xdm -nodaemon\"\txterm\toff secure
ttyu0\t\"/usr/libexec/getty 3wire\"\tvt100\tonifconsole secure
ttyu1\t\"/usr/libexec/getty 3wire\"\tvt100\tonifconsole secure
";

    #[test]
    fn only_the_fields_that_matter_change() {
        let edited = edit(TTYS, "ttyu0", "3wire.38400").unwrap();
        let changed: Vec<_> = TTYS.lines().zip(edited.lines()).filter(|(old, new)| old != new).collect();
        assert_eq!(changed.len(), 2);
        assert_eq!(changed[0].1, "ttyv1\t\"/usr/libexec/getty on\"\t\txterm\toff  secure");
        assert_eq!(changed[1].1, "ttyu0\t\"/usr/libexec/getty 3wire.38400\"\tvt100\ton secure");
    }

    #[test]
    fn a_world_without_the_console_is_refused() {
        let error = edit("ttyv0 none xterm off\n", "ttyu0", "3wire.9600").unwrap_err().to_string();
        assert!(error.contains("no line for ttyu0"), "{error}");
    }

    #[test]
    fn the_class_of_the_rate_is_added_when_it_lacks() {
        let mut tree = world();
        let layer = tree.layer("test");
        let before = text(&tree, "etc/gettytab");
        apply(&mut tree, layer, &settings()).unwrap();
        assert_eq!(text(&tree, "etc/gettytab"), before, "3wire.38400 is there already");

        tree.get_mut(&at("etc/ttys")).unwrap().attributes.mode = 0o600;
        apply(&mut tree, layer, &Settings { console_speed: 9600, ..settings() }).unwrap();
        let after = text(&tree, "etc/gettytab");
        assert!(
            has_class(&after, "3wire.9600") && has_class(&after, "9600-3wire") && !has_class(&after, "3wire")
        );
        assert!(text(&tree, "etc/ttys").contains("getty 3wire.9600\""));
        assert_eq!(mode(&tree, "etc/ttys"), 0o600);
    }
}
