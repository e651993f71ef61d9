//! What commands print.
//!
//! Results that people or programs read go to standard output: [`result`] and [`stream`]. Everything else goes to
//! standard error: [`Reporter`] prints one line a stage, notes, warnings and errors, with a spinner on a terminal for
//! what takes long.
//!
//! The invariant: nothing here panics, and a reader that goes away never stops work. What nobody reads is dropped; a
//! command that only streams a result ends with [`is_closed`]'s error, which `main` takes for success. So no other code
//! writes to standard output or standard error; the lints `print_stdout` and `print_stderr` see to that.

mod failure;
mod output;
mod reporter;
mod size;
mod text;
mod time;

pub use anstream::ColorChoice;
pub use failure::explain;
pub use output::{is_closed, result, set_color, stream};
pub use reporter::{Reporter, Stage};
pub use size::{difference, growth, size};
pub use text::{Lines, plain};
pub use time::time;
