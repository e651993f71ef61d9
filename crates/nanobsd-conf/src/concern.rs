//! Commands and texts in a function that do not work in a hook, or not as they did when the function was written.

use std::collections::BTreeSet;

use super::body;
use super::command::{Command, commands};

/// Programs that hooks do not have, and what to use instead.
const PROGRAMS: [(&[&str], &str); 16] = [
    (
        &["pw", "adduser", "rmuser", "pwd_mkdb", "chpass", "chsh", "passwd", "vipw"],
        "accounts come from the overlay or from packages",
    ),
    (&["cap_mkdb", "services_mkdb"], "remove the .db file; without it, the text is read"),
    (&["postmap", "postalias"], "create the database on a FreeBSD host, and put it into the overlay"),
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
            "mkimg",
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
        &["sha224", "sha384", "sha512t256", "rmd160", "skein256", "skein512", "skein1024"],
        "use md5, sha1, sha256 or sha512",
    ),
    (
        &["b64encode", "uudecode", "uuencode"],
        "convert the file beforehand, and put the result beside the configuration",
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
            "rcorder",
            "nextboot",
            "newsyslog",
            "brandelf",
            "elfctl",
            "mklocale",
            "btxld",
            "lockf",
            "crunchgen",
            "rs",
        ],
        "only FreeBSD has it",
    ),
];

/// Programs that a hook can run only if the build host has them, and what to use otherwise.
const OF_HOST: [(&str, &str); 3] = [
    ("makefs", "the build creates slices and file systems"),
    ("makemap", "create the database on a FreeBSD host, and put it into the overlay"),
    ("newaliases", "create the database on a FreeBSD host, and put it into the overlay"),
];

/// Options that only FreeBSD's program has or that have another meaning elsewhere: the program, the options, and a remark.
const OPTIONS: [(&str, &str, &str); 14] = [
    ("cpio", "io", "hooks have only `cpio -p`; use tar(1)"),
    ("cut", "w", "only FreeBSD's cut(1) has it"),
    ("date", "v", "only FreeBSD's date(1) has it"),
    ("date", "f", "the option has another meaning on other systems than FreeBSD"),
    ("install", "l", "make links with ln(1)"),
    (
        "ln",
        "F",
        "the option has another meaning on other systems than FreeBSD\nhint: remove the directory first",
    ),
    ("mktemp", "t", "the name needs `XXXXXX` at its end on other systems than FreeBSD"),
    ("mv", "h", "only FreeBSD's mv(1) has it"),
    ("rm", "PW", "only FreeBSD's rm(1) has it"),
    ("stat", "fx", "the option has another meaning on other systems than FreeBSD"),
    ("tail", "r", "only FreeBSD's tail(1) has it"),
    ("touch", "A", "only FreeBSD's touch(1) has it"),
    ("uname", "rvimKU", "it shows the build host, not the unit"),
    ("xargs", "J", "only FreeBSD's xargs(1) has it"),
];

/// Options of FreeBSD's find(1) that hooks do not have; they come before the paths. `-E`, `-d`, `-f` and `-x` work.
const FIND_OPTIONS: [char; 2] = ['X', 's'];
/// Primaries of find(1) that only FreeBSD has.
const FIND_PRIMARIES: [&str; 6] = ["-flags", "-Bmin", "-Btime", "-Bnewer", "-acl", "-sparse"];

/// Why the command does not work in a hook as it did.
fn unavailable(command: &Command<'_>) -> Option<String> {
    let (name, words) = command.words.split_first()?;
    let name = name.rsplit('/').next().unwrap_or_default();
    if let Some((_, instead)) = PROGRAMS.iter().find(|(programs, _)| programs.contains(&name)) {
        return Some(format!("hooks have no `{name}`\nhint: {instead}"));
    }
    if let Some((_, instead)) = OF_HOST.iter().find(|(program, _)| *program == name) {
        return Some(format!("hooks have `{name}` only if the build host has it\nhint: {instead}"));
    }
    if name == "find" {
        let option = find_option(words)?;
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

/// The option or primary among `words`, those after `find`, that hooks do not have.
fn find_option(words: &[&str]) -> Option<String> {
    let mut letters = words.iter().map_while(|word| word.strip_prefix('-')).flat_map(str::chars);
    let depth = |pair: &[&str]| pair[0] == "-depth" && pair[1].parse::<u32>().is_ok();
    if let Some(option) = letters.find(|letter| FIND_OPTIONS.contains(letter)) {
        return Some(format!("-{option}"));
    }
    if let Some(pair) = words.windows(2).find(|pair| depth(pair)) {
        return Some(pair.join(" "));
    }
    words.iter().find(|word| FIND_PRIMARIES.contains(word)).map(|word| (*word).to_owned())
}

/// Texts that no longer mean what they did.
const CHANGED: [(&str, &str); 9] = [
    ("etc/motd", "FreeBSD 13 has /etc/motd.template and no /etc/motd"),
    ("/dev/ad0", "since FreeBSD 9 the card is /dev/ada0"),
    ("/dev/ad1", "since FreeBSD 9 that disk is /dev/ada1"),
    ("ttyd0", "since FreeBSD 8 the serial port is ttyu0"),
    ("boot.config", "the rate of the console is console.speed, for all stages of the boot"),
    ("[[:<:]]", "only FreeBSD's sed(1) has it\nhint: write `\\b`"),
    ("[[:>:]]", "only FreeBSD's sed(1) has it\nhint: write `\\b`"),
    (
        "${NANO_OBJ}",
        "NANO_OBJ is the directory of the logs\nhint: the tree is ${NANO_WORLDDIR}; put other files beside the configuration",
    ),
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
            if has(line, part) {
                concerns.push((index, format!("`{part}`: {note}")));
            }
        }
    }
    concerns.sort();
    let mut seen = BTreeSet::new();
    concerns.retain(|(_, concern)| seen.insert(concern.clone()));
    concerns
}

/// Whether `line` has the text or variable `part`.
fn has(line: &str, part: &str) -> bool {
    if let Some(name) = part.strip_prefix("${").and_then(|part| part.strip_suffix('}')) {
        return body::variables(line).contains(name);
    }
    // `etc/motd.template` does not count as `etc/motd`.
    line.split_once(part).is_some_and(|(_, behind)| !behind.starts_with('.'))
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
            ("makemap hash a < b", "hooks have `makemap` only if the build host has it"),
            ("newaliases", "hooks have `newaliases` only if the build host has it"),
            ("x=$(rmd160 -q a)", "hooks have no `rmd160`"),
            ("echo `sha384 a`", "hooks have no `sha384`"),
            ("if /usr/sbin/makefs a b; then :; fi", "hooks have `makefs` only if the build host has it"),
            ("b64encode a b > c", "hooks have no `b64encode`"),
            ("rcorder etc/rc.d/*", "hooks have no `rcorder`"),
            ("date -v+1d", "`date -v`: only FreeBSD's date(1) has it"),
            ("date -j -f %s 0", "`date -f`: the option has another meaning"),
            ("find -s . -name y", "`find -s`: only FreeBSD's find(1) has it"),
            ("cd x && find -Es . -name y", "`find -s`: only FreeBSD's find(1) has it"),
            ("find . -depth 1", "`find -depth 1`: only FreeBSD's find(1) has it"),
            ("find . -flags +schg", "`find -flags`: only FreeBSD's find(1) has it"),
            ("ln -sF a b", "`ln -F`: the option has another meaning"),
            ("rm -rP a", "`rm -P`: only FreeBSD's rm(1) has it"),
            ("ls $NANO_OBJ/_.w", "`${NANO_OBJ}`: NANO_OBJ is the directory of the logs"),
            ("ls $NANO_TOOLS", "`${NANO_TOOLS}`: NANO_TOOLS is the directory of product.toml"),
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
        for text in [
            "find . -exec sh {} +",
            "find . -depth -type s",
            "ln -sf a b",
            "date +%s",
            "test a = b",
            "cp -R md5 sha256",
            "ls $NANO_OBJECTS",
        ] {
            assert_eq!(concerns(text), [], "{text}");
        }
    }

    #[test]
    fn what_hooks_have_stand_ins_for_is_not_reported() {
        for text in [
            "x=$(md5 -q a); echo `sha256 a`; sha1 -s x; sha512 a",
            "b64decode -p a > b",
            "echo \"$(date -r 0 +%Y)\"; date -ur 0; date -j -r 0",
            "find -E . -regex 'a|b'; find -x . -name y; find -d . -name y; find -f a -- -name y; find -Ex a b",
            "ln -shf a b; ln -sfw a b",
            "sed -i '' -e s/a/b/ c; cpio -pdmu d; chflags schg e; chown root:wheel e",
        ] {
            assert_eq!(concerns(text), [], "{text}");
        }
    }
}
