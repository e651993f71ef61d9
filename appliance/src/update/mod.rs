//! `sluice update`: installs another system in the slot that is not running, where it does no harm, and tries it before it
//! stays.
//!
//! [`install`] keeps the order in which nothing can be lost, [`writer`] writes the slot, [`boot_record`] loads and saves the
//! boot state. All of them work on a [`unit::Unit`], which in tests is a disk in memory that loses power. The transitions
//! of the boot state are in [`firmware::state::transition`], the format of an update in [`firmware::bundle`].

mod advice;
mod arguments;
mod boot_record;
mod change;
mod clock;
mod deadline;
mod error;
mod exit_code;
mod http;
mod install;
mod journal;
mod log;
mod payload;
mod pipe;
mod precondition;
mod progress;
mod run;
mod signature;
mod slot_version;
mod source;
mod status;
mod stock;
mod stream;
#[cfg(test)]
mod tests;
mod unit;
mod verify;
mod watch;
mod writer;

use crate::service::{Job, Service};
use exit_code::ExitCode;

/// The service.
pub const SERVICE: Service = Service {
    name: "update",
    summary: "Install an update, confirm it, or roll it back",
    usage: arguments::USAGE,
    parse: |parser| {
        let action = arguments::parse(parser, cfg!(feature = "development"))?;
        Ok(action.map(|action| -> Job { Box::new(move || Ok(run::run(&action))) }))
    },
    range: 20..=63,
    exit_codes: ExitCode::TABLE,
};
