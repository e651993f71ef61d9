//! `sluice update log`: what happened to the unit.

use std::fmt::Write;

use firmware::history::{self, Record};
use serde_json::json;

use super::error::UpdateError;
use super::unit::Unit;

/// Reads the history, the oldest record first. Takes no lock, so it works during an update.
///
/// # Errors
/// The running slot is unknown.
pub fn read<U: Unit>(unit: &U) -> Result<Vec<Record>, UpdateError> {
    Ok(history::read(&mut unit.history()?))
}

/// One line for each record.
pub fn text(records: &[Record]) -> String {
    if records.is_empty() {
        return "the history is empty\n".to_owned();
    }
    records.iter().fold(String::new(), |mut out, record| {
        let entry = &record.entry;
        let slot = entry.slot.map_or_else(|| "-".to_owned(), |slot| format!("slot {slot}"));
        let version = entry.version.as_deref().unwrap_or("unknown version");
        let result = if entry.result == 0 { String::new() } else { format!(", exit code {}", entry.result) };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:>5}  {}  up {:>7} s  {:<13}  {slot}  {version}{result}",
            record.sequence,
            utc(entry.time),
            entry.uptime,
            entry.event
        );
        out
    })
}

/// One JSON object for each record. Fields are only ever added.
pub fn json(records: &[Record]) -> String {
    let line = |record: &Record| {
        let entry = &record.entry;
        let digest =
            entry.digest.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        json!({
            "sequence": record.sequence,
            "time": entry.time,
            "uptime": entry.uptime,
            "event": entry.event,
            "slot": entry.slot,
            "version": entry.version,
            "digest": digest,
            "result": entry.result,
        })
    };
    records.iter().map(|record| format!("{}\n", line(record))).collect()
}

/// A time in seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`.
fn utc(time: u64) -> String {
    const DAY: u64 = 86_400;
    let (year, month, day) = date(time / DAY);
    let second = time % DAY;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Counts in eras of 400 years from 1 March 0000.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (2_147_483_647, "2038-01-19T03:14:07Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(time), text);
        }
    }
}
