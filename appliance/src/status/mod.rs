//! `sluice status`: what runs on this unit.
//!
//! [`report`] gathers and prints the status from [`facts::Facts`], which [`machine`] reads from the running system.

mod arguments;
mod facts;
#[cfg(test)]
mod fake;
mod machine;
mod report;
#[cfg(test)]
mod tests;

use anyhow::Result;

use crate::output;
use crate::service::{Job, Service, exit_codes};
use arguments::Format;
use machine::Machine;
use report::Status;

/// The service.
pub const SERVICE: Service = Service {
    name: "status",
    summary: "Show version, slots, uptime and memory",
    usage: arguments::USAGE,
    parse: |parser| {
        let format = arguments::parse(parser)?;
        Ok(format.map(|format| -> Job { Box::new(move || run(format)) }))
    },
    range: 10..=19,
    exit_codes: ExitCode::TABLE,
};

exit_codes! {
    /// The exit codes of `sluice status`.
    pub enum ExitCode {
        Done = 0, "done";
        Incomplete = 1, "a part of the status is unknown";
        Usage = 64, "usage error";
    }
}

fn run(format: Format) -> Result<u8> {
    let status = Status::gather(&Machine);
    output::print(&status.render(format)?)?;
    let code = if status.problems.is_empty() { ExitCode::Done } else { ExitCode::Incomplete };
    Ok(code.number())
}
