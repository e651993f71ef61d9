//! What a function needs of its surroundings: other functions, variables, programs; and what has changed since it was
//! written.

use std::collections::BTreeSet;

use super::statement::line;
use super::token::{Kind, tokens};

/// All names in `text`, as of functions, files and variables.
pub fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !is_part(c)).filter(|name| super::statement::is_name(name)).collect()
}

/// The names whose values `text` takes.
pub fn variables(text: &str) -> BTreeSet<&str> {
    let names_at = text.match_indices('$').map(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches(['{', '#']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    let mut found: BTreeSet<&str> = names_at.filter(|name| super::statement::is_name(name)).collect();
    // In arithmetic a name stands without its `$`.
    for (at, _) in text.match_indices("$((") {
        let end = text[at..].find("))").map_or(text.len(), |end| at + end);
        found.extend(names(&text[at..end]));
    }
    found
}

/// The names that `text` gives a value itself.
pub fn set(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for token in tokens(text).unwrap_or_default() {
        found.extend(super::statement::assignment(&text[token.span]).map(|(name, _)| name));
    }
    for (_, words) in commands(text) {
        match words[0] {
            "for" => found.extend(words.get(1)),
            "read" | "local" | "getopts" | "export" | "readonly" => found.extend(&words[1..]),
            _ => {}
        }
    }
    // `${A:=b}` does, too.
    found.extend(text.match_indices(":=").filter_map(|(at, _)| text[..at].rsplit("${").next()));
    found
}

/// Simple commands, each with its line from 0 and its words, assignments before it left out.
fn commands(text: &str) -> Vec<(usize, Vec<&str>)> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut found: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut begins = true;
    for token in tokens {
        let word = &text[token.span.clone()];
        if token.kind != Kind::Word {
            begins |= !word.starts_with(['<', '>']);
            continue;
        }
        if !begins {
            found.iter_mut().last().into_iter().for_each(|(_, words)| words.push(word));
            continue;
        }
        let leads = ["then", "else", "elif", "do", "if", "while", "until", "!", "{"].contains(&word)
            || super::statement::assignment(word).is_some();
        if !leads {
            found.push((line(text, token.span.start) - 1, vec![word]));
            begins = false;
        }
    }
    found
}

/// Programs that hooks do not have, and what there is instead.
const PROGRAMS: [(&[&str], &str); 9] = [
    (&["pw", "adduser", "pwd_mkdb"], "accounts come from the overlay or from packages"),
    (&["cap_mkdb", "services_mkdb"], "remove the .db file, and the text is read"),
    (&["chroot", "CR", "CR0"], "no program of the image can be run while it is built"),
    (&["pkg", "pkg_add", "pkg_delete", "pkg-static"], "packages come from pkglist (docs/packages.md)"),
    (&["make", "fetch"], "what has to be built or fetched becomes a package, or lies in the overlay"),
    (&["mtree"], "write lines of mtree(5) to ${NANO_METALOG}"),
    (&["sysrc"], "there is a step `sysrc` in docs/customize.md"),
    (&["mount", "umount", "mdconfig", "mknod", "kldload"], "hooks are run without root"),
    (&["jot", "lam", "unvis", "tzsetup", "kldxref", "certctl", "makewhatis"], "no host but FreeBSD has it"),
];

/// Options that only FreeBSD's program has, or that what stands in for it lacks.
const OPTIONS: [(&str, &str, &str); 6] = [
    ("cpio", "io", "only `cpio -p` is there; use tar(1)"),
    ("date", "jv", "only FreeBSD's date(1) has it"),
    ("install", "l", "make links with ln(1)"),
    ("stat", "f", "it is another option on hosts other than FreeBSD"),
    ("tail", "r", "only FreeBSD's tail(1) has it"),
    ("xargs", "J", "only FreeBSD's xargs(1) has it"),
];

/// What a hook cannot do of the command `words`.
fn lacks(words: &[&str]) -> Option<String> {
    let name = words[0].rsplit('/').next().unwrap_or_default();
    if let Some((_, instead)) = PROGRAMS.iter().find(|(programs, _)| programs.contains(&name)) {
        return Some(format!("hooks have no `{name}`: {instead}"));
    }
    let (_, letters, why) = OPTIONS.iter().find(|(program, ..)| *program == name)?;
    let mut options = words[1..].iter().filter(|word| word.starts_with('-') && !word.starts_with("--"));
    let letter = options.find_map(|option| option.chars().find(|letter| letters.contains(*letter)))?;
    Some(format!("`{name} -{letter}`: {why}"))
}

/// Texts in a function that no longer mean what they did.
const CHANGED: [(&str, &str); 6] = [
    ("etc/motd", "FreeBSD 13 has /etc/motd.template and no /etc/motd"),
    ("/dev/ad0", "since FreeBSD 9 the card is /dev/ada0"),
    ("/dev/ad1", "since FreeBSD 9 that disk is /dev/ada1"),
    ("ttyd0", "since FreeBSD 8 the serial port is ttyu0"),
    ("boot.config", "the rate of the console is console.speed, for all stages of the boot"),
    ("${NANO_TOOLS}", "NANO_TOOLS is the folder of product.toml: copy what is read from there into it"),
];

/// What has to be known of the function `text` before its hook is run: the line in it, from 0, and what.
pub fn concerns(text: &str) -> Vec<(usize, String)> {
    let mut concerns = Vec::new();
    for (line, words) in commands(text) {
        concerns.extend(lacks(&words).map(|concern| (line, concern)));
    }
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
        for (part, note) in CHANGED {
            // `etc/motd.template` is no `etc/motd`.
            let found = line.split_once(part).is_some_and(|(_, behind)| !behind.starts_with('.'));
            if found {
                concerns.push((index, format!("`{part}`: {note}")));
            }
        }
    }
    concerns.sort();
    let mut told = BTreeSet::new();
    concerns.retain(|(_, concern)| told.insert(concern.clone()));
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_uses_is_found() {
        let text = "f() {\n\techo \"${A}$B\" $((C + 1)) '$D' ${#E} $1 $$\n\tg\n}";
        assert_eq!(variables(text).into_iter().collect::<Vec<_>>(), ["A", "B", "C", "D", "E"]);
        assert!(names(text).contains("g"));
        let text =
            "f() {\n\tfor a in 1; do b=$a; done\n\tx=1 read -r c d\n\tlocal e=1; echo z=1 y >> ${w:=2}\n}";
        let set = set(text);
        assert!(["a", "b", "c", "d", "e", "w", "x"].iter().all(|name| set.contains(name)), "{set:?}");
        assert!(!set.contains("y"), "{set:?}");
    }

    #[test]
    fn what_cannot_work_as_it_did_is_told_with_its_line() {
        let text = "\
f() (
\tif true; then pw useradd x; fi
\t# mount nothing, /dev/ad0
\tcd ${NANO_TOOLS}/Files && A=1 /usr/sbin/chroot . sh
\techo pkg mtree > etc/motd.template
\trm etc/motd
\techo /dev/ad1s1a >> etc/fstab; CR ls | mtree -c
)";
        let told: Vec<String> =
            concerns(text).into_iter().map(|(line, told)| format!("{line} {told}")).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        1 hooks have no `pw`: accounts come from the overlay or from packages
        3 `${NANO_TOOLS}`: NANO_TOOLS is the folder of product.toml: copy what is read from there into it
        3 hooks have no `chroot`: no program of the image can be run while it is built
        5 `etc/motd`: FreeBSD 13 has /etc/motd.template and no /etc/motd
        6 `/dev/ad1`: since FreeBSD 9 that disk is /dev/ada1
        6 hooks have no `CR`: no program of the image can be run while it is built
        6 hooks have no `mtree`: write lines of mtree(5) to ${NANO_METALOG}
        ");
    }
}
