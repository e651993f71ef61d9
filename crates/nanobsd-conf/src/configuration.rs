//! A nanobsd.conf, read statement by statement as the shell would come by them: the values that variables have at its end,
//! the functions, and which of them are registered for which stage. Nothing is run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use builder::product::Stage;

use super::ledger::{Ledger, Place};
use super::statement::{Shape, Statement, assignment, line, statements};
use super::variables;
use super::word::{Value, expand};

/// The variable that stands for the two words behind `FlashDevice`.
pub const FLASH_DEVICE: &str = "FlashDevice";
/// What FlashDevice and UsbDevice set.
const GEOMETRY: [&str; 3] = ["NANO_MEDIASIZE", "NANO_SECTS", "NANO_HEADS"];

/// A blank to the eye, and a letter to the shell.
const NO_BREAK_SPACE: char = '\u{a0}';

/// A variable at the end of the file.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its value, or why that is not known.
    pub value: Value,
    /// Where it is set.
    pub place: Place,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its text, whole.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A function that is registered for a stage.
#[derive(Clone, Debug)]
pub struct Call {
    /// The stage.
    pub stage: Stage,
    /// The function.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// What a configuration says.
#[derive(Debug, Default)]
pub struct Configuration {
    /// The variables that it sets.
    pub variables: BTreeMap<String, Variable>,
    /// The functions that it has.
    pub functions: BTreeMap<String, Function>,
    /// What is registered, in order.
    pub calls: Vec<Call>,
    /// The variables whose values went into others.
    pub used: BTreeSet<String>,
}

/// Reads the configuration in `path`, with the files that it reads with `.`; what becomes of what only a shell could follow
/// is entered in `ledger`.
///
/// # Errors
/// A file that cannot be read, or whose quotes do not end.
pub fn read(path: &Path, ledger: &mut Ledger) -> Result<Configuration> {
    let mut reader = Reader { ledger, configuration: Configuration::default(), open: Vec::new(), count: 0 };
    reader.file(path, None)?;
    Ok(reader.configuration)
}

struct Reader<'l> {
    ledger: &'l mut Ledger,
    configuration: Configuration,
    /// The files that are being read.
    open: Vec<PathBuf>,
    /// How many have been.
    count: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, name: Option<String>) -> Result<()> {
        let attempt = || format!("reading the configuration {}", path.display());
        let bytes = fs::read(path).with_context(attempt)?;
        // Comments of those days are often Latin 1.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
        ensure!(!text.contains('\0'), "{}: it is no text; give a nanobsd.conf", attempt());
        let pasted = text.lines().filter(|line| line.contains(NO_BREAK_SPACE)).count();
        let text = text.replace(NO_BREAK_SPACE, " ");
        if pasted > 0 {
            let file = name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            self.ledger.advise(format!(
                "{file}{pasted} lines have no-break spaces, as what was copied from a page has; they are taken for blanks"
            ));
        }
        let order = self.count;
        self.count += 1;
        self.open.push(path.canonicalize().with_context(attempt)?);
        let statements = match statements(&text) {
            Ok(statements) => statements,
            Err(fault) => bail!(
                "{}, line {}: {} begins here and does not end; close it (`sh -n {}` must say nothing)",
                attempt(),
                line(&text, fault.at),
                fault.what,
                path.display()
            ),
        };
        for statement in statements {
            let place = Place { order, file: name.clone(), first: statement.first, last: statement.last };
            self.statement(&statement, place)?;
        }
        self.open.pop();
        Ok(())
    }

    fn statement(&mut self, statement: &Statement<'_>, place: Place) -> Result<()> {
        match &statement.shape {
            Shape::Assignments(assignments) => {
                for (name, word) in assignments {
                    let value = self.expand(word);
                    self.set(name, value, &place);
                }
            }
            Shape::Export(names) => {
                for (name, word) in names {
                    match word {
                        Some(word) => {
                            let value = self.expand(word);
                            self.set(name, value, &place);
                        }
                        None => self.ledger.carried(&place, format!("`export {name}`: with {name}")),
                    }
                }
            }
            Shape::Function { name, missing } => {
                self.function(name, statement.text, missing.as_deref(), place);
            }
            Shape::Command(words) => self.command(words, statement.text, place)?,
            Shape::Other(why) => self.other(statement.text, statement.text, why, &place),
        }
        Ok(())
    }

    fn expand(&mut self, word: &str) -> Value {
        let Configuration { variables, used, .. } = &mut self.configuration;
        let used = RefCell::new(used);
        expand(word, &mut |name| {
            if let Some(variable) = variables.get(name) {
                used.borrow_mut().insert(name.to_owned());
                return variable
                    .value
                    .clone()
                    .map_err(|_| format!("it takes {name}, whose value is not known"));
            }
            let default = variables::default(name).map(str::to_owned);
            default.ok_or_else(|| format!("it takes {name}, which the file does not set"))
        })
    }

    fn set(&mut self, name: &str, value: Value, place: &Place) {
        let variable = Variable { value, place: place.clone() };
        if let Some(former) = self.configuration.variables.insert(name.to_owned(), variable) {
            self.ledger.carried(&former.place, format!("`{name}`: set again on {place}"));
        }
        let stages = [
            ("NANO_EARLY_CUSTOMIZE", Stage::Early),
            ("NANO_CUSTOMIZE", Stage::Customize),
            ("NANO_LATE_CUSTOMIZE", Stage::Late),
        ];
        let Some((_, stage)) = stages.into_iter().find(|(variable, _)| *variable == name) else { return };
        let value = self.configuration.variables[name].value.clone();
        let Ok(value) = value else { return };
        // What was registered before is in the value, or was dropped on purpose.
        let mut former: Vec<Call> =
            self.configuration.calls.extract_if(.., |call| call.stage == stage).collect();
        for word in value.split_whitespace() {
            let place = match former.iter().position(|call| call.name == word) {
                Some(index) => former.remove(index).place,
                None => place.clone(),
            };
            self.configuration.calls.push(Call { stage, name: word.to_owned(), place });
        }
        for call in former {
            self.ledger.carried(&call.place, format!("`{}`: taken out again on {place}", call.name));
        }
        self.ledger.carried(place, format!("`{name}`: the functions that it names"));
    }

    fn function(&mut self, name: &str, text: &str, missing: Option<&str>, place: Place) {
        let mut text = text.to_owned();
        if let Some(missing) = missing {
            self.ledger.noted(
                &place,
                format!(
                    "the function {name} does not end: `{}` is missing; it is taken to end with {}",
                    missing.replace('\n', " "),
                    place.line(place.last - place.first)
                ),
            );
            if text.ends_with(['>', '|', '&']) {
                self.ledger
                    .noted(&place, format!("the last command of {name} is cut off: complete it in the hook"));
            }
            text = format!("{text}\n{missing}");
        }
        let function = Function { text, place: place.clone() };
        if let Some(former) = self.configuration.functions.insert(name.to_owned(), function) {
            self.ledger
                .left(&former.place, format!("the function {name} is defined again on {place}, which holds"));
        }
    }

    fn command(&mut self, words: &[&str], text: &str, place: Place) -> Result<()> {
        let stage = match words[0] {
            "early_customize_cmd" => Stage::Early,
            "customize_cmd" => Stage::Customize,
            "late_customize_cmd" => Stage::Late,
            "FlashDevice" | "UsbDevice" => {
                self.device(words, text, &place);
                return Ok(());
            }
            "." => return self.include(words, text, &place),
            "unset" => {
                for name in &words[1..] {
                    if let Some(former) = self.configuration.variables.remove(*name) {
                        self.ledger.carried(&former.place, format!("`{name}`: unset on {place}"));
                    }
                }
                self.ledger.carried(&place, format!("`{text}`"));
                return Ok(());
            }
            "set" | ":" | "true" if words[1..].iter().all(|word| *word == "-e") => {
                self.ledger.carried(&place, format!("`{text}`: hooks end at the first command that fails"));
                return Ok(());
            }
            name if self.configuration.functions.contains_key(name) => {
                let why = format!("it calls the function {name}, and nothing is run");
                let function = self.configuration.functions[name].text.clone();
                self.other(text, &function, &why, &place);
                return Ok(());
            }
            _ => {
                self.other(text, text, "it is a command, which is not run", &place);
                return Ok(());
            }
        };
        for word in &words[1..] {
            match self.expand(word) {
                Ok(names) => {
                    for name in names.split_whitespace() {
                        let call = Call { stage, name: name.to_owned(), place: place.clone() };
                        self.configuration.calls.push(call);
                    }
                }
                Err(why) => self.ledger.left(&place, format!("`{text}`: {why}")),
            }
        }
        Ok(())
    }

    /// `FlashDevice VENDOR SIZE`, `UsbDevice KIND MEGABYTES`.
    fn device(&mut self, words: &[&str], text: &str, place: &Place) {
        let values: Value = words[1..]
            .iter()
            .map(|word| self.expand(word))
            .collect::<Result<Vec<_>, _>>()
            .map(|v| v.join(" "));
        let values = match values {
            Ok(values) if values.split_whitespace().count() == 2 => values,
            Ok(_) => {
                return self.ledger.left(place, format!("`{text}`: it takes two words, vendor and size"));
            }
            Err(why) => return self.ledger.left(place, format!("`{text}`: {why}")),
        };
        for name in GEOMETRY.into_iter().chain([FLASH_DEVICE]) {
            if let Some(former) = self.configuration.variables.remove(name) {
                self.ledger.carried(&former.place, format!("`{name}`: set again on {place}"));
            }
        }
        if words[0] == FLASH_DEVICE {
            return self.set(FLASH_DEVICE, Ok(values), place);
        }
        let (kind, megabytes) = values.split_once(' ').unwrap_or_default();
        let geometry = match kind.to_lowercase().as_str() {
            "generic" | "generic-hdd" => Some((63, 255)),
            "generic-fdd" => Some((32, 64)),
            _ => None,
        };
        let size = megabytes.trim().parse::<u64>().ok().and_then(|size| size.checked_mul(1_000_000));
        let Some(((sectors, heads), size)) = geometry.zip(size) else {
            return self.ledger.left(
                place,
                format!(
                    "`{text}`: NanoBSD knows generic, generic-hdd and generic-fdd, with a number of megabytes"
                ),
            );
        };
        for (name, value) in GEOMETRY.into_iter().zip([size / 512, sectors, heads]) {
            self.set(name, Ok(value.to_string()), place);
        }
    }

    /// `. FILE`
    fn include(&mut self, words: &[&str], text: &str, place: &Place) -> Result<()> {
        let name = match words[1..] {
            [word] => self.expand(word),
            _ => Err("it names no file".to_owned()),
        };
        let name = match name {
            Ok(name) => name,
            Err(why) => {
                self.ledger.left(place, format!("`{text}`: {why}"));
                return Ok(());
            }
        };
        // The shell looks in the folder that it was started in: that of the first file, as a rule.
        let folders =
            [self.open.last(), self.open.first()].into_iter().flatten().filter_map(|open| open.parent());
        let Some(path) = folders.filter_map(|folder| folder.join(&name).canonicalize().ok()).next() else {
            let why = format!("there is no {name} beside the file; put it there and convert again");
            self.ledger.left(place, format!("`{text}`: {why}"));
            return Ok(());
        };
        ensure!(
            !self.open.contains(&path),
            "reading `{text}` on {place}: {} is being read already, so it would never end; take the line out",
            path.display()
        );
        self.file(&path, Some(name)).with_context(|| format!("reading `{text}` on {place}"))?;
        self.ledger.carried(place, format!("`{text}`: read"));
        Ok(())
    }

    /// Enters `text`, which does what is in `effects`, as not run.
    fn other(&mut self, text: &str, effects: &str, why: &str, place: &Place) {
        let shown = text.lines().next().unwrap_or_default();
        let more = if text.contains('\n') { " ..." } else { "" };
        // What would have been set or registered in it.
        let words = effects.split(|c: char| c.is_whitespace() || ";&|(){}".contains(c));
        let mut sets: Vec<&str> = Vec::new();
        for name in words.filter_map(|word| assignment(word).map(|(name, _)| name)) {
            if !sets.contains(&name) {
                sets.push(name);
            }
        }
        let mut hint = String::new();
        if !sets.is_empty() {
            hint = format!("; it may set {}, so say the right value in product.toml", sets.join(", "));
        }
        if effects.contains("customize_cmd") {
            hint += "; it may register functions, whose hooks are then missing";
        }
        self.ledger.left(place, format!("`{shown}{more}`: {why}{hint}"));
    }
}
