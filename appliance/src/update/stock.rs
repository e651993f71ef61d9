//! Cards with one of FreeBSD's boot programs: which slot starts is changed in sector 0, by FreeBSD's own programs.
//!
//! There is no boot state on such a card and no trial. What is left is to make sure that the slot that starts is
//! complete.

use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};

use super::error::UpdateError;
use super::signature;
use super::unit::Unit;
use crate::disk::{Access, StockBoot, Storage};

/// Makes `slot` start whatever happens to the other one, and reads sector 0 back. Runs no program if it does already.
///
/// `_open` is a slot that is open for writing. As long as it is, the disk cannot be opened for writing as a whole, and
/// `boot0cfg` has the kernel write sector 0: see [`StockBoot::commands`].
///
/// # Errors
/// The programs fail, or the start depends on something else afterwards.
pub fn start_only<U: Unit>(
    unit: &U,
    stock: StockBoot,
    slot: Slot,
    _open: &U::Slice,
) -> Result<StockBoot, UpdateError> {
    if stock.starts_only(slot) {
        return Ok(stock);
    }
    let results = stock.commands(slot).into_iter().map(|command| unit.run_program(&command));
    let failures: Vec<String> = results.filter_map(Result::err).collect();
    let hint = stock.typed(slot);
    let found = match unit.stock_boot() {
        Ok(Some(now)) if now.starts_only(slot) => return Ok(now),
        Ok(Some(now)) => now.to_string(),
        Ok(None) => "sector 0 has Sluice's boot program".to_owned(),
        Err(error) => error.to_string(),
    };
    let reason = match &*failures {
        [] => "nothing reported an error".to_owned(),
        failures => failures.join("; "),
    };
    Err(UpdateError::NotStarting { slot, reason, found, hint })
}

/// What is missing in a slot, if it is not complete as far as its first sectors show.
///
/// # Errors
/// The slot cannot be opened or read.
pub fn defect<U: Unit>(unit: &U, slot: Slot) -> Result<Option<&'static str>, UpdateError> {
    let failed = |error| UpdateError::SlotDevice { slot, error };
    let mut slice = unit.slice(slot, Access::Read)?;
    let mut header = [0; HEADER_BYTES];
    slice.read_at(HEADER_SECTOR, &mut header).map_err(failed)?;
    let is_armed = signature::is_armed(&mut slice).map_err(failed)?;
    Ok(match (is_armed, SlotHeader::decode(&header)) {
        (false, _) => Some("its first sector has no signature"),
        (true, Err(_)) => Some("its header is not valid"),
        (true, Ok(_)) => None,
    })
}

/// Makes `slot` start from now on.
///
/// # Errors
/// The slot is not complete, or sector 0 cannot be changed.
pub fn activate<U: Unit>(
    unit: &U,
    stock: StockBoot,
    running: Slot,
    slot: Slot,
) -> Result<StockBoot, UpdateError> {
    if let Some(defect) = defect(unit, slot)? {
        return Err(UpdateError::NotComplete { slot, defect });
    }
    // The running slot is mounted.
    let open = unit.slice(running.other(), Access::Write)?;
    start_only(unit, stock, slot, &open)
}

/// What to do next on such a card while slot `running` is running.
///
/// # Errors
/// The other slot cannot be read.
pub fn advice<U: Unit>(unit: &U, stock: &StockBoot, running: Slot) -> Result<Option<String>, UpdateError> {
    let other = running.other();
    Ok(match stock.next {
        Some(next) if next == other => Some(format!(
            "reboot to start slot {other}, or run `sluice update activate {running}` to keep the running system"
        )),
        None => Some(format!("run `sluice update activate {running}`, so that the unit starts by itself")),
        _ if !stock.starts_only(running) => Some(format!(
            "run `sluice update activate {running}`, so that the start does not depend on slot {other}"
        )),
        _ => defect(unit, other)?
            .map(|_| format!("slot {other} contains nothing that can start: install an update")),
    })
}
