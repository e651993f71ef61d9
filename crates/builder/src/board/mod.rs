//! The boards that products are built for. All that the builder and the lab know of a board is here: architecture,
//! processor, console, drive, card, compilers, and the machine that QEMU emulates for it.
//!
//! A second board is a file beside `alix.rs` with a line in [`ALL`], and a kernel configuration in `kernel/`. What only the
//! unit has to know is in its services.

mod alix;
mod definition;
mod geode_lx;

pub use definition::{Board, Console, Kernels, Machine, Media, Processor, ServiceTarget};

/// All boards.
pub const ALL: [&Board; 1] = [DEFAULT];

/// The board of a product whose definition names none, and of a virtual machine that is started without a product.
pub const DEFAULT: &Board = &alix::ALIX;

/// The board `name`.
pub fn find(name: &str) -> Option<&'static Board> {
    ALL.into_iter().find(|board| board.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_has_a_name_of_its_own_and_its_files_are_in_the_repository() {
        let root = crate::workspace::root();
        for (index, board) in ALL.into_iter().enumerate() {
            assert!(
                ALL[..index].iter().all(|other| other.name != board.name),
                "{} is there twice",
                board.name
            );
            assert_eq!(find(board.name), Some(board));
            for kernel in [board.kernels.board, board.kernels.qemu] {
                assert!(root.join("kernel").join(kernel).is_file(), "{kernel}");
            }
            let target = root.join(board.services.file);
            assert_eq!(target.file_stem().unwrap(), board.services.triple);
            assert!(target.is_file(), "{}", target.display());
        }
    }
}
