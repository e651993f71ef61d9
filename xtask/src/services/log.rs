//! What an engineer should see of a compiler's log: the first error, for the others mostly follow from it.

/// Lines of it that are shown.
const SHOWN: usize = 12;

/// The first error in cargo's messages, or their end if no line is marked as one.
pub fn first_error(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let marked = |line: &&str| line.starts_with("error:") || line.starts_with("error[");
    let start = lines.iter().position(marked).unwrap_or_else(|| lines.len().saturating_sub(SHOWN));
    let shown = &lines[start..];
    let end = shown.iter().skip(1).position(marked).map_or(shown.len(), |end| end + 1).min(SHOWN);
    shown[..end].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_shown_and_no_other() {
        let log = "   Compiling a\nwarning: unused\nerror[E0425]: cannot find value `x`\n --> src/main.rs:1\n\n\
                   error: aborting due to 1 previous error\n\nerror: could not compile `a`\n";
        assert_eq!(first_error(log), "  error[E0425]: cannot find value `x`\n   --> src/main.rs:1");
    }

    #[test]
    fn without_a_marked_error_the_end_is_shown() {
        let log = (1..=30).map(|line| format!("line {line}\n")).collect::<String>();
        let shown = first_error(&log);
        assert!(shown.starts_with("  line 19\n") && shown.ends_with("  line 30"), "{shown}");
        assert_eq!(first_error(""), "");
    }

    #[test]
    fn a_long_error_is_cut() {
        let log = format!("error: linking failed\n{}", "  note\n".repeat(100));
        assert_eq!(first_error(&log).lines().count(), SHOWN);
    }
}
