//! Signals: some end an installation between two chunks, and others do not end it at all.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;

use bsd_disk::units::Sectors;
use firmware::slot::Slot;
use firmware::state::Mark;

use super::bench::{Bench, Plain};
use super::bundles::{bundle, first_chunk, image};
use crate::sys;
use crate::update::exit_code::ExitCode;
use crate::update::install::{Request, install};
use crate::update::payload::Candidate;
use crate::update::progress::{Console, Observer, Phase};
use crate::update::source::Source;
use crate::update::watch::Patience;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

fn unit() -> Bench {
    Bench::new(&image("1.0.0"), &image("0.9.0"))
}

/// Sends the signal when the bundle was read up to a position.
struct Signal<'a> {
    bundle: &'a [u8],
    left: usize,
    stop: Rc<Cell<Option<&'static str>>>,
}

impl Read for Signal<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bundle.read(buffer)?;
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            self.stop.set(Some("SIGINT"));
        }
        Ok(bytes)
    }
}

#[test]
fn a_signal_ends_an_installation_between_two_chunks_wherever_it_comes() {
    let update = bundle(&image("1.1.0"));
    let chunks = first_chunk(&update);
    for at in (0..=update.len()).step_by(update.len() / 20).chain([chunks - 1, chunks + 1, update.len()]) {
        let unit = unit();
        let before = unit.copy();
        let source = Signal { bundle: &update, left: at, stop: Rc::clone(&unit.stop) };
        let error = unit.install(source).unwrap_err();
        if at <= chunks {
            assert_eq!(error.code(), ExitCode::Stopped, "{at}: {error}");
            assert_eq!(error.to_string(), "stopped by SIGINT; nothing was changed");
            assert!(unit.disk.borrow().all() == before.disk.borrow().all(), "{at}");
        } else {
            assert_eq!(error.code(), ExitCode::StoppedWriting, "{at}: {error}");
            assert_eq!(
                error.to_string(),
                "slot 2 is incomplete and marked bad, slot 1 keeps running and starts next: stopped by SIGINT\n\
                 hint: install the update again"
            );
            let state = unit.boot_state();
            assert_eq!((state.default, state.mark(TWO), state.trial), (ONE, Mark::Bad, None), "{at}");
            assert_eq!(unit.start(), Some(ONE), "{at}");
        }
        unit.stop.set(None);
        unit.install(&*update).unwrap();
        assert_eq!(unit.start(), Some(TWO), "the next one needs no help");
    }
}

/// Sends the signal when the check of the whole slot begins.
struct AtTheCheck(Rc<Cell<Option<&'static str>>>);

impl Observer for AtTheCheck {
    fn start(&mut self, _: &Candidate, _: Slot) {}
    fn progress(&mut self, phase: Phase, _: Sectors, _: Sectors) {
        if phase == Phase::Check {
            self.0.set(Some("SIGTERM"));
        }
    }
    fn warn(&mut self, _: &str) {}
}

#[test]
fn a_signal_while_the_slot_is_checked_ends_the_installation_too() {
    let unit = unit();
    let update = bundle(&image("1.1.0"));
    let mut observer = AtTheCheck(Rc::clone(&unit.stop));
    let error = install(&unit, Request::default(), || Ok(Plain(&*update)), &mut observer).unwrap_err();
    assert_eq!(error.code(), ExitCode::StoppedWriting, "{error}");
    assert!(!unit.disk.borrow().is_startable(TWO), "it was not made bootable yet");
    assert_eq!(unit.boot_state().mark(TWO), Mark::Bad);
}

/// The file in which the process below leaves the update that it is to be given.
const UPDATE: &str = "SLUICE_TEST_UPDATE";

/// The process that the tests below send signals to. It installs what it reads from standard input, and then another update.
#[test]
#[ignore = "the process of other tests"]
fn install_in_a_process_of_its_own() {
    // Its keys are its own, so nobody else can make the update.
    let Some(path) = std::env::var_os(UPDATE) else { return };
    std::fs::write(path, bundle(&image("1.1.0"))).unwrap();
    sys::catch_stop_signals().unwrap();
    let mut unit = unit();
    unit.is_process = true;
    let say = |text: &str| {
        let mut out = io::stdout();
        out.write_all(format!("\nsaid: {text}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    say("ready");
    let mut console = Console::new(false, false);
    let open = || Source::Input.open(Patience::of_unit());
    let installed = install(&unit, Request::default(), open, &mut console);
    let code = installed.map_or_else(|error| error.code(), |_| ExitCode::Done);
    say(&format!("{} {:?}", code.number(), unit.boot_state().mark(TWO)));
    unit.is_process = false;
    unit.install(&*bundle(&image("1.2.0"))).unwrap();
    say(&format!("then slot {}", unit.start().unwrap()));
}

/// Runs the process above, gives it half of an update, sends it these signals while it waits for the rest, goes away as the
/// reader of its messages, and gives it the rest. Returns what it said.
fn install_with(signals: &[&str]) -> Vec<String> {
    let update = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "update::tests::signals::install_in_a_process_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env(UPDATE, update.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(io::Result::ok)
        .filter_map(|line| Some(line.strip_prefix("said: ")?.to_owned()));
    assert_eq!(said.next().as_deref(), Some("ready"));
    let update = std::fs::read(update.path()).unwrap();
    let (half, rest) = update.split_at(update.len() / 2);
    let mut input = child.stdin.take().unwrap();
    input.write_all(half).unwrap();
    let progress = BufReader::new(child.stderr.take().unwrap()).lines().map_while(io::Result::ok);
    assert!(progress.into_iter().any(|line| line.starts_with("writing ")));
    for signal in signals {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }
    // Whoever was stopped does not read the rest.
    let _ = input.write_all(rest);
    drop(input);
    let said = said.collect();
    assert!(child.wait().unwrap().success());
    said
}

/// Whether this process, and therefore its children, ignore SIGINT, as jobs in the background of a script do.
fn is_interrupt_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
}

#[test]
fn a_session_that_is_gone_does_not_end_an_installation() {
    assert_eq!(install_with(&["HUP", "PIPE", "HUP"]), ["0 Untried", "then slot 2"]);
}

#[test]
fn a_signal_ends_a_process_cleanly_while_it_waits_for_its_source() {
    assert_eq!(install_with(&["HUP", "TERM"]), ["54 Bad", "then slot 2"]);
    // A signal that the process was started to ignore stays ignored.
    let expected = if is_interrupt_ignored() { "0 Untried" } else { "54 Bad" };
    assert_eq!(install_with(&["INT", "INT"]), [expected, "then slot 2"]);
}
