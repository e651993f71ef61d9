//! Bytes as people read them.

/// `bytes` as people read it: `89.3 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(3);
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{:.1} {}", bytes as f64 / f64::from(1u32 << (10 * unit)), UNITS[unit as usize])
}

/// A difference of `bytes` as people read it: `+1.2 KiB`, `-3 B`, `0 B`.
pub fn growth(bytes: i64) -> String {
    let sign = match bytes {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", size(bytes.unsigned_abs()))
}

/// How much larger `after` is than `before`, in bytes.
pub fn difference(before: u64, after: u64) -> i64 {
    i64::try_from(i128::from(after) - i128::from(before)).unwrap_or(if after > before {
        i64::MAX
    } else {
        i64::MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_sign() {
        assert_eq!(growth(difference(5, 2)), "-3 B");
        assert_eq!(growth(difference(0, 1536)), "+1.5 KiB");
        assert_eq!(growth(0), "0 B");
        assert_eq!(difference(u64::MAX, 0), i64::MIN);
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(93_637_836), "89.3 MiB");
        assert_eq!(size(3 << 30), "3.0 GiB");
    }
}
