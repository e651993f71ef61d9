//! `sluice update log`: what happened to the unit.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use firmware::history::{self, Record};
use serde_json::json;

use super::error::UpdateError;
use super::unit::Unit;

/// The last second of the year 9999, after which RFC 3339 has no more dates.
const LAST: u64 = 253_402_300_799;

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

/// A time in seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`. A clock that is later than all such dates shows the last.
fn utc(time: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
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
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(time), text);
        }
    }
}
