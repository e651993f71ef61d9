//! `sluice update verify`: checks that a slot still holds what was installed.

use std::fmt;
use std::io;

use bsd_disk::units::Sectors;
use firmware::bundle::{CHUNK_SECTORS, CHUNK_SECTORS_MAX, CHUNK_SECTORS_MIN, ImageDigest};
use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};
use firmware::state::{Digest, Mark};

use super::boot_record::BootRecord;
use super::error::UpdateError;
use super::exit_code::ExitCode;
use super::signature;
use super::unit::Unit;
use crate::disk::{Access, Storage};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The slot holds what was installed.
    Intact,
    /// The slot holds something else.
    Differs,
    /// No digest is recorded: the slot is being written, or `sluice` did not write it.
    NoDigest,
}

impl Verdict {
    /// The exit code.
    pub fn code(self) -> ExitCode {
        match self {
            Self::Intact => ExitCode::Done,
            Self::Differs => ExitCode::Differs,
            Self::NoDigest => ExitCode::NoDigest,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Intact => "holds what was installed",
            Self::Differs => "does not hold what was installed",
            Self::NoDigest => "no digest is recorded for this slot",
        })
    }
}

/// Reads all of `slot` and compares it with the digest that the boot state has of it.
///
/// # Errors
/// The slot or the boot state cannot be read.
pub fn verify<U: Unit>(unit: &U, slot: Slot) -> Result<Verdict, UpdateError> {
    let record = BootRecord::open(unit)?;
    let Some(expected) = record.state().digest(slot) else { return Ok(Verdict::NoDigest) };
    // A slot that has failed is disarmed, which is no damage.
    let is_disarmed = matches!(record.state().mark(slot), Mark::Failed(_));
    let failed = |error| UpdateError::SlotDevice { slot, error };
    let mut slice = unit.slice(slot, Access::Read)?;
    let mut header = [0; HEADER_BYTES];
    slice.read_at(HEADER_SECTOR, &mut header).map_err(failed)?;
    // Only the header says how long the image is; an invalid one is not what was installed.
    let size = SlotHeader::decode(&header).map(|header| header.size).unwrap_or_default();
    if size.is_zero() || size > slice.size() {
        return Ok(Verdict::Differs);
    }
    let image = Image { size, is_disarmed };
    let mut is_intact =
        |chunks: &[u32]| image.digests(&mut slice, chunks).map(|digests| digests.contains(&expected));
    // The boot state does not say how large the chunks were, and nearly all bundles have those of the builder.
    let is_intact =
        is_intact(&[CHUNK_SECTORS]).map_err(failed)? || is_intact(&other_chunk_sizes()).map_err(failed)?;
    Ok(if is_intact { Verdict::Intact } else { Verdict::Differs })
}

/// Every size of chunks that a bundle may have, in sectors, but the builder's.
fn other_chunk_sizes() -> Vec<u32> {
    let sizes = std::iter::successors(Some(CHUNK_SECTORS_MIN), |size| Some(size * 2));
    sizes.take_while(|size| *size <= CHUNK_SECTORS_MAX).filter(|size| *size != CHUNK_SECTORS).collect()
}

/// The image in a slot.
struct Image {
    size: Sectors,
    /// Whether the signature of its first sector was cleared.
    is_disarmed: bool,
}

impl Image {
    /// Reads the image once, and returns its digest for each of these sizes of chunks, in sectors.
    fn digests(&self, slice: &mut impl Storage, chunks: &[u32]) -> io::Result<Vec<Digest>> {
        let mut digests = vec![ImageDigest::new(); chunks.len()];
        // Every size divides the largest.
        let mut buffer = vec![0; Sectors(CHUNK_SECTORS_MAX.into()).bytes() as usize];
        let mut at = Sectors::ZERO;
        while let Some(left) = self.size.checked_sub(at).filter(|left| !left.is_zero()) {
            let part = left.min(Sectors(CHUNK_SECTORS_MAX.into()));
            let raw = &mut buffer[..part.bytes() as usize];
            slice.read_at(at, raw)?;
            if self.is_disarmed && at.is_zero() {
                signature::restore(raw);
            }
            for (digest, sectors) in digests.iter_mut().zip(chunks) {
                for chunk in raw.chunks(Sectors((*sectors).into()).bytes() as usize) {
                    digest.add(chunk);
                }
            }
            at += part;
        }
        Ok(digests.into_iter().map(ImageDigest::finish).collect())
    }
}
