//! The instruction-set gate: no program may contain an instruction that its processor does not have.
//!
//! Such a program would crash (SIGILL) on the first call of some rarely used function. The gate finds the instruction at
//! build time and reports its file, symbol and text. It reads machine code and knows no compiler: it judges what is in the
//! file, whoever made it.
//!
//! It decodes the executable sections from one symbol to the next, without following jumps. So it also sees code that is
//! never reached, or only after a test of the processor, as in OpenSSL. Such code is excused by file and symbol in a list of
//! [`Exception`]s, each with its reason. Data among the code may look like instructions, and may confuse the decoder for a
//! few instructions, until the next symbol at the latest; bytes that are not an instruction at all reveal this and are in
//! [`Report::undecoded`]. Compilers put no data there, but hand-written assembly may: [`require`], which is for programs that
//! the caller compiled, accepts neither.
//!
//! Which [`Processor`] and which files it is applied to is up to the caller.

mod elf;
mod exception;
mod gate;
mod processor;
mod report;
#[cfg(test)]
mod tests;

pub use elf::is_elf;
pub use exception::{Exception, Exceptions};
pub use gate::{inspect, require};
pub use processor::{Feature, Processor};
pub use report::{Report, Violation};
