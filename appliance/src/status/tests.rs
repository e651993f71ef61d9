//! The output of `sluice status`, as people and programs read it.

use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::{BootState, Failure, Mark, Trial};

use super::arguments::Format;
use super::fake::Fake;
use super::report::{Status, uptime_text};
use crate::disk::boot_sectors::boot0sio;

fn render(fake: &Fake, format: Format) -> String {
    Status::gather(fake).render(format).unwrap()
}

#[test]
fn people_read_one_fact_a_line() {
    insta::assert_snapshot!(render(&Fake::healthy(), Format::Text));
}

#[test]
fn programs_read_json() {
    insta::assert_snapshot!(render(&Fake::healthy(), Format::Json));
}

#[test]
fn a_log_gets_one_line() {
    insta::assert_snapshot!(render(&Fake::healthy(), Format::Line));
}

#[test]
fn a_status_is_shown_even_if_no_fact_is_known() {
    let nothing = Fake {
        release: None,
        root_device: None,
        loader_device: None,
        headers: [None, None],
        sector: None,
        boot_state: None,
        damaged: None,
        changing: false,
        lost_configuration: None,
        uptime: None,
        memory: None,
    };
    insta::assert_snapshot!(render(&nothing, Format::Text));
    assert_eq!(render(&nothing, Format::Line).lines().count(), 1);
}

#[test]
fn one_unreadable_slot_hides_nothing_else() {
    let mut fake = Fake::healthy();
    fake.headers[0] = None;
    insta::assert_snapshot!(render(&fake, Format::Text));
}

#[test]
fn the_loader_gives_the_slot_if_the_root_does_not() {
    let mut fake = Fake::healthy();
    fake.root_device = Some("/dev/ufs/somewhere");
    let status = Status::gather(&fake);
    assert_eq!((status.running_slot, status.problems.len()), (Some(Slot::Second), 0));
    fake.loader_device = None;
    let status = Status::gather(&fake);
    assert_eq!(status.running_slot, None);
    assert_eq!(status.problems, ["the root device is /dev/ufs/somewhere, which is not a slot"]);
}

#[test]
fn a_disk_without_a_boot_state_is_no_problem_but_a_lost_one_is() {
    let mut fake = Fake::healthy();
    fake.boot_state = Some(None);
    let status = Status::gather(&fake);
    assert!(status.problems.is_empty() && status.boot.is_none());
    fake.boot_state = None;
    assert_eq!(Status::gather(&fake).problems, ["the boot state is missing in this test"]);
}

#[test]
fn a_card_with_a_stock_boot_program_shows_what_it_starts_and_no_boot_state() {
    let mut fake = Fake { sector: Some(boot0sio(1, 2)), ..Fake::healthy() };
    insta::assert_snapshot!(render(&fake, Format::Text));
    let starts = "slot 2 starts next: ada0 has FreeBSD's boot0sio, default slice 1, active slice 2";
    assert!(render(&fake, Format::Line).contains(&format!("; {starts}; ")));
    let json: serde_json::Value = serde_json::from_str(&render(&fake, Format::Json)).unwrap();
    assert_eq!(
        json["boot_program"],
        serde_json::json!({
            "program": "boot0sio", "disk": "ada0", "default_slice": 1, "active_slices": [2], "next": 2
        })
    );
    assert_eq!(json["boot"], serde_json::json!({"default": 2, "next": 2, "trial": null}));
    // A boot state that another program left there means nothing.
    fake.boot_state = None;
    assert!(Status::gather(&fake).problems.is_empty());
    fake.sector = Some(boot0sio(3, 2));
    let status = Status::gather(&fake);
    assert!(status.boot.is_none() && status.boot_program.is_some());
    assert!(status.render(Format::Text).unwrap().contains("no slot starts by itself: "));
}

/// Slot 1 is tried next.
fn pending_trial(state: &BootState) -> BootState {
    BootState { trial: Some(Trial { slot: Slot::First, tries: 1 }), ..state.clone() }
}

#[test]
fn a_trial_appears_in_every_format() {
    let mut fake = Fake::healthy();
    let state = fake.boot_state.take().unwrap().unwrap();
    fake.boot_state = Some(Some(pending_trial(&state)));
    insta::assert_snapshot!(render(&fake, Format::Text));
    assert!(render(&fake, Format::Line).contains("; slot 1 starts next, on trial; "));
    let json: serde_json::Value = serde_json::from_str(&render(&fake, Format::Json)).unwrap();
    assert_eq!(json["boot"]["trial"], serde_json::json!({"slot": 1, "stage": "pending"}));
}

#[test]
fn damage_and_changes_under_way_are_shown() {
    let mut fake = Fake::healthy();
    fake.damaged = Some(1);
    fake.changing = true;
    fake.lost_configuration = Some("/cfg could not be read at boot");
    insta::assert_snapshot!(render(&fake, Format::Text));
    let line = render(&fake, Format::Line);
    assert!(line.contains("copy 2 of the boot state: ") && line.contains("is in progress; "), "{line}");
    assert_eq!(Status::gather(&fake).changing, Some(true));
}

#[test]
fn a_failed_trial_is_shown_with_its_reason() {
    let failed = [
        (Failure::Unconfirmed, "the trial of slot 1 failed: it was not confirmed; slot 2 starts next"),
        (Failure::RolledBack, "slot 1 was rolled back during its trial; slot 2 starts next"),
        (Failure::NeverHealthy, "slot 1 gave way, since it never reported health; slot 2 starts next"),
    ];
    for (failure, reason) in failed {
        let mut fake = Fake::healthy();
        let state = fake.boot_state.take().flatten().unwrap();
        fake.boot_state = Some(Some(BootState { marks: [Mark::Failed(failure), Mark::Good], ..state }));
        let status = render(&fake, Format::Text);
        assert!(status.contains(reason), "{status}");
    }
}

#[test]
fn revoked_keys_are_shown_if_there_are_any() {
    let mut fake = Fake::healthy();
    let state = fake.boot_state.take().unwrap().unwrap();
    assert!(!render(&Fake::healthy(), Format::Text).contains("\nkeys "));
    let revocations = Revocations { epoch: 3, keys: vec!["E7620F1842B4E81F".parse().unwrap()] };
    fake.boot_state = Some(Some(BootState { revocations, ..state }));
    let text = render(&fake, Format::Text);
    assert!(text.contains("\nkeys     epoch 3, revoked: E7620F1842B4E81F\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&render(&fake, Format::Json)).unwrap();
    assert_eq!((&json["key_epoch"], &json["revoked_keys"][0]), (&3.into(), &"E7620F1842B4E81F".into()));
}

#[test]
fn uptimes_are_shown_to_the_second() {
    for (seconds, text) in
        [(0, "00:00:00"), (59, "00:00:59"), (86_400, "1 day 00:00:00"), (273_906, "3 days 04:05:06")]
    {
        assert_eq!(uptime_text(seconds), text);
    }
}
