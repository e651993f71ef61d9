//! The machine's network: one interface on a network of QEMU's, with forwarded ports.

use std::fmt;
use std::process::Command;
use std::str::FromStr;

use builder::board;

/// A TCP port of this machine's loopback interface that is forwarded to one of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port of this machine.
    pub host: u16,
    /// The port of the guest.
    pub guest: u16,
}

impl FromStr for Forward {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ports = text.split_once(':').and_then(|(host, guest)| {
            let port = |text: &str| text.parse().ok().filter(|&port: &u16| port != 0);
            Some(Self { host: port(host)?, guest: port(guest)? })
        });
        ports.ok_or_else(|| format!("`{text}` is not HOST:GUEST with two ports, as in 2222:22"))
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.guest)
    }
}

/// Adds the options for the network.
pub fn arguments(forwards: &[Forward], command: &mut Command) {
    let forwards = forwards
        .iter()
        .map(|Forward { host, guest }| format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"))
        .collect::<String>();
    command.arg("-netdev").arg(format!("user,id=net0{forwards}"));
    command.arg("-device").arg(format!("{},netdev=net0", board::DEFAULT.machine.network));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_two_ports() {
        assert_eq!("2222:22".parse(), Ok(Forward { host: 2222, guest: 22 }));
        for wrong in ["2222", "2222:", "0:22", "70000:22", "ssh:22", "1:2:3"] {
            let error = wrong.parse::<Forward>().unwrap_err();
            assert!(error.contains("2222:22"), "{error}");
        }
    }
}
