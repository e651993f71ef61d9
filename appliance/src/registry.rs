//! The services of this program. A new one is a module directory and a line in [`SERVICES`].

use crate::service::{Service, exit};
use crate::{status, update};

/// Every service, in the order of the help.
pub static SERVICES: &[&Service] = &[
    &status::SERVICE, //
    &update::SERVICE,
];

/// The service of this name.
pub fn find(name: &str) -> Option<&'static Service> {
    SERVICES.iter().copied().find(|service| service.name == name)
}

/// What `sluice --help` prints.
pub fn help() -> String {
    let services: String =
        SERVICES.iter().map(|service| format!("  {:<15} {}\n", service.name, service.summary)).collect();
    let common = exit::COMMON.iter().map(|(code, meaning)| format!("  {code:>5}  {meaning}\n"));
    let ranges = SERVICES.iter().filter(|service| service.has_own_exit_codes()).map(|service| {
        let range = format!("{}-{}", service.range.start(), service.range.end());
        format!("  {range:>5}  those of `{}`\n", service.name)
    });
    let codes: String = common.chain(ranges).collect();
    format!(
        "\
sluice: the services on this unit

Usage: sluice <COMMAND> [OPTIONS]

Commands:
{services}
Options:
  -V, --version   Print the product and its version
  -h, --help      Print this help

Exit codes:
{codes}
`sluice <COMMAND> --help` shows the options and all exit codes of a command.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_words() {
        for (index, service) in SERVICES.iter().enumerate() {
            assert!(!service.name.is_empty() && service.name.bytes().all(|byte| byte.is_ascii_lowercase()));
            assert!(SERVICES[..index].iter().all(|other| other.name != service.name), "{}", service.name);
            assert!(std::ptr::eq(find(service.name).unwrap(), *service));
        }
    }

    #[test]
    fn ranges_of_exit_codes_do_not_overlap() {
        for (index, service) in SERVICES.iter().enumerate() {
            let range = &service.range;
            assert!(!range.is_empty(), "{}", service.name);
            assert!(exit::COMMON.iter().all(|(code, _)| !range.contains(code)), "{}", service.name);
            for other in &SERVICES[..index] {
                let overlap = range.start() <= other.range.end() && other.range.start() <= range.end();
                assert!(!overlap, "{} and {}", service.name, other.name);
            }
        }
    }

    /// The errors of a service take their codes from the enum that the table is made of.
    #[test]
    fn every_exit_code_is_common_or_in_the_range_of_its_service() {
        for service in SERVICES {
            let codes: Vec<u8> = service.exit_codes.iter().map(|(code, _)| *code).collect();
            assert!(codes.is_sorted_by(|a, b| a < b), "{}: {codes:?}", service.name);
            for code in codes {
                let is_common = exit::COMMON.iter().any(|(common, _)| *common == code);
                let is_allowed = is_common || service.range.contains(&code);
                assert!(is_allowed, "{}: {code}", service.name);
            }
        }
    }

    #[test]
    fn help_lists_every_service() {
        insta::assert_snapshot!(help());
    }

    #[test]
    fn the_help_of_a_service_lists_every_exit_code() {
        let help: Vec<String> = SERVICES.iter().map(|service| service.help()).collect();
        assert!(help.iter().all(|help| !help.contains("dangerously")), "dangers are not advertised");
        insta::assert_snapshot!(help.join("\n"));
    }
}
