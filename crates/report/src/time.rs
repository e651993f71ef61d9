//! Times as people read them.

use std::time::{Duration, SystemTime};

/// The last second of the year 9999, after which RFC 3339 has no more dates.
const LAST: u64 = 253_402_300_799;

/// `seconds` since 1970 as RFC 3339 writes them, in UTC: `2026-11-24T17:20:15Z`. In formats of the product, 0 stands
/// for an unknown time.
pub fn time(seconds: u64) -> String {
    match seconds {
        0 => "unknown".to_owned(),
        1..=LAST => humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .to_string(),
        _ => format!("invalid time ({seconds} s)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_and_no_time_panics() {
        assert_eq!(time(1_795_540_815), "2026-11-24T17:20:15Z");
        assert_eq!(time(LAST), "9999-12-31T23:59:59Z");
        assert_eq!(time(LAST + 1), "invalid time (253402300800 s)");
        assert_eq!(time(u64::MAX), "invalid time (18446744073709551615 s)");
        assert_eq!(time(0), "unknown");
    }
}
