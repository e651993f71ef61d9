//! What an engineer should see of a long log: the first error, for the others mostly follow from it.

/// Compiler calls are lines of thousands of characters; this many are shown.
const WIDTH: usize = 240;

/// The lines of `log` from the first for which `is_error` holds to before the next, at most `most`; its end when none
/// does. Each is indented.
pub fn first_error(log: &str, is_error: impl Fn(&str) -> bool, most: usize) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let start =
        lines.iter().position(|line| is_error(line)).unwrap_or_else(|| lines.len().saturating_sub(most));
    let shown = &lines[start..];
    let shown: Vec<String> = shown.iter().take(most).map(|line| format!("  {}", shorten(line))).collect();
    shown.join("\n").trim_end().to_owned()
}

/// The line, cut to what an engineer reads.
pub fn shorten(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_from_its_first_error_on() {
        let log = "cc -c x.c\nx.c:1: error: bad\n  int x\nx.c:2: error: worse\n";
        assert_eq!(first_error(log, |line| line.contains("error:"), 2), "  x.c:1: error: bad\n    int x");
    }

    #[test]
    fn without_an_error_its_end_is_shown_and_long_lines_are_cut() {
        let log = (1..=30).map(|line| format!("line {line}\n")).collect::<String>() + &"x".repeat(1000);
        let shown = first_error(&log, |_| false, 3);
        assert!(shown.starts_with("  line 29\n  line 30\n  xxx") && shown.ends_with("x..."), "{shown}");
        assert_eq!(first_error("", |_| true, 3), "");
    }
}
