//! How a subcommand ends.

use std::process::ExitCode;

use report::Reporter;

/// What the subcommands return.
pub trait Outcome {
    /// The exit code of the process. An error is printed.
    fn exit_code(self, reporter: &Reporter) -> ExitCode;
}

impl Outcome for anyhow::Result<()> {
    fn exit_code(self, reporter: &Reporter) -> ExitCode {
        match self {
            Err(error) if !report::is_closed(&error) => {
                reporter.error(&error);
                ExitCode::FAILURE
            }
            // A closed standard output is not an error: its reader has seen enough.
            _ => ExitCode::SUCCESS,
        }
    }
}

impl Outcome for ExitCode {
    fn exit_code(self, _: &Reporter) -> ExitCode {
        self
    }
}
