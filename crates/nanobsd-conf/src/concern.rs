//! Commands and texts in a function that do not work in a hook, or not as they did when the function was written.

use std::collections::BTreeSet;

use super::body::commands;

/// Programs that hooks do not have, and what to use instead.
const PROGRAMS: [(&[&str], &str); 9] = [
    (&["pw", "adduser", "pwd_mkdb"], "accounts come from the overlay or from packages"),
    (&["cap_mkdb", "services_mkdb"], "remove the .db file; without it, the text is read"),
    (&["chroot", "CR", "CR0"], "programs of the image cannot run while it is built"),
    (&["pkg", "pkg_add", "pkg_delete", "pkg-static"], "packages come from pkglist (docs/packages.md)"),
    (&["make", "fetch"], "build or fetch beforehand, and add the result as a package or to the overlay"),
    (&["mtree"], "write lines of mtree(5) to ${NANO_METALOG}"),
    (&["sysrc"], "there is a step `sysrc` in docs/customize.md"),
    (&["mount", "umount", "mdconfig", "mknod", "kldload"], "hooks run without root privileges"),
    (&["jot", "lam", "unvis", "tzsetup", "kldxref", "certctl", "makewhatis"], "only FreeBSD has it"),
];

/// Options that only FreeBSD's program has, or that the replacement for it does not have.
const OPTIONS: [(&str, &str, &str); 6] = [
    ("cpio", "io", "hooks have only `cpio -p`; use tar(1)"),
    ("date", "jv", "only FreeBSD's date(1) has it"),
    ("install", "l", "make links with ln(1)"),
    ("stat", "f", "the option has another meaning on other systems than FreeBSD"),
    ("tail", "r", "only FreeBSD's tail(1) has it"),
    ("xargs", "J", "only FreeBSD's xargs(1) has it"),
];

/// Why the command `words` does not work in a hook.
fn unavailable(words: &[&str]) -> Option<String> {
    let name = words[0].rsplit('/').next().unwrap_or_default();
    if let Some((_, instead)) = PROGRAMS.iter().find(|(programs, _)| programs.contains(&name)) {
        return Some(format!("hooks have no `{name}`\nhint: {instead}"));
    }
    let (_, flags, why) = OPTIONS.iter().find(|(program, ..)| *program == name)?;
    let mut options = words[1..].iter().filter(|word| word.starts_with('-') && !word.starts_with("--"));
    let flag = options.find_map(|option| option.chars().find(|flag| flags.contains(*flag)))?;
    Some(format!("`{name} -{flag}`: {why}"))
}

/// Texts that no longer mean what they did.
const CHANGED: [(&str, &str); 6] = [
    ("etc/motd", "FreeBSD 13 has /etc/motd.template and no /etc/motd"),
    ("/dev/ad0", "since FreeBSD 9 the card is /dev/ada0"),
    ("/dev/ad1", "since FreeBSD 9 that disk is /dev/ada1"),
    ("ttyd0", "since FreeBSD 8 the serial port is ttyu0"),
    ("boot.config", "the rate of the console is console.speed, for all stages of the boot"),
    ("${NANO_TOOLS}", "NANO_TOOLS is the directory of product.toml\nhint: copy what is read from it there"),
];

/// What needs a look before the hook of the function `text` is run: the line, from 0, and a note.
pub fn concerns(text: &str) -> Vec<(usize, String)> {
    let mut concerns = Vec::new();
    for (line, words) in commands(text) {
        concerns.extend(unavailable(&words).map(|concern| (line, concern)));
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
}
