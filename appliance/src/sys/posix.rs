//! What every Unix has: waiting for input, and signals.
#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// The last signal that asked the process to stop; 0 if there was none.
static STOP: AtomicI32 = AtomicI32::new(0);

/// Waits until `input` can be read without blocking, which includes its end, for at most `time` (poll(2)). Returns whether
/// it can; a signal ends the waiting early.
pub fn wait_for_input(input: &impl AsFd, time: Duration) -> Result<bool> {
    let mut poll = libc::pollfd { fd: input.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `poll` is one struct pollfd, which the kernel only uses during the call.
    match check(unsafe { libc::poll(&raw mut poll, 1, milliseconds) }) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}

/// From now on, SIGINT and SIGTERM do not end the process but are reported by [`stop_signal`], and SIGHUP is ignored
/// (sigaction(2)). A signal that was ignored before is still ignored. Rust's runtime ignores SIGPIPE already.
pub fn catch_stop_signals() -> Result<()> {
    let note: extern "C" fn(libc::c_int) = note;
    for (signal, handler) in [
        (libc::SIGINT, note as *const () as libc::sighandler_t),
        (libc::SIGTERM, note as *const () as libc::sighandler_t),
        (libc::SIGHUP, libc::SIG_IGN),
    ] {
        handle(signal, handler)?;
    }
    Ok(())
}

/// The name of the signal that asked the process to stop, if there was one.
pub fn stop_signal() -> Option<&'static str> {
    match STOP.load(Ordering::Relaxed) {
        0 => None,
        libc::SIGINT => Some("SIGINT"),
        _ => Some("SIGTERM"),
    }
}

extern "C" fn note(signal: libc::c_int) {
    STOP.store(signal, Ordering::Relaxed);
}

fn handle(signal: libc::c_int, handler: libc::sighandler_t) -> Result<()> {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the kernel only fills `before` in.
    check(unsafe { libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) })?;
    // SAFETY: all bytes were zero, which is a valid struct sigaction, and the kernel has filled it in since.
    if unsafe { before.assume_init() }.sa_sigaction == libc::SIG_IGN {
        return Ok(());
    }
    // SAFETY: all zero is a valid struct sigaction: no flags, so that a signal interrupts a read that waits.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    // SAFETY: `action` outlives both calls; the handler only stores a number in an atomic, which a signal handler may do.
    check(unsafe {
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
    .map(drop)
}

fn check(result: libc::c_int) -> Result<libc::c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}
