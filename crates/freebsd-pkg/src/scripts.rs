//! Reads the scripts of packages without running them.
//!
//! A script is written for a running FreeBSD, so nothing of it runs at build time. The ports framework generates nearly all
//! scripts from a few patterns, which are recognized here and turned into [`Actions`]: accounts, copies of sample files, login
//! shells, directories. Commands that a machine with a read-only root and no screen does not need are ignored: library hints
//! are made at every start, and nobody reads font caches. Everything else is an [`UnhandledScript`].
//!
//! The patterns are those of `Mk/Scripts/do-users-groups.sh` and `Keywords/*.ucl` of the ports tree.

use anyhow::{Context, Result};

use crate::actions::{Actions, Directory, Group, Language, Membership, UnhandledScript, User};
use crate::manifest::Manifest;
use crate::shell_words;

/// The phases of an installation, in order.
const PHASES: [&str; 3] = ["pre-install", "install", "post-install"];

/// Commands that the image does not need, or that run at every start anyway.
const NOT_NEEDED: [&str; 13] = [
    "ldconfig",
    "indexinfo",
    "install-info",
    "makewhatis",
    "update-desktop-database",
    "update-mime-database",
    "gtk-update-icon-cache",
    "fc-cache",
    "mkfontscale",
    "mkfontdir",
    "texhash",
    "mktexlsr",
    "mkcatalog",
];

/// Reads the scripts of a package.
///
/// # Errors
/// A line creates an account, but its name or number is missing or malformed.
pub fn read(manifest: &Manifest) -> Result<Actions> {
    let mut actions = Actions::default();
    for phase in PHASES {
        if let Some(script) = manifest.scripts.get(phase) {
            let unknown = shell(manifest, script, &mut actions)
                .with_context(|| format!("reading its {phase} script"))?;
            actions.unhandled.extend(unknown.map(|line| UnhandledScript {
                phase: phase.to_owned(),
                language: Language::Shell,
                script: script.clone(),
                line,
            }));
        }
        for script in manifest.lua_scripts.get(phase).into_iter().flatten() {
            let unknown = lua(manifest, script, &mut actions);
            actions.unhandled.extend(unknown.map(|line| UnhandledScript {
                phase: phase.to_owned(),
                language: Language::Lua,
                script: script.clone(),
                line,
            }));
        }
    }
    Ok(actions)
}

/// Adds what a shell script does to `actions`; returns the first line that is not recognized.
fn shell(manifest: &Manifest, script: &str, actions: &mut Actions) -> Result<Option<String>> {
    let lines: Vec<&str> = script.lines().map(str::trim).collect();
    let mut unknown = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = &lines[at..];
        let keyword = if is_file_case(line) { keyword(manifest, rest, actions) } else { None };
        at += if let Some(count) = keyword {
            count
        } else if line.contains("groupshow ") || line.contains("usershow ") {
            let block = &rest[..end_of_if(rest)];
            for line in block {
                account(line, actions)?;
            }
            block.len()
        } else if line.starts_with("if ") && (line.contains("PKG_ROOTDIR") || line.contains("ldconfig")) {
            end_of_if(rest)
        } else {
            let known = account(line, actions)? || directory(line, actions)? || does_nothing(line);
            if !known && unknown.is_none() {
                unknown = Some((*line).to_owned());
            }
            1
        };
    }
    Ok(unknown)
}

/// The number of lines of the `if` at the start of `lines`, including its `fi`.
fn end_of_if(lines: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("if ") && !line.ends_with("fi") {
            depth += 1;
        } else if *line == "fi" || line.starts_with("fi ") || line.starts_with("fi;") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return index + 1;
        }
    }
    lines.len()
}

/// The keywords of a packing list that add fragments to a script. Each fragment begins with a `case` that prepends the prefix
/// to a file name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Sample,
    Shell,
    Info,
}

/// The keyword of the fragment at the start of `lines`, and the number of its lines.
fn fragment(lines: &[&str]) -> Option<(Keyword, usize)> {
    let esac = lines.iter().position(|line| *line == "esac")?;
    let next = lines[1..].iter().position(|line| is_file_case(line));
    let candidate = &lines[..next.map_or(lines.len(), |next| next + 1).max(esac + 1)];
    let with = |text: &str| candidate.iter().position(|line| line.contains(text));
    if lines[..esac].iter().any(|line| line.contains("sample_file=")) {
        let copy = with("\"${sample_file}\" \"${target_file}\"")?;
        let fi = candidate[copy..].iter().position(|line| *line == "fi")?;
        return Some((Keyword::Sample, copy + fi + 1));
    }
    if let Some(end) = with("rm -f ${PKG_ROOTDIR}/etc/shells.bak").or_else(|| with("rm -f /etc/shells.bak")) {
        return Some((Keyword::Shell, end + 1));
    }
    with("indexinfo").map(|end| (Keyword::Info, end + 1))
}

/// Whether a line is a `case` on a file name, as at the start of a fragment; the one inside `@sample` is on a variable.
fn is_file_case(line: &str) -> bool {
    line.strip_prefix("case \"").is_some_and(|rest| !rest.starts_with('$'))
}

/// Adds what the fragment at the start of `lines` does to `actions`; returns the number of its lines.
fn keyword(manifest: &Manifest, lines: &[&str], actions: &mut Actions) -> Option<usize> {
    let (keyword, count) = fragment(lines)?;
    let named = shell_words::split(lines[0].strip_prefix("case ")?).into_iter().next()?;
    match keyword {
        Keyword::Sample => {
            let set = lines[..count].iter().find_map(|line| line.strip_prefix("set -- "));
            let files = set.map_or_else(|| vec![named], shell_words::split);
            sample(manifest, &files, actions)?;
        }
        Keyword::Shell => actions.shells.push(manifest.absolute(&named)),
        Keyword::Info => {}
    }
    Some(count)
}

/// `@sample FROM [TO]`.
fn sample(manifest: &Manifest, files: &[String], actions: &mut Actions) -> Option<()> {
    let from = manifest.absolute(files.first()?);
    let to = match files.get(1) {
        Some(to) => manifest.absolute(to),
        None => from.strip_suffix(".sample")?.to_owned(),
    };
    actions.samples.push((from, to));
    Some(())
}

/// Adds `pw groupadd`, `useradd` or `groupmod` to `actions`; returns whether the line is one of them.
fn account(line: &str, actions: &mut Actions) -> Result<bool> {
    let words = shell_words::split(line);
    let (Some(program), Some(command)) = (words.first(), words.get(1)) else { return Ok(false) };
    if !matches!(program.as_str(), "${PW}" | "$PW" | "pw" | "/usr/sbin/pw") {
        return Ok(false);
    }
    let option = |letter: &str| {
        words.iter().position(|word| word == letter).and_then(|at| words.get(at + 1)).map(String::as_str)
    };
    let required = |letter: &str| option(letter).with_context(|| format!("`{line}` has no {letter}"));
    let number = |letter: &str| -> Result<u32> {
        required(letter)?.parse().with_context(|| format!("`{line}`: {letter} is not a number"))
    };
    let name = words.get(2).with_context(|| format!("`{line}` has no name"))?.clone();
    match command.as_str() {
        "groupadd" => actions.groups.push(Group { name, gid: number("-g")? }),
        "useradd" => actions.users.push(User {
            name,
            uid: number("-u")?,
            group: required("-g")?.to_owned(),
            class: option("-L").unwrap_or_default().to_owned(),
            gecos: option("-c").unwrap_or_default().to_owned(),
            home: option("-d").unwrap_or("/nonexistent").to_owned(),
            shell: option("-s").unwrap_or("/usr/sbin/nologin").to_owned(),
        }),
        "groupmod" => {
            for user in required("-m")?.split(',') {
                actions.memberships.push(Membership { group: name.clone(), user: user.to_owned() });
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Adds `install -d`, which creates home directories, to `actions`; returns whether the line is one.
fn directory(line: &str, actions: &mut Actions) -> Result<bool> {
    let words = shell_words::split(line);
    let mut rest = words.iter().map(String::as_str);
    if !matches!(rest.next(), Some("install" | "/usr/bin/install")) || !words.iter().any(|word| word == "-d")
    {
        return Ok(false);
    }
    let mut directory =
        Directory { path: String::new(), user: "root".into(), group: "wheel".into(), mode: 0o755 };
    while let Some(word) = rest.next() {
        match word {
            "-d" => {}
            "-o" => directory.user = rest.next().unwrap_or_default().to_owned(),
            "-g" => directory.group = rest.next().unwrap_or_default().to_owned(),
            "-m" => match u16::from_str_radix(rest.next().unwrap_or_default(), 8) {
                Ok(mode) => directory.mode = mode,
                Err(_) => return Ok(false),
            },
            path => path.trim_start_matches("${PKG_ROOTDIR}").clone_into(&mut directory.path),
        }
    }
    if !directory.path.starts_with('/') || directory.path.contains('$') {
        return Ok(false);
    }
    actions.directories.push(directory);
    Ok(true)
}

/// Whether a line does nothing that the image needs.
fn does_nothing(line: &str) -> bool {
    let words = shell_words::split(line);
    let Some(first) = words.first() else { return true };
    let is_assignment = words.len() == 1
        && first.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
    let tests = line.starts_with("if [ ") || line.starts_with("if test ") || line.starts_with("if which ");
    line.starts_with('#')
        || is_assignment
        || tests && line.ends_with("then")
        || matches!(first.as_str(), "echo" | "fi" | "else" | "then" | "esac" | "done" | ":" | "true" | "fi;")
        || line == "exit 0"
        || line.starts_with("set -")
        || words.iter().any(|word| NOT_NEEDED.contains(&word.rsplit('/').next().unwrap_or(word)))
}

/// Adds what a Lua script, which comes from one keyword, does to `actions`; returns its first line if it is not recognized.
fn lua(manifest: &Manifest, script: &str, actions: &mut Actions) -> Option<String> {
    let between = |before: &str, after: char| {
        let rest = &script[script.find(before)? + before.len()..];
        rest.split(after).next().map(shell_words::split).filter(|words| !words.is_empty())
    };
    let files = between("-- args: ", '\n')
        .or_else(|| between("string.gmatch(\"", '"'))
        .or_else(|| between("pkg.prefixed_path(\"", '"'))
        .unwrap_or_default();
    let recognized = if script.contains("pkg.copy(sample_file, target_file)") {
        sample(manifest, &files, actions).is_some()
    } else if script.contains("/etc/shells") && files.len() == 1 {
        actions.shells.push(manifest.absolute(&files[0]));
        true
    } else if script.contains("io.open(pkg.prefixed_path(arg[i]), \"a\")") {
        actions.empty_files.extend(files.iter().map(|file| manifest.absolute(file)));
        true
    } else {
        NOT_NEEDED.iter().any(|command| script.contains(command))
    };
    let first = || script.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--"));
    (!recognized).then(|| first().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of `do-users-groups.sh` of the ports tree for a group with a member and a user with a home directory.
    const ACCOUNTS: &str = r#"if [ -n "${PKG_ROOTDIR}" ] && [ "${PKG_ROOTDIR}" != "/" ]; then
  PW="/usr/sbin/pw -R ${PKG_ROOTDIR}"
else
  PW=/usr/sbin/pw
fi
echo "===> Creating groups."
if ! ${PW} groupshow web >/dev/null 2>&1; then
  echo "Creating group 'web' with gid '80'."
  ${PW} groupadd web -g 80
else
  echo "Using existing group 'web'."
fi
echo "===> Creating users"
if ! ${PW} usershow web >/dev/null 2>&1; then
  echo "Creating user 'web' with uid '80'."
  ${PW} useradd web -u 80 -g 80 -L daemon -c "World Wide Web Owner" -d /usr/local/www -s /usr/sbin/nologin
else
  echo "Using existing user 'web'."
fi
install -d -g web -o web /usr/local/www
if ! ${PW} groupshow mail | grep -qw web; then
  echo "Adding user 'web' to group 'mail'."
  ${PW} groupmod mail -m web
fi
"#;

    /// The fragments of `@sample`, `@shell`, `@info` and `@ldconfig` before they were in Lua.
    const KEYWORDS: &str = r#"  case "etc/a.conf.sample" in
  /*) sample_file="etc/a.conf.sample" ;;
  *) sample_file="/usr/local/etc/a.conf.sample" ;;
  esac
  target_file="${sample_file%.sample}"
  set -- etc/a.conf.sample
  if [ $# -eq 2 ]; then
      target_file=${2}
  fi
  case "${target_file}" in
  /*) target_file="${target_file}" ;;
  *) target_file="/usr/local/${target_file}" ;;
  esac
  if ! [ -f "${target_file}" ]; then
    /bin/cp -p "${sample_file}" "${target_file}"
  fi
  case "/var/b.sample" in
  /*) sample_file="/var/b.sample" ;;
  *) sample_file="/usr/local//var/b.sample" ;;
  esac
  target_file="${sample_file%.sample}"
  set -- /var/b.sample etc/b
  if [ $# -eq 2 ]; then
      target_file=${2}
  fi
  case "${target_file}" in
  /*) target_file="${target_file}" ;;
  *) target_file="/usr/local/${target_file}" ;;
  esac
  if ! [ -f "${target_file}" ]; then
    /bin/cp -p "${sample_file}" "${target_file}"
  fi
  case "bin/bash" in
  /*) file="bin/bash" ;;
  *) file="/usr/local/bin/bash" ;;
  esac
        cp ${PKG_ROOTDIR}/etc/shells ${PKG_ROOTDIR}/etc/shells.bak
        (grep -v "^${file}$" ${PKG_ROOTDIR}/etc/shells.bak; echo ${file}) > ${PKG_ROOTDIR}/etc/shells
        rm -f ${PKG_ROOTDIR}/etc/shells.bak
  case "share/info/x.info" in
  /*) file="share/info/x.info" ;;
   *) file="/usr/local/share/info/x.info" ;;
  esac
  indexinfo ${PKG_ROOTDIR}${file%/*}
	if ! /usr/sbin/service ldconfig restart >/dev/null; then
		if [ -z "${INSTALL_AS_USER}" ]; then
			exit 1
		fi
	fi
/sbin/ldconfig -m /usr/local/lib
"#;

    fn manifest(phase: &str, script: &str) -> Manifest {
        let mut manifest = Manifest { prefix: "/usr/local".into(), ..Manifest::default() };
        manifest.scripts.insert(phase.into(), script.into());
        manifest
    }

    #[test]
    fn accounts_of_the_ports_framework_are_read() {
        let actions = read(&manifest("pre-install", ACCOUNTS)).unwrap();
        insta::assert_debug_snapshot!(actions);
        let error = read(&manifest("pre-install", "pw useradd x -u many -g 1\n")).unwrap_err();
        assert_eq!(
            format!("{:#}", error.context("package x")),
            "package x: reading its pre-install script: `pw useradd x -u many -g 1`: -u is not a number: invalid digit found in string"
        );
    }

    #[test]
    fn keywords_in_shell_are_read_one_after_another() {
        let actions = read(&manifest("post-install", KEYWORDS)).unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            actions.samples,
            [
                pair("/usr/local/etc/a.conf.sample", "/usr/local/etc/a.conf"),
                pair("/var/b.sample", "/usr/local/etc/b")
            ]
        );
        assert_eq!(actions.shells, ["/usr/local/bin/bash"]);
        assert_eq!(actions.unhandled, []);
    }

    #[test]
    fn keywords_in_lua_are_read() {
        let mut package = manifest("install", "");
        let scripts = [
            "-- args: etc/c.conf.sample\n  pkg.copy(sample_file, target_file)\n",
            "-- args: etc/d.sample etc/e\n  pkg.copy(sample_file, target_file)\n",
            "  args = {}\n  for arg in string.gmatch(\"etc/f.sample\", \"%S+\") do\n  pkg.copy(sample_file, target_file)",
            "  sample_file = pkg.prefixed_path(\"etc/g.sample\")\n  pkg.copy(sample_file, target_file)",
            "-- args: bin/zsh\n shells_path = \"/etc/shells\"\n",
            "-- args: /var/db/x\n\tfor i=1, #arg do\n\t\tassert(io.open(pkg.prefixed_path(arg[i]), \"a\"):close())\n",
            "-- args: share/fonts\n pkg.exec({\"mkfontscale\", \"x\"})\n",
            "-- args: x\n\n  os.execute(\"rm -rf /\")\n",
        ];
        package.lua_scripts.insert("post-install".into(), scripts.map(str::to_owned).to_vec());
        let actions = read(&package).unwrap();
        let targets: Vec<_> =
            actions.samples.iter().map(|(_, to)| to.trim_start_matches("/usr/local/etc/")).collect();
        assert_eq!(targets, ["c.conf", "e", "f", "g"]);
        assert_eq!(
            (actions.shells[0].as_str(), actions.empty_files[0].as_str()),
            ("/usr/local/bin/zsh", "/var/db/x")
        );
        assert_eq!(
            (actions.unhandled.len(), actions.unhandled[0].line.as_str()),
            (1, "os.execute(\"rm -rf /\")")
        );
    }

    #[test]
    fn what_is_not_recognized_is_reported_with_its_first_line() {
        for (script, line) in [
            ("echo hi\n/usr/local/bin/rebuild-it\n", "/usr/local/bin/rebuild-it"),
            ("if [ -x /x ]; then\n  chmod 4755 /x\nfi\n", "chmod 4755 /x"),
            ("case \"a\" in\n*) rm b ;;\nesac\n", "case \"a\" in"),
            ("install -d $HOME/x\n", "install -d $HOME/x"),
            ("pw lock root\n", "pw lock root"),
        ] {
            let unhandled = read(&manifest("post-install", script)).unwrap().unhandled;
            assert_eq!(
                unhandled.iter().map(|script| script.line.as_str()).collect::<Vec<_>>(),
                [line],
                "{script}"
            );
        }
        let deinstall = read(&manifest("pre-deinstall", "rm -rf /\n")).unwrap();
        assert_eq!(deinstall, Actions::default(), "packages are never removed from a running system");
    }
}
