//! Files that functions read from the directory of the configuration, in which nanobsd.sh is started, or from elsewhere on
//! the build host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::command::{Command, Step, steps};
use super::name::assignment;
use super::value::{Piece, Value};
use super::word::expand_prefix;

/// What a function reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files and directories that exist, from the directory of the configuration, with the first line that reads each.
    pub copies: BTreeMap<RelativePath, usize>,
    /// Those files that a shell reads.
    pub scripts: BTreeSet<RelativePath>,
    /// A path depends on the working directory.
    pub uses_working_directory: bool,
    /// Lines, from 0, with notes on paths that a hook does not find.
    pub concerns: BTreeSet<(usize, String)>,
}

/// A path from the directory of the configuration without `.`, and with `..` only at its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativePath {
    /// The number of `..` at its beginning.
    pub up: usize,
    /// The other components.
    pub names: Vec<String>,
}

impl RelativePath {
    /// The path `text`, from this one.
    fn join(&self, text: &str) -> Self {
        let mut joined = self.clone();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    if joined.names.pop().is_none() {
                        joined.up += 1;
                    }
                }
                name => joined.names.push(name.to_owned()),
            }
        }
        joined
    }

    /// Whether `other` is this path or below it.
    pub fn contains(&self, other: &Self) -> bool {
        self.up == other.up && other.names.starts_with(&self.names)
    }

    /// The path as text.
    pub fn text(&self) -> String {
        let up = std::iter::repeat_n("..", self.up);
        up.chain(self.names.iter().map(String::as_str)).collect::<Vec<_>>().join("/")
    }
}

/// The working directory of a command.
#[derive(Clone, Debug)]
enum WorkingDirectory {
    /// A path from the directory of the configuration.
    Site(RelativePath),
    /// Another one, such as the tree.
    Other,
}

/// A path that a word begins with.
enum Place {
    /// A path from the directory of the configuration, whatever the working directory is.
    Site(String),
    /// A relative path.
    Relative(String),
    /// An absolute path.
    Absolute(String),
    /// It is not known.
    Unknown,
}

/// Commands whose words are not names of files that they read.
const WRITERS: [&str; 19] = [
    "echo",
    "printf",
    "pprint",
    "test",
    "[",
    "mkdir",
    "touch",
    "rm",
    "rmdir",
    "chmod",
    "chown",
    "chgrp",
    "chflags",
    "return",
    "exit",
    "set",
    "shift",
    "tgt_touch",
    "case",
];
/// Commands whose words are names of files if they begin with `/`.
const FILE_COMMANDS: [&str; 54] = [
    ".",
    "b64decode",
    "bunzip2",
    "bzcat",
    "bzip2",
    "cat",
    "cd",
    "chflags",
    "chgrp",
    "chmod",
    "chown",
    "cmp",
    "comm",
    "cp",
    "cpio",
    "dd",
    "diff",
    "du",
    "find",
    "gunzip",
    "gzip",
    "head",
    "install",
    "join",
    "ls",
    "md5",
    "mkdir",
    "mv",
    "openssl",
    "paste",
    "patch",
    "rm",
    "rmdir",
    "rsync",
    "sh",
    "sha1",
    "sha256",
    "sha512",
    "sort",
    "stat",
    "tail",
    "tar",
    "tee",
    "touch",
    "truncate",
    "uniq",
    "unxz",
    "unzip",
    "uudecode",
    "wc",
    "xz",
    "xzcat",
    "zcat",
    "zstd",
];
/// Programs that run the file that is their first operand.
const SHELLS: [&str; 4] = [".", "bash", "ksh", "sh"];
/// Commands whose last word is the name of a file if it begins with `/` and others precede it.
const FILTERS: [&str; 5] = ["awk", "egrep", "grep", "sed", "cut"];
/// Directories of the build host that a hook may use.
const SCRATCH: [&str; 3] = ["/dev/", "/tmp/", "/var/tmp/"];

/// Finds what the function `text` reads. `lookup` returns the values of the configuration's variables, `directory` is the
/// directory of the configuration.
pub fn reads(text: &str, lookup: &dyn Fn(&str) -> Result<Value, String>, directory: &Path) -> Reads {
    let mut scan = Scan {
        lookup,
        directory,
        locals: BTreeMap::new(),
        working_directory: WorkingDirectory::Site(RelativePath::default()),
        previous: WorkingDirectory::Other,
        outer: Vec::new(),
        reads: Reads::default(),
    };
    for step in steps(text) {
        match step {
            Step::Enter => scan.outer.push(scan.working_directory.clone()),
            Step::Leave => {
                if let Some(outer) = scan.outer.pop() {
                    scan.working_directory = outer;
                }
            }
            Step::Command(command) => scan.command(&command),
        }
    }
    scan.reads
}

struct Scan<'a> {
    lookup: &'a dyn Fn(&str) -> Result<Value, String>,
    directory: &'a Path,
    /// The variables that the function has set so far, with their values as far as they are known.
    locals: BTreeMap<String, Option<Value>>,
    working_directory: WorkingDirectory,
    /// The one before the last `cd`.
    previous: WorkingDirectory,
    /// The working directories of the enclosing shells.
    outer: Vec<WorkingDirectory>,
    reads: Reads,
}

impl Scan<'_> {
    fn command(&mut self, command: &Command<'_>) {
        let line = command.line;
        for (name, value) in &command.sets {
            self.set(name, value, line);
        }
        for word in &command.reads {
            self.read(word, line, true);
        }
        for word in &command.writes {
            self.check_home(word, line);
            if let Place::Absolute(path) = self.place(word) {
                self.on_host(&path, line);
            }
        }
        let Some((name, words)) = command.words.split_first() else { return };
        match *name {
            "cd" => self.change_directory(words, line),
            "export" | "local" | "readonly" => {
                for (name, value) in words.iter().filter_map(|word| assignment(word)) {
                    self.set(name, value, line);
                }
            }
            "read" => self.locals.extend(words.iter().map(|name| ((*name).to_owned(), None))),
            "for" => {
                self.locals.extend(words.first().map(|name| ((*name).to_owned(), None)));
                for word in words.iter().skip(2) {
                    self.read(word, line, false);
                }
            }
            name => {
                // A program beside the configuration.
                if name.contains('/') {
                    let program = self.read(name, line, !matches!(self.place(name), Place::Site(_)));
                    self.reads.scripts.extend(program);
                }
                self.words(name, words, line);
            }
        }
    }

    fn words(&mut self, name: &str, words: &[&str], line: usize) {
        let operands: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
        // The last one is where these write to.
        let is_copy = ["cp", "install", "mv"].contains(&name) && operands.len() > 1;
        let is_writer = WRITERS.contains(&name);
        for (index, original) in operands.iter().enumerate() {
            let word =
                ["if=", "of="].iter().find_map(|option| original.strip_prefix(option)).unwrap_or(original);
            let is_last = index + 1 == operands.len();
            let is_target = is_writer || (is_copy && is_last);
            if !is_target {
                let path = self.read(word, line, FILE_COMMANDS.contains(&name));
                let is_script = SHELLS.contains(&name) || is_program(name, words, original);
                self.reads.scripts.extend(path.filter(|_| is_script));
            }
            if !["echo", "printf", "pprint"].contains(&name) {
                self.check_home(word, line);
            }
            let is_file =
                FILE_COMMANDS.contains(&name) || (FILTERS.contains(&name) && is_last && words.len() > 1);
            if let Place::Absolute(path) = self.place(word)
                && is_file
            {
                self.on_host(&path, line);
            }
        }
    }

    fn set(&mut self, name: &str, word: &str, line: usize) {
        if let Place::Site(_) = self.place(word) {
            self.read(word, line, false);
        }
        let (value, is_whole) = self.expand(word);
        self.locals.insert(name.to_owned(), is_whole.then_some(value));
    }

    fn expand(&self, word: &str) -> (Value, bool) {
        expand_prefix(word, &mut |name| match self.locals.get(name) {
            Some(value) => value.clone().ok_or_else(String::new),
            None if name == "OLDPWD" && self.is_previous_site() => {
                Ok(Value { pieces: vec![Piece::Site { value: Err(String::new()) }] })
            }
            None => (self.lookup)(name),
        })
    }

    /// Whether the directory before the last `cd` is that of the configuration.
    fn is_previous_site(&self) -> bool {
        matches!(&self.previous, WorkingDirectory::Site(path) if *path == RelativePath::default())
    }

    /// The path that `word` is, or begins with.
    fn place(&self, word: &str) -> Place {
        let (value, is_whole) = self.expand(word);
        let known = |value: &Value| {
            let (path, is_known) = value.prefix();
            let glob = path.find(['*', '?', '[']).filter(|_| !word.starts_with('\''));
            let is_cut = glob.is_some() || !is_whole || !is_known;
            let path = &path[..glob.unwrap_or(path.len())];
            match path.rfind('/') {
                Some(slash) if is_cut => path[..=slash].to_owned(),
                None if is_cut => String::new(),
                _ => path.to_owned(),
            }
        };
        if let Some(path) = value.below_site() {
            return Place::Site(known(&path));
        }
        let path = known(&value);
        match path.chars().next() {
            Some('/') => Place::Absolute(path),
            Some(_) => Place::Relative(path),
            None => Place::Unknown,
        }
    }

    /// Finds the file that `word` names, and returns its path. `is_certain` says that it must be the name of a file.
    fn read(&mut self, word: &str, line: usize, is_certain: bool) -> Option<RelativePath> {
        let (path, is_relative) = match (self.place(word), &self.working_directory) {
            (Place::Site(path), _) => (RelativePath::default().join(&path), false),
            (Place::Relative(path), WorkingDirectory::Site(directory)) => (directory.join(&path), true),
            _ => return None,
        };
        self.check_name(word, line);
        // Neither the directory of the configuration itself nor one that contains it is copied.
        if path.names.is_empty() {
            if is_certain {
                let note = format!(
                    "`{word}` is the directory of the configuration, which is not copied as a whole\nhint: copy the files \
                     that the hook needs"
                );
                self.reads.concerns.insert((line, note));
            }
            return None;
        }
        if self.directory.join(path.text()).symlink_metadata().is_ok() {
            self.reads.uses_working_directory |= is_relative || is_working_directory(word);
            self.reads.copies.entry(path.clone()).or_insert(line);
            return Some(path);
        }
        if !is_relative || (is_certain && word.contains('/')) {
            self.missing(word, &path, line);
        }
        None
    }

    /// Reports `$0`, which is nanobsd.sh in NanoBSD and the hook here.
    fn check_name(&mut self, word: &str, line: usize) {
        if word.contains("$0") || word.contains("${0") {
            let note = "`$0` is the hook, not nanobsd.sh\nhint: write `${NANO_TOOLS}` for the directory";
            self.reads.concerns.insert((line, note.to_owned()));
        }
    }

    /// Reports the home directory of the user who runs nanobsd.sh.
    fn check_home(&mut self, word: &str, line: usize) {
        let plain = word.replace(['"', '{', '}'], "");
        if word.starts_with("~/") || word == "~" || plain == "$HOME" || plain.starts_with("$HOME/") {
            let note = format!(
                "`{word}`: HOME of hooks is the tree, not the home directory of a user\nhint: put the files beside the \
                 configuration"
            );
            self.reads.concerns.insert((line, note));
        }
    }

    fn missing(&mut self, word: &str, path: &RelativePath, line: usize) {
        let note = format!(
            "`{word}`: {} does not exist beside the configuration, where nanobsd.sh is started\nhint: put it there and \
             convert again",
            path.text()
        );
        self.reads.concerns.insert((line, note));
    }

    fn on_host(&mut self, path: &str, line: usize) {
        if path != "/" && !SCRATCH.iter().any(|scratch| path.starts_with(scratch)) {
            let note = format!(
                "`{path}` is a path of the build host\nhint: for a file of the image, write `${{NANO_WORLDDIR}}{path}`; put \
                 other files beside the configuration"
            );
            self.reads.concerns.insert((line, note));
        }
    }

    fn change_directory(&mut self, words: &[&str], line: usize) {
        let previous = std::mem::replace(&mut self.previous, self.working_directory.clone());
        if words.last() == Some(&"-") {
            self.working_directory = previous;
            return;
        }
        let Some(word) = words.iter().rfind(|word| !word.starts_with('-')) else {
            self.working_directory = WorkingDirectory::Other;
            return;
        };
        self.check_home(word, line);
        if word.replace(['"', '{', '}'], "") == "$OLDPWD" {
            self.working_directory = previous;
            return;
        }
        let path = match (self.place(word), &self.working_directory) {
            (Place::Site(path), _) => Some((RelativePath::default().join(&path), false)),
            (Place::Relative(path), WorkingDirectory::Site(directory)) => Some((directory.join(&path), true)),
            (Place::Absolute(path), _) => {
                self.on_host(&path, line);
                None
            }
            _ => None,
        };
        self.working_directory = match path {
            Some((path, is_relative)) if self.directory.join(path.text()).is_dir() => {
                if !path.names.is_empty() {
                    self.reads.copies.entry(path.clone()).or_insert(line);
                }
                self.reads.uses_working_directory |= is_relative || is_working_directory(word);
                WorkingDirectory::Site(path)
            }
            Some((path, _)) => {
                self.missing(word, &path, line);
                WorkingDirectory::Other
            }
            None => WorkingDirectory::Other,
        };
    }
}

/// Whether `word`, one of the `words` after `name`, is a program in the language of awk(1) or sed(1).
fn is_program(name: &str, words: &[&str], word: &str) -> bool {
    ["awk", "sed"].contains(&name) && words.windows(2).any(|pair| pair == ["-f", word])
}

/// Whether `word` has the working directory in it.
fn is_working_directory(word: &str) -> bool {
    word.contains("pwd") || word.contains("PWD")
}
