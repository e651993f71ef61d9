//! What people and programs read, as it stands.

use super::*;
use crate::device::fake::Fake;

fn render(fake: &Fake, form: Form) -> String {
    Status::gather(fake).render(form).unwrap()
}

#[test]
fn people_read_one_fact_a_line() {
    insta::assert_snapshot!(render(&Fake::healthy(), Form::Text));
}

#[test]
fn programs_read_json() {
    insta::assert_snapshot!(render(&Fake::healthy(), Form::Json));
}

#[test]
fn a_log_gets_one_line() {
    insta::assert_snapshot!(render(&Fake::healthy(), Form::Line));
}

#[test]
fn a_machine_that_tells_nothing_still_gets_a_status() {
    let nothing = Fake {
        release: None,
        root_device: None,
        loader_device: None,
        headers: [None, None],
        uptime: None,
        memory: None,
    };
    insta::assert_snapshot!(render(&nothing, Form::Text));
    assert_eq!(render(&nothing, Form::Line).lines().count(), 1);
}

#[test]
fn one_unreadable_slot_hides_nothing_else() {
    let mut fake = Fake::healthy();
    fake.headers[0] = None;
    insta::assert_snapshot!(render(&fake, Form::Text));
}

#[test]
fn the_loader_tells_the_slot_when_the_root_does_not() {
    let mut fake = Fake::healthy();
    fake.root_device = Some("/dev/ufs/somewhere");
    let status = Status::gather(&fake);
    assert_eq!((status.running_slot, status.problems.len()), (Some(Slot::Second), 0));
    fake.loader_device = None;
    let status = Status::gather(&fake);
    assert_eq!(status.running_slot, None);
    assert_eq!(status.problems, ["the root is /dev/ufs/somewhere, which is no slot"]);
}

#[test]
fn spans_are_written_to_the_second() {
    for (seconds, text) in
        [(0, "00:00:00"), (59, "00:00:59"), (86_400, "1 day 00:00:00"), (273_906, "3 days 04:05:06")]
    {
        assert_eq!(span(seconds), text);
    }
}
