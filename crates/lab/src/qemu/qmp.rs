//! QEMU's control socket, as far as scripts need it: one command at a time.
//!
//! QEMU connects to us, so that we do not have to poll for its socket. Reference: `docs/interop/
//! qmp-spec.rst` of QEMU.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// The timeout of an answer; QEMU normally answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that QEMU makes when it starts.
pub struct Monitor {
    path: PathBuf,
    connecting: Receiver<std::io::Result<UnixStream>>,
    stream: Option<BufReader<UnixStream>>,
}

impl Monitor {
    /// Listens at `path`, which must not exist.
    pub fn listen(path: &Path) -> Result<Self> {
        let context = || format!("listening at {} for QEMU", path.display());
        let listener = UnixListener::bind(path).with_context(context)?;
        let (sender, connecting) = channel();
        thread::spawn(move || {
            // The receiver may be gone if the machine ended first.
            let _ = sender.send(listener.accept().map(|(stream, _)| stream));
        });
        Ok(Self { path: path.to_owned(), connecting, stream: None })
    }

    /// Runs a command without arguments and waits for its answer.
    pub fn execute(&mut self, command: &str) -> Result<()> {
        self.execute_with(command, &Value::Object(Map::new()))
    }

    /// Runs a command with arguments, which are an object.
    pub fn execute_with(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let context = || format!("running `{command}` in QEMU");
        self.connect().with_context(context)?;
        self.request(command, arguments).with_context(context)
    }

    fn connect(&mut self) -> Result<()> {
        if self.stream.is_some() {
            return Ok(());
        }
        let stream = self.connecting.recv_timeout(PATIENCE).context("QEMU has not connected")??;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.stream = Some(BufReader::new(stream));
        self.request("qmp_capabilities", &Value::Object(Map::new()))
    }

    /// Sends a command and waits for its answer, skipping greetings and events.
    fn request(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let Some(stream) = &mut self.stream else { bail!("not connected") };
        let request = serde_json::json!({ "execute": command, "arguments": arguments });
        writeln!(stream.get_mut(), "{request}")?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                // QEMU may end before it has answered `quit`.
                return if command == "quit" { Ok(()) } else { bail!("QEMU has ended") };
            }
            let answer: Value = serde_json::from_str(&line)?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU says {error}");
            }
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // Ends the thread that still waits if QEMU never connected.
        let _ = UnixStream::connect(&self.path);
    }
}
