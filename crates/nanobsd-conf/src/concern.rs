//! Commands and texts in a function that do not work in a hook, or not as they did when the function was written.

use std::collections::BTreeSet;

use super::command::{Command, commands};

/// Programs that hooks do not have, and what to use instead.
const PROGRAMS: [(&[&str], &str); 16] = [
    (
        &["pw", "adduser", "rmuser", "pwd_mkdb", "chpass", "chsh", "passwd", "vipw"],
        "accounts come from the overlay or from packages",
    ),
    (&["cap_mkdb", "services_mkdb"], "remove the .db file; without it, the text is read"),
    (
        &["makemap", "newaliases", "postmap", "postalias"],
        "create the database on a FreeBSD host, and put it into the overlay",
    ),
    (&["chroot", "CR", "CR0", "jail", "jexec"], "programs of the image cannot run while it is built"),
    (&["pkg", "pkg_add", "pkg_delete", "pkg-static"], "packages come from pkglist (docs/packages.md)"),
    (
        &["make", "fetch", "svn", "svnlite", "portsnap", "freebsd-update"],
        "build or fetch beforehand, and add the result as a package or to the overlay",
    ),
    (&["mtree"], "write lines of mtree(5) to ${NANO_METALOG}"),
    (&["sysrc"], "there is a step `sysrc` in docs/customize.md"),
    (&["mount", "umount", "mdconfig", "mknod", "kldload", "kldunload"], "hooks run without root privileges"),
    (
        &[
            "makefs",
            "newfs",
            "tunefs",
            "bsdlabel",
            "disklabel",
            "gpart",
            "glabel",
            "boot0cfg",
            "fsck_ffs",
            "growfs",
        ],
        "the build creates slices and file systems",
    ),
    (
        &["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "rmd160", "skein256", "skein512"],
        "other systems than FreeBSD have md5sum, sha256sum and so on, whose output differs",
    ),
    (
        &["b64decode", "b64encode", "uudecode", "uuencode"],
        "decode the file beforehand, and put the result beside the configuration",
    ),
    (&["ldconfig"], "the unit runs it when it starts"),
    (
        &["sysctl", "kenv", "pciconf", "kldstat", "devinfo", "camcontrol", "usbconfig", "ifconfig"],
        "it shows the build host, not the unit; write the value",
    ),
    (&["etcupdate", "mergemaster"], "/etc comes from the world and the overlay"),
    (
        &[
            "jot",
            "lam",
            "unvis",
            "vis",
            "tzsetup",
            "kldxref",
            "certctl",
            "makewhatis",
            "lockf",
            "crunchgen",
            "rs",
        ],
        "only FreeBSD has it",
    ),
];

/// Options that only FreeBSD's program has or that have another meaning elsewhere: the program, the options, and a remark.
const OPTIONS: [(&str, &str, &str); 13] = [
    ("cpio", "io", "hooks have only `cpio -p`; use tar(1)"),
    ("cut", "w", "only FreeBSD's cut(1) has it"),
    ("date", "jv", "only FreeBSD's date(1) has it"),
    (
        "date",
        "rf",
        "the option has another meaning on other systems than FreeBSD\nhint: instead of `date -r N`, write `date -d @N`",
    ),
    ("install", "l", "make links with ln(1)"),
    ("ln", "h", "only FreeBSD's ln(1) has it\nhint: write `ln -n`"),
    (
        "ln",
        "F",
        "the option has another meaning on other systems than FreeBSD\nhint: remove the directory first",
    ),
    ("mktemp", "t", "the name needs `XXXXXX` at its end on other systems than FreeBSD"),
    ("stat", "fx", "the option has another meaning on other systems than FreeBSD"),
    ("tail", "r", "only FreeBSD's tail(1) has it"),
    ("touch", "A", "only FreeBSD's touch(1) has it"),
    ("uname", "rvimKU", "it shows the build host, not the unit"),
    ("xargs", "J", "only FreeBSD's xargs(1) has it"),
];

/// Options of find(1) that only FreeBSD has; its other options are words.
const FIND_OPTIONS: [&str; 5] = ["-E", "-X", "-s", "-x", "-f"];

/// Why the command does not work in a hook as it did.
fn unavailable(command: &Command<'_>) -> Option<String> {
    let (name, words) = command.words.split_first()?;
    let name = name.rsplit('/').next().unwrap_or_default();
    if let Some((_, instead)) = PROGRAMS.iter().find(|(programs, _)| programs.contains(&name)) {
        return Some(format!("hooks have no `{name}`\nhint: {instead}"));
    }
    if name == "find" {
        let option = words.iter().find(|word| FIND_OPTIONS.contains(word))?;
        return Some(format!("`find {option}`: only FreeBSD's find(1) has it"));
    }
    if ["[", "test"].contains(&name) && words.contains(&"==") {
        return Some(format!("`==` in `{name}`: not every shell has it\nhint: write `=`"));
    }
    let options = || words.iter().filter(|word| word.starts_with('-') && !word.starts_with("--"));
    let found = OPTIONS.iter().filter(|(program, ..)| *program == name).filter_map(|(_, flags, why)| {
        let flag = options().find_map(|option| option.chars().find(|flag| flags.contains(*flag)))?;
        Some(format!("`{name} -{flag}`: {why}"))
    });
    found.into_iter().next()
}

/// Texts that no longer mean what they did.
const CHANGED: [(&str, &str); 8] = [
    ("etc/motd", "FreeBSD 13 has /etc/motd.template and no /etc/motd"),
    ("/dev/ad0", "since FreeBSD 9 the card is /dev/ada0"),
    ("/dev/ad1", "since FreeBSD 9 that disk is /dev/ada1"),
    ("ttyd0", "since FreeBSD 8 the serial port is ttyu0"),
    ("boot.config", "the rate of the console is console.speed, for all stages of the boot"),
    ("[[:<:]]", "only FreeBSD's sed(1) has it\nhint: write `\\b`"),
    ("[[:>:]]", "only FreeBSD's sed(1) has it\nhint: write `\\b`"),
    ("${NANO_TOOLS}", "NANO_TOOLS is the directory of product.toml\nhint: copy what is read from it there"),
];

/// What needs a look before the hook of the function `text` is run: the line, from 0, and a note.
pub fn concerns(text: &str) -> Vec<(usize, String)> {
    let mut concerns = Vec::new();
    for command in commands(text) {
        concerns.extend(unavailable(&command).map(|concern| (command.line, concern)));
        if command.words.iter().any(|word| word.starts_with("$'")) {
            concerns.push((command.line, "`$'...'`: not every shell has it\nhint: use printf(1)".to_owned()));
        }
    }
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
        for (part, note) in CHANGED {
            // `etc/motd.template` does not count as `etc/motd`.
            let found = line.split_once(part).is_some_and(|(_, behind)| !behind.starts_with('.'));
            if found {
                concerns.push((index, format!("`{part}`: {note}")));
            }
        }
    }
    concerns.sort();
    let mut seen = BTreeSet::new();
    concerns.retain(|(_, concern)| seen.insert(concern.clone()));
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_as_it_did_is_reported_with_its_line() {
        let text = "\
f() (
\tif true; then pw useradd x; fi
\t# mount nothing, /dev/ad0
\tcd ${NANO_TOOLS}/Files && A=1 /usr/sbin/chroot . sh
\techo pkg mtree > etc/motd.template
\trm etc/motd
\techo /dev/ad1s1a >> etc/fstab; CR ls | mtree -c
)";
        let found: Vec<String> =
            concerns(text).into_iter().map(|(line, concern)| format!("{line} {concern}")).collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        1 hooks have no `pw`
        hint: accounts come from the overlay or from packages
        3 `${NANO_TOOLS}`: NANO_TOOLS is the directory of product.toml
        hint: copy what is read from it there
        3 hooks have no `chroot`
        hint: programs of the image cannot run while it is built
        5 `etc/motd`: FreeBSD 13 has /etc/motd.template and no /etc/motd
        6 `/dev/ad1`: since FreeBSD 9 that disk is /dev/ada1
        6 hooks have no `CR`
        hint: programs of the image cannot run while it is built
        6 hooks have no `mtree`
        hint: write lines of mtree(5) to ${NANO_METALOG}
        ");
    }

    #[test]
    fn programs_and_options_of_freebsd_are_reported() {
        for (text, expected) in [
            ("makemap hash a < b", "hooks have no `makemap`"),
            ("newaliases", "hooks have no `newaliases`"),
            ("x=$(md5 -q a)", "hooks have no `md5`"),
            ("echo `sha256 a`", "hooks have no `sha256`"),
            ("if /usr/sbin/makefs a b; then :; fi", "hooks have no `makefs`"),
            ("b64decode -p a > b", "hooks have no `b64decode`"),
            ("echo \"$(date -r 0 +%Y)\"", "`date -r`: the option has another meaning"),
            ("find -E . -regex 'a|b'", "`find -E`: only FreeBSD's find(1) has it"),
            ("cd x && find -x . -name y", "`find -x`: only FreeBSD's find(1) has it"),
            ("ln -shf a b", "`ln -h`: only FreeBSD's ln(1) has it"),
            ("[ \"$A\" == b ] || exit", "`==` in `[`: not every shell has it"),
            ("printf $'a\\tb'", "`$'...'`: not every shell has it"),
            ("sed -i '' 's/[[:<:]]a/b/' c", "`[[:<:]]`: only FreeBSD's sed(1) has it"),
        ] {
            let found = concerns(&format!("f() {{\n\t{text}\n}}"));
            assert!(
                found.iter().any(|(line, found)| *line == 1 && found.starts_with(expected)),
                "{text}: {found:?}"
            );
        }
        for text in ["find . -exec sh {} +", "ln -sf a b", "date +%s", "test a = b", "cp -R md5 sha256"] {
            assert_eq!(concerns(text), [], "{text}");
        }
    }
}
