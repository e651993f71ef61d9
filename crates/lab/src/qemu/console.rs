//! The serial console of a running machine, for scripts: wait for text, send text, and log everything.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Lines of the transcript in an error message.
const TAIL_LINES: usize = 20;

/// What the machine has sent so far.
#[derive(Default)]
struct Transcript {
    bytes: Vec<u8>,
    /// The machine has ended.
    closed: bool,
}

/// The transcript, shared with the thread that reads.
#[derive(Default)]
struct Shared {
    transcript: Mutex<Transcript>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Transcript> {
        // A reader that panicked leaves bytes that are still good.
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A serial console. [`Console::expect`] does not find the same text twice.
pub struct Console {
    shared: Arc<Shared>,
    input: ChildStdin,
    log: PathBuf,
    /// The offset in the transcript where the next search begins.
    cursor: usize,
    reader: Option<JoinHandle<()>>,
}

impl Console {
    /// The console of a machine with this input and output, which is logged to the file `log`.
    ///
    /// # Errors
    /// The log cannot be created.
    pub fn new(input: ChildStdin, mut output: ChildStdout, log: &Path) -> Result<Self> {
        let mut file = File::create(log).with_context(|| format!("making the log {}", log.display()))?;
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                // The transcript in memory is authoritative; a full disk must not stop the machine.
                let _ = file.write_all(&buffer[..count]);
                theirs.lock().bytes.extend_from_slice(&buffer[..count]);
                theirs.changed.notify_all();
            }
            theirs.lock().closed = true;
            theirs.changed.notify_all();
        });
        Ok(Self { shared, input, log: log.to_owned(), cursor: 0, reader: Some(reader) })
    }

    /// Waits until the machine has sent `pattern`, and returns what it sent up to the end of it.
    ///
    /// # Errors
    /// It does not appear in time, or the machine ends; the message has the last lines.
    pub fn expect(&mut self, pattern: &str, timeout: Duration) -> Result<String> {
        self.expect_any(&[pattern], timeout).map(|(_, text)| text)
    }

    /// Waits for the first of several patterns, and returns its index, too.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn expect_any(&mut self, patterns: &[&str], timeout: Duration) -> Result<(usize, String)> {
        let wanted = || patterns.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" or ");
        let found = self.wait(timeout, |unread| {
            patterns
                .iter()
                .enumerate()
                .filter_map(|(index, pattern)| {
                    Some((find(unread, pattern.as_bytes())? + pattern.len(), index))
                })
                .min()
        });
        match found {
            Some(found) => Ok(found),
            None => bail!("waiting {}", self.complaint(&wanted(), timeout)),
        }
    }

    /// Waits for a complete line that contains `pattern`, and returns it without its newline.
    ///
    /// # Errors
    /// As [`Console::expect`].
    pub fn expect_line(&mut self, pattern: &str, timeout: Duration) -> Result<String> {
        let found = self.wait(timeout, |unread| {
            let at = find(unread, pattern.as_bytes())?;
            let end = at + unread[at..].iter().position(|&byte| byte == b'\n')?;
            Some((end + 1, ()))
        });
        match found {
            Some(((), text)) => Ok(text.trim_end().rsplit('\n').next().unwrap_or_default().to_owned()),
            None => bail!("waiting {}", self.complaint(&format!("a line with `{pattern}`"), timeout)),
        }
    }

    /// Types `text`. A line to a shell ends with `\r`, as the Enter key does.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.send_bytes(text.as_bytes())
    }

    /// Sends bytes as they are, such as the noise of a bad line.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.input.write_all(bytes).and_then(|()| self.input.flush());
        sent.with_context(|| format!("sending {bytes:?} to the console; transcript: {}", self.log.display()))
    }

    /// Everything that the machine has sent so far.
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().bytes).into_owned()
    }

    /// Waits until the machine has ended; returns whether it has.
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        let guard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(guard, timeout, |transcript| !transcript.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Waits until all output of a machine that has ended is in the log.
    pub fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join(); // it owns nothing that could be lost by its panic
        }
    }

    /// Calls `look` with the unread text until it returns the end of a match.
    fn wait<T>(
        &mut self,
        timeout: Duration,
        look: impl Fn(&[u8]) -> Option<(usize, T)>,
    ) -> Option<(T, String)> {
        let deadline = Instant::now() + timeout;
        let mut transcript = self.shared.lock();
        loop {
            let unread = &transcript.bytes[self.cursor..];
            if let Some((end, what)) = look(unread) {
                let text = String::from_utf8_lossy(&unread[..end]).into_owned();
                self.cursor += end;
                return Some((what, text));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if transcript.closed || left.is_zero() {
                return None;
            }
            let waited = self.shared.changed.wait_timeout(transcript, left);
            transcript = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn complaint(&self, wanted: &str, timeout: Duration) -> String {
        let transcript = self.shared.lock();
        let why = if transcript.closed {
            "the machine ended".to_owned()
        } else {
            format!("not seen within {:.1} s", timeout.as_secs_f64())
        };
        let text = String::from_utf8_lossy(&transcript.bytes);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
        format!("for {wanted} on the console: {why}; transcript: {}, its end:\n  {tail}", self.log.display())
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len().max(1)).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// `cat` as the machine: it sends what is typed.
    fn echo(log: &Path) -> (Child, Console) {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let console = Console::new(input, output, log).unwrap();
        (child, console)
    }

    #[test]
    fn what_was_found_is_not_found_again() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let (mut child, mut console) = echo(log.path());
        console.send("slot 1\r\nlogin: slot 2\r\n").unwrap();
        assert_eq!(console.expect_any(&["login:", "slot"], SOON).unwrap(), (1, "slot".to_owned()));
        assert_eq!(console.expect_line("slot", SOON).unwrap(), "login: slot 2");
        assert!(console.expect("slot", Duration::ZERO).is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        console.finish();
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "slot 1\r\nlogin: slot 2\r\n");
    }

    #[test]
    fn an_error_shows_why_and_the_end_of_the_transcript() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let (mut child, mut console) = echo(log.path());
        console.send("panic: no root\r\n").unwrap();
        console.expect("root", SOON).unwrap();
        let late = console.expect("login:", Duration::from_millis(1)).unwrap_err().to_string();
        assert!(late.contains("`login:`") && late.contains("not seen within 0.0 s"), "{late}");
        child.kill().unwrap();
        child.wait().unwrap();
        let ended = console.expect("login:", SOON).unwrap_err().to_string();
        assert!(ended.contains("the machine ended") && ended.contains("panic: no root"), "{ended}");
    }
}
