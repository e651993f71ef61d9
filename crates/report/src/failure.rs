//! An error as people read it: what failed and why on one line, and then the advice.

use anstyle::{AnsiColor, Style};
use anyhow::Error;

/// How a line of advice begins in the message of an error.
const HINT: &str = "\nhint: ";

const ERROR: Style = AnsiColor::Red.on_default().bold();
const ADVICE: Style = AnsiColor::Cyan.on_default().bold();

/// The message of `error` with its causes, after `error: `, and each `hint: ` on a line of its own at the end.
pub(crate) fn styled(error: &Error) -> String {
    let (what, hints) = parts(error);
    let mut text = format!("{ERROR}error:{ERROR:#} {what}");
    for hint in hints {
        text += &format!("\n{ADVICE}hint:{ADVICE:#} {hint}");
    }
    text
}

/// The message of `error` with its causes on one line, and each `hint: ` on a line of its own after it.
pub fn explain(error: &Error) -> String {
    let (what, hints) = parts(error);
    hints.into_iter().fold(what, |text, hint| text + HINT + &hint)
}

/// All causes on one line, each once even if the message before it includes it, and the hints that they contain.
fn parts(error: &Error) -> (String, Vec<String>) {
    let (mut text, mut hints) = (String::new(), Vec::new());
    for cause in error.chain() {
        let message = cause.to_string();
        let mut pieces = message.split(HINT);
        let what = pieces.next().unwrap_or_default();
        hints.extend(pieces.map(str::to_owned));
        if text.is_empty() {
            text += what;
        } else if text != what && !text.ends_with(&format!(": {what}")) {
            text += &format!(": {what}");
        }
    }
    (text, hints)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn advice_comes_last_and_no_cause_twice() {
        let io = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let cause = Err::<(), _>(io()).context(format!("reading /x: {}", io()));
        let error = cause.context("opening the world /w\nhint: install it again").unwrap_err();
        let wanted = "opening the world /w: reading /x: entity not found";
        assert_eq!(parts(&error), (wanted.to_owned(), vec!["install it again".to_owned()]));
        let error = anyhow!("no image\nhint: build one\nhint: or name one").context("burning");
        let hints = vec!["build one".to_owned(), "or name one".to_owned()];
        assert_eq!(parts(&error), ("burning: no image".to_owned(), hints));
        assert_eq!(explain(&error), "burning: no image\nhint: build one\nhint: or name one");
        assert!(anstream::adapter::strip_str(&styled(&error)).to_string().ends_with("\nhint: or name one"));
    }
}
