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
        boot_state: None,
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
fn a_disk_without_a_boot_state_is_no_problem_and_one_that_is_lost_is() {
    let mut fake = Fake::healthy();
    fake.boot_state = Some(None);
    let status = Status::gather(&fake);
    assert!(status.problems.is_empty() && status.boot.is_none());
    fake.boot_state = None;
    assert_eq!(Status::gather(&fake).problems, ["the boot state lacks in this test"]);
}

#[test]
fn a_trial_is_told_in_every_form() {
    let mut fake = Fake::healthy();
    let state = fake.boot_state.take().unwrap().unwrap();
    fake.boot_state = Some(Some(state.activate(Slot::First, Slot::Second, 1).unwrap()));
    insta::assert_snapshot!(render(&fake, Form::Text));
    assert!(render(&fake, Form::Line).contains("; slot 1 starts next, on trial; "));
    let json: serde_json::Value = serde_json::from_str(&render(&fake, Form::Json)).unwrap();
    assert_eq!(json["boot"]["trial"], serde_json::json!({"slot": 1, "stage": "pending"}));
}

#[test]
fn spans_are_written_to_the_second() {
    for (seconds, text) in
        [(0, "00:00:00"), (59, "00:00:59"), (86_400, "1 day 00:00:00"), (273_906, "3 days 04:05:06")]
    {
        assert_eq!(span(seconds), text);
    }
}
