//! Reads a nanobsd.conf statement by statement, in the order in which the shell would run them. Nothing is run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::conditional::{What, conditionals};
use super::configuration::{Call, Configuration, FLASH_DEVICE, Function, GEOMETRY, Variable};
use super::conversion::file_name;
use super::copy::without_carriage_returns;
use super::location::Location;
use super::name::assignment;
use super::quote::{first_line, shell_word};
use super::report::Report;
use super::request::{Product, differs_in_hooks};
use super::stage::Stage;
use super::statement::{Shape, Statement, statements};
use super::token::line;
use super::value::Value;
use super::word::expand;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Looks like a blank, but is a letter to the shell.
const NO_BREAK_SPACE: char = '\u{a0}';

/// Reads the configuration in `path` and the files that it reads with `.`; statements that only a shell could carry out are
/// entered in `report`.
///
/// # Errors
/// A file cannot be read, or has unterminated quotes.
pub fn read(path: &Path, product: &dyn Product, report: &mut Report) -> Result<Configuration> {
    let configuration = Configuration::default();
    let mut reader = Reader { product, report, configuration, open: Vec::new(), count: 0 };
    reader.file(path, None)?;
    Ok(reader.configuration)
}

struct Reader<'r> {
    product: &'r dyn Product,
    report: &'r mut Report,
    configuration: Configuration,
    /// The files that are being read, the innermost last.
    open: Vec<PathBuf>,
    /// The number of files read so far.
    count: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, name: Option<String>) -> Result<()> {
        let attempt = || format!("reading the configuration {}", path.display());
        let bytes = fs::read(path).with_context(attempt)?;
        let shown = name.clone().unwrap_or_else(|| file_name(path));
        let marked = bytes.strip_prefix(BYTE_ORDER_MARK);
        if marked.is_some() {
            self.report.general(format!("{shown}: the byte order mark at its beginning is removed"));
        }
        let bytes = marked.unwrap_or(&bytes);
        let unix = without_carriage_returns(bytes);
        if unix.len() < bytes.len() {
            self.report.without_carriage_returns(&shown);
        }
        // Old comments are often Latin 1.
        let text = String::from_utf8(unix)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
        ensure!(
            !text.contains('\0'),
            "{}: not a text file\nhint: give the path of a nanobsd.conf",
            attempt()
        );
        let pasted = text.lines().filter(|line| line.contains(NO_BREAK_SPACE)).count();
        let text = text.replace(NO_BREAK_SPACE, " ");
        if pasted > 0 {
            self.report.general(format!(
                "{shown}: {pasted} lines contain no-break spaces, as text copied from a web page does; they are read as blanks"
            ));
        }
        let order = self.count;
        self.count += 1;
        self.open.push(path.canonicalize().with_context(attempt)?);
        let statements = match statements(&text) {
            Ok(statements) => statements,
            Err(fault) => bail!(
                "{}, line {}: {}\nhint: close it; `sh -n {}` shows errors of this kind",
                attempt(),
                line(&text, fault.at),
                fault.what,
                shell_word(&path.display().to_string())
            ),
        };
        for statement in statements {
            let location =
                Location { order, file: name.clone(), first: statement.first, last: statement.last };
            self.statement(&statement, location)?;
        }
        self.open.pop();
        Ok(())
    }

    fn statement(&mut self, statement: &Statement<'_>, location: Location) -> Result<()> {
        match &statement.shape {
            Shape::Assignments(assignments) => {
                for (name, word) in assignments {
                    let value = self.expand(word);
                    self.set(name, value, &location);
                }
            }
            Shape::Export(names) => {
                for (name, word) in names {
                    match word {
                        Some(word) => {
                            let value = self.expand(word);
                            self.set(name, value, &location);
                        }
                        None => {
                            let command = statement.text.split_whitespace().next().unwrap_or_default();
                            self.report.carried(&location, format!("`{command} {name}`: as {name}"));
                        }
                    }
                }
            }
            Shape::Function { name, missing } => {
                self.function(name, statement.text, missing.as_deref(), location);
            }
            Shape::Command(words) => self.command(words, statement.text, &location)?,
            Shape::Other(why) => self.other(statement.text, statement.text, why, &location),
        }
        Ok(())
    }

    fn expand(&mut self, word: &str) -> Result<Value, String> {
        let (product, configuration) = (self.product, &self.configuration);
        let mut used = Vec::new();
        let value = expand(word, &mut |name| {
            if configuration.variables.contains_key(name) {
                used.push(name.to_owned());
            }
            configuration.lookup(name, &|name| differs_in_hooks(product, name))
        });
        self.configuration.used.extend(used);
        value
    }

    fn set(&mut self, name: &str, value: Result<Value, String>, location: &Location) {
        let variable = Variable { value, location: location.clone() };
        if let Some(previous) = self.configuration.variables.insert(name.to_owned(), variable) {
            self.report.carried(&previous.location, format!("`{name}`: set again on {location}"));
        }
        let Some(stage) = Stage::of_variable(name) else { return };
        let Some(value) = self.configuration.plain(name) else { return };
        // Functions registered before are in the value, or are removed on purpose.
        let mut previous: Vec<Call> =
            self.configuration.calls.extract_if(.., |call| call.stage == stage).collect();
        for word in value.split_whitespace() {
            let location = match previous.iter().position(|call| call.name == word) {
                Some(index) => previous.remove(index).location,
                None => location.clone(),
            };
            self.configuration.calls.push(Call { stage, name: word.to_owned(), location });
        }
        for call in previous {
            self.report.carried(&call.location, format!("`{}`: removed again on {location}", call.name));
        }
        self.report.carried(location, format!("`{name}`: the functions that it lists"));
    }

    fn function(&mut self, name: &str, text: &str, missing: Option<&str>, location: Location) {
        let mut text = text.to_owned();
        if let Some(missing) = missing {
            self.report.noted(
                &location,
                format!(
                    "the function {name} is not closed: `{}` is missing; it is read as ending with {}",
                    missing.replace('\n', " "),
                    location.line(location.last - location.first)
                ),
            );
            if text.ends_with(['>', '|', '&']) {
                self.report.noted(
                    &location,
                    format!("the last command of {name} is incomplete\nhint: complete it in the hook"),
                );
            }
            text = format!("{text}\n{missing}");
        }
        let function = Function { text, location: location.clone() };
        if let Some(previous) = self.configuration.functions.insert(name.to_owned(), function) {
            self.report.left(
                &previous.location,
                format!("the function {name} is defined again on {location}, which is used"),
            );
        }
    }

    fn command(&mut self, words: &[&str], whole: &str, location: &Location) -> Result<()> {
        let text = &first_line(whole);
        if let Some(stage) = Stage::of_command(words[0]) {
            self.register(stage, &words[1..], text, location);
            return Ok(());
        }
        match words[0] {
            "FlashDevice" | "UsbDevice" => self.device(words, text, location),
            "." => return self.include(words, text, location),
            "unset" => {
                for name in &words[1..] {
                    if let Some(previous) = self.configuration.variables.remove(*name) {
                        self.report.carried(&previous.location, format!("`{name}`: unset on {location}"));
                    }
                }
                self.report.carried(location, format!("`{text}`"));
            }
            "set" | ":" | "true" if words[1..].iter().all(|word| *word == "-e") => {
                self.report.carried(location, format!("`{text}`: hooks end at the first command that fails"));
            }
            name => match self.configuration.functions.get(name) {
                Some(function) => {
                    let why = format!("it calls the function {name}, and commands are not run");
                    let effects = function.text.clone();
                    self.other(whole, &effects, &why, location);
                }
                None => self.other(whole, whole, "commands are not run", location),
            },
        }
        Ok(())
    }

    /// `customize_cmd NAME ...` and its variants.
    fn register(&mut self, stage: Stage, words: &[&str], text: &str, location: &Location) {
        for word in words {
            match self.expand(word).and_then(|names| names.plain()) {
                Ok(names) => {
                    for name in names.split_whitespace() {
                        let call = Call { stage, name: name.to_owned(), location: location.clone() };
                        self.configuration.calls.push(call);
                    }
                }
                Err(why) => self.report.left(location, format!("`{text}`: {why}")),
            }
        }
    }

    /// `FlashDevice VENDOR SIZE` and `UsbDevice KIND MEGABYTES`.
    fn device(&mut self, words: &[&str], text: &str, location: &Location) {
        let values: Result<Vec<String>, String> =
            words[1..].iter().map(|word| self.expand(word)?.plain()).collect();
        let values = match values.map(|values| values.join(" ")) {
            Ok(values) if values.split_whitespace().count() == 2 => values,
            Ok(_) => {
                return self.report.left(location, format!("`{text}`: it needs two words, vendor and size"));
            }
            Err(why) => return self.report.left(location, format!("`{text}`: {why}")),
        };
        for name in GEOMETRY.into_iter().chain([FLASH_DEVICE]) {
            if let Some(previous) = self.configuration.variables.remove(name) {
                self.report.carried(&previous.location, format!("`{name}`: set again on {location}"));
            }
        }
        if words[0] == FLASH_DEVICE {
            return self.set(FLASH_DEVICE, Ok(Value::from(values.as_str())), location);
        }
        let (kind, megabytes) = values.split_once(' ').unwrap_or_default();
        let geometry = match kind.to_lowercase().as_str() {
            "generic" | "generic-hdd" => Some((63, 255)),
            "generic-fdd" => Some((32, 64)),
            _ => None,
        };
        let size = megabytes.trim().parse::<u64>().ok().and_then(|size| size.checked_mul(1_000_000));
        let Some(((sectors, heads), size)) = geometry.zip(size) else {
            return self.report.left(
                location,
                format!(
                    "`{text}`: NanoBSD has generic, generic-hdd and generic-fdd, with a number of megabytes"
                ),
            );
        };
        for (name, value) in GEOMETRY.into_iter().zip([size / 512, sectors, heads]) {
            self.set(name, Ok(Value::from(value.to_string().as_str())), location);
        }
    }

    /// `. FILE`
    fn include(&mut self, words: &[&str], text: &str, location: &Location) -> Result<()> {
        let value = match words[1..] {
            [word] => self.expand(word),
            _ => Err("the name of the file is missing".to_owned()),
        };
        let (name, path) = match value.and_then(|value| self.find(&value)) {
            Ok(found) => found,
            Err(why) => {
                self.report.left(location, format!("`{text}`: {why}"));
                return Ok(());
            }
        };
        ensure!(
            !self.open.contains(&path),
            "reading `{text}` on {location}: {} is being read already, so reading would never end\nhint: remove the line",
            path.display()
        );
        self.file(&path, Some(name)).with_context(|| format!("reading `{text}` on {location}"))?;
        self.report.carried(location, format!("`{text}`: read"));
        Ok(())
    }

    /// The file to read for `value`, with its name for messages.
    fn find(&self, value: &Value) -> Result<(String, PathBuf), String> {
        // The shell looks in its working directory, usually the one of the first file.
        let directories =
            [self.open.last(), self.open.first()].into_iter().flatten().filter_map(|open| open.parent());
        let below_site = value.below_site().map(|path| path.prefix().0.trim_start_matches('/').to_owned());
        let names: Vec<String> = value.plain().into_iter().chain(below_site).collect();
        let Some(last) = names.last() else { return value.plain().map(|name| (name, PathBuf::new())) };
        let candidates =
            names.iter().flat_map(|name| directories.clone().map(move |dir| (name, dir.join(name))));
        let found =
            candidates.filter_map(|(name, path)| Some((name.clone(), path.canonicalize().ok()?))).next();
        found.ok_or_else(|| {
            format!("{last} is not in the directory of the file\nhint: put it there and convert again")
        })
    }

    /// Reports `text` as not run; `effects` is the text of what it would do.
    fn other(&mut self, text: &str, effects: &str, why: &str, location: &Location) {
        // The variables that it would set.
        let words = effects.split(|c: char| c.is_whitespace() || ";&|(){}".contains(c));
        let mut sets: Vec<&str> = Vec::new();
        for name in words.filter_map(|word| assignment(word).map(|(name, _)| name)) {
            if !sets.contains(&name) {
                sets.push(name);
            }
        }
        let mut effect = String::new();
        if !sets.is_empty() {
            effect += &format!("; it may set {}", sets.join(", "));
        }
        if effects.contains("customize_cmd") {
            effect += "; it may register functions";
        }
        if !sets.is_empty() {
            effect += "\nhint: set the right values in product.toml";
        }
        self.report.left(location, format!("`{}`: {why}{effect}", first_line(text)));
        self.conditionals(text, effects, location);
    }

    /// Reports the functions that `effects` defines or registers under a condition.
    fn conditionals(&mut self, text: &str, effects: &str, location: &Location) {
        let is_call = text != effects;
        // Of a function that is called, only the body counts.
        let effects = if is_call { effects.split_once(')').map_or("", |(_, body)| body) } else { effects };
        for mut found in conditionals(effects) {
            let at = if is_call { location.clone() } else { location.line(found.line) };
            found.condition = match (is_call, found.condition.as_str()) {
                (true, "") => format!("in `{text}`"),
                (true, condition) => format!("in `{text}`, {condition}"),
                (false, "") => "as part of a longer command".to_owned(),
                (false, condition) => condition.to_owned(),
            };
            let condition = &found.condition;
            match &found.what {
                What::Defines(name) => {
                    self.report.left(&at, format!("the function {name} is defined only {condition}"));
                    self.configuration.conditional.insert(name.clone(), (at, found.clone()));
                }
                What::Registers(command) => {
                    let note = format!(
                        "`{command}` is run only {condition}\nhint: if it applies, move it out of there and convert again"
                    );
                    self.report.left(&at, note);
                }
            }
        }
    }
}
