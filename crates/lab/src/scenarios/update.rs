//! Scenarios of updates of a running FreeBSD, from the shell to the next boots.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use builder::board;
use firmware::slot::Slot;
use firmware::state::{Mark, TRIES};

use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;
const DRIVE: &str = board::DEFAULT.drive;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        Needs::Bundles,
        "update-both-ways",
        "a piped update of slot 2, confirmed, then one of slot 1",
        update_both_ways,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-panics",
        "after a new system whose kernel panics, the previous one boots",
        |unit| comes_back(unit, "panic"),
    ),
    Scenario::new(
        Needs::Bundles,
        "update-no-init",
        "after a new system without init, the previous one boots",
        |unit| comes_back(unit, "no-init"),
    ),
    Scenario::new(
        Needs::Bundles,
        "update-no-kernel",
        "after a new system without a kernel, the previous one boots",
        |unit| comes_back(unit, "no-kernel"),
    ),
    Scenario::new(
        Needs::Bundles,
        "update-unconfirmed",
        "after a new system that nobody confirms, the previous one boots",
        unconfirmed,
    ),
    Scenario::new(
        Needs::Bundles,
        "trial-deadline",
        "a new system that comes up and is not confirmed restarts into the previous one by itself",
        deadline,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-refused",
        "invalid updates are refused, and the card is unchanged",
        refused,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-rolled-back",
        "a roll-back boots the system before the update",
        rolled_back,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-figures",
        "memory, blocks written again, and time compared with NanoBSD's dd and fsck",
        figures,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-cut-install",
        "after power cuts at random moments of an install, a good slot boots",
        cut_installs,
    ),
    Scenario::new(
        Needs::Bundles,
        "update-cut-trial",
        "after power cuts at random moments of a trial, a decision or a save, a good slot boots",
        cut_trials,
    ),
];

/// Boots into `slot` and logs in.
pub(super) fn up(unit: &mut Unit<'_>, slot: Slot) -> Result<()> {
    unit.boot()?;
    unit.expect_slot(slot)?;
    unit.log_in()
}

/// Restarts from the shell; `slot` must come up.
pub(super) fn restart_into(unit: &mut Unit<'_>, slot: Slot) -> Result<()> {
    unit.type_line("reboot")?;
    unit.expect_slot(slot)?;
    unit.log_in()
}

/// Installs the bundle `name` into `slot`.
pub(super) fn install(unit: &mut Unit<'_>, name: &str, slot: Slot) -> Result<()> {
    let command = pipe_command(unit, name, slot);
    unit.ask(&command)?;
    Ok(())
}

/// The command that installs the bundle `name` into `slot`, NanoBSD's way.
fn pipe_command(unit: &Unit<'_>, name: &str, slot: Slot) -> String {
    format!("fetch -qo - {}/{name}.fw | sh /root/updatep{slot}", unit.rig.url)
}

/// The same for a release whose trial a power cut may have ended before, which counts as a failure.
pub(super) fn pipe_again(unit: &Unit<'_>, name: &str, slot: Slot) -> String {
    format!("{} --again", pipe_command(unit, name, slot))
}

fn update_both_ways(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    for (name, from, to) in [("next", ONE, TWO), ("other", TWO, ONE)] {
        // Neither a mounted /cfg nor a full /var is in the way.
        unit.ask("mount -o rw /cfg && dd if=/dev/zero of=/var/full bs=64k 2>/dev/null; true")?;
        let command = pipe_command(unit, name, to);
        unit.ask(&command)?;
        unit.ask("umount /cfg && rm /var/full")?;
        let state = unit.card.state()?.state;
        ensure!(state.default == from && state.pending() == Some(to), "after the update: {state:?}");
        check_slot(unit, to, &[name])?;
        restart_into(unit, to)?;
        let version = unit.ask("sluice --version")?;
        let expected = unit.rig.version_of(name)?;
        ensure!(version.contains(&expected), "slot {to} runs {version} and not {expected}");
        let on_trial = unit.ask("sluice update status")?;
        ensure!(on_trial.contains("trial"), "{on_trial}");
        unit.ask("sluice update confirm")?;
        restart_into(unit, to)?;
        let state = unit.card.state()?.state;
        ensure!(state.default == to && state.trial.is_none(), "after the confirmation: {state:?}");
        unit.ask("sluice update verify")?;
    }
    unit.cut_power()
}

/// Installs a system that cannot boot; the previous one must come back without help.
fn comes_back(unit: &mut Unit<'_>, name: &str) -> Result<()> {
    up(unit, ONE)?;
    let command = pipe_command(unit, name, TWO);
    unit.ask(&command)?;
    unit.type_line("reboot")?;
    let begin = Instant::now();
    // The slot on trial boots as far as it can, and the machine reboots by itself.
    unit.expect("slot 2")?;
    if name != "no-kernel" {
        ensure!(unit.started()? == TWO, "the trial did not start");
    }
    unit.expect_slot(ONE)?;
    unit.note(format!("back after {} s", begin.elapsed().as_secs()));
    let state = unit.card.state()?.state;
    ensure!(state.default == ONE && state.pending().is_none(), "{state:?}");
    unit.cut_power()?;
    unit.boots_into(ONE)
}

fn deadline(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let command = pipe_command(unit, "deadline", TWO);
    unit.ask(&command)?;
    unit.type_line("reboot")?;
    unit.expect_slot(TWO)?;
    let begin = Instant::now();
    unit.expect("Sluice boot manager")?;
    unit.note(format!("restarted {} s after the login prompt", begin.elapsed().as_secs()));
    unit.expect_slot(ONE)?;
    unit.log_in()?;
    let log = unit.ask("sluice update log")?;
    ensure!(log.contains("trial-expired"), "the history does not have the deadline: {log}");
    let status = unit.ask("sluice update status")?;
    ensure!(status.contains("fail"), "the status does not report the failed trial: {status}");
    unit.cut_power()
}

fn unconfirmed(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let command = pipe_command(unit, "next", TWO);
    unit.ask(&command)?;
    restart_into(unit, TWO)?;
    restart_into(unit, ONE)?;
    let status = unit.ask("sluice update status")?;
    ensure!(status.contains("fail"), "the status does not report the failed trial: {status}");
    unit.cut_power()
}

fn rolled_back(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let command = pipe_command(unit, "next", TWO);
    unit.ask(&command)?;
    restart_into(unit, TWO)?;
    unit.ask("sluice update confirm")?;
    unit.ask("sluice update rollback")?;
    restart_into(unit, ONE)?;
    unit.ask("sluice update activate 2")?;
    ensure!(unit.card.state()?.state.trial.is_some_and(|trial| trial.tries == TRIES), "no trial was armed");
    restart_into(unit, TWO)?;
    unit.cut_power()
}

fn refused(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let url = unit.rig.url.clone();
    let before = (unit.card.state_copies()?, unit.card.slot_digest(TWO)?);
    let fetch = format!("fetch -qo - {url}");
    let commands = [
        format!("{fetch}/next.fw | sh /root/updatep1"),
        format!("{fetch}/base.slot.img | sh /root/updatep2"),
        format!("{fetch}/next.fw | dd bs=1k count=1 2>/dev/null | sh /root/updatep2"),
        "dd if=/dev/random bs=64k count=160 2>/dev/null | sluice update install".to_owned(),
        format!("sluice update install {url}/none.fw"),
        format!("sluice update install https://{url}/next.fw"),
        format!(
            "mount -r /dev/{DRIVE}s2a /mnt; {fetch}/next.fw | sluice update install; e=$?; umount /mnt; (exit $e)"
        ),
    ];
    let mut codes = Vec::new();
    for command in commands {
        let (said, status) = unit.run(&command)?;
        ensure!(status != 0 && said.contains("sluice"), "`{command}` ended with {status}: {said}");
        codes.push(status);
    }
    ensure!(codes == [40, 21, 22, 20, 27, 64, 45], "the exit codes are {codes:?}");
    ensure!(
        (unit.card.state_copies()?, unit.card.slot_digest(TWO)?) == before,
        "a refusal wrote to the card"
    );
    unit.cut_power()
}

fn figures(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let url = unit.rig.url.clone();
    let timed = |unit: &mut Unit<'_>, command: &str| -> Result<Duration> {
        let begin = Instant::now();
        unit.ask(command)?;
        Ok(begin.elapsed())
    };
    // NanoBSD's updatep2, from the same server, with the same content.
    let dd = timed(
        unit,
        &format!(
            "dd if=/dev/zero of=/dev/{DRIVE}s2 bs=1m count=1 2>/dev/null && \
             fetch -qo - {url}/other.slot.img | dd of=/dev/{DRIVE}s2 obs=64k 2>/dev/null && fsck_ffs -n /dev/{DRIVE}s2a"
        ),
    )?;
    let install = resident(unit, &format!("fetch -qo - {url}/next.fw |"), "sluice update install", 12)?;
    // The same again, with a slot in which every block differs.
    let own = timed(unit, &format!("fetch -qo - {url}/other.fw | sh /root/updatep2"))?;
    let again = unit.ask(&format!("fetch -qo - {url}/other.fw | sh /root/updatep2"))?;
    ensure!(again.contains(": 0 blocks of 4 KiB written"), "the second install wrote: {again}");
    let log = resident(unit, "", "sluice update log", 6)?;
    let status = resident(unit, "", "sluice status", 6)?;
    unit.note(format!("resident: install {install} KB, log {log} KB, status {status} KB"));
    unit.note(format!(
        "install {:.1} s, dd + fsck {:.1} s, ratio {:.2}",
        own.as_secs_f64(),
        dd.as_secs_f64(),
        own.as_secs_f64() / dd.as_secs_f64()
    ));
    unit.cut_power()
}

/// The most kilobytes that a command has resident, of which `limit` megabytes are allowed.
fn resident(unit: &mut Unit<'_>, input: &str, command: &str, limit: u64) -> Result<u64> {
    let said = unit.ask(&format!("{input} /usr/bin/time -l {command} 2>&1"))?;
    let resident: u64 = said
        .lines()
        .find_map(|line| line.trim().strip_suffix("maximum resident set size"))
        .and_then(|number| number.trim().parse().ok())
        .with_context(|| format!("time(1) printed no memory: {said}"))?;
    ensure!(resident <= limit * 1024, "{command}: {resident} KB were resident, and {limit} MB are allowed");
    Ok(resident)
}

/// Saved to `/cfg` before the cuts, and must still be there after each.
const SAVED: &str = "lab_saved=\"kept\"";

/// Saved, too: a fixed address makes the many boots shorter.
const FIXED_ADDRESS: &str = "ifconfig_em0=\"inet 10.0.2.15/24\"\\ndevd_enable=\"NO\"";

/// Cuts the power repeatedly: `cut` gets a root shell in the given slot and waits for a random moment. After each cut,
/// the unit must boot a good slot.
fn cut_often(
    unit: &mut Unit<'_>,
    mut cut: impl FnMut(&mut Unit<'_>, &mut fastrand::Rng, Slot) -> Result<()>,
) -> Result<()> {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    unit.note(format!("seed {seed}"));
    up(unit, ONE)?;
    unit.ask(&format!(
        "printf '%b\\n' '{SAVED}' '{FIXED_ADDRESS}' > /etc/rc.conf.local && /root/save_cfg rc.conf.local"
    ))?;
    // A unit with sshd has saved its host keys; generating them takes longer than the rest of a boot.
    unit.ask("service sshd onekeygen && /root/save_sshkeys")?;
    for number in 1..=unit.rig.rounds {
        let mut once = || -> Result<()> {
            let running = match number {
                1 => ONE,
                _ => up_in_good_slot(unit)?,
            };
            cut(unit, &mut random, running)?;
            unit.cut_power()?;
            // Of the next boot: every other cut is one of a card with a write cache.
            unit.cache(number % 2 == 1);
            Ok(())
        };
        once().with_context(|| format!("cut {number} of seed {seed}"))?;
    }
    up_in_good_slot(unit)?;
    unit.cut_power()
}

/// Boots without a key, into either slot, and checks everything that must hold after a power cut.
fn up_in_good_slot(unit: &mut Unit<'_>) -> Result<Slot> {
    unit.boot()?;
    let running = unit.started()?;
    unit.expect("login: ")?;
    let state = unit.card.state()?.state;
    ensure!(state.mark(running).is_startable(), "slot {running} runs and is bad or has failed: {state:?}");
    ensure!(state.mark(state.default) == Mark::Good, "the default is marked bad: {state:?}");
    check_slot(unit, running, &["base", "next", "other"])?;
    unit.log_in()?;
    ensure!(unit.ask("cat /etc/rc.conf.local")?.contains(SAVED), "the configuration saved to /cfg is lost");
    Ok(running)
}

fn cut_installs(unit: &mut Unit<'_>) -> Result<()> {
    let (mut longest, mut armed) = (Duration::ZERO, 0);
    cut_often(unit, |unit, random, running| {
        if unit.card.state()?.state.is_on_trial(running) {
            unit.ask("sluice update confirm")?;
        }
        let target = running.other();
        if longest.is_zero() {
            let (begin, command) = (Instant::now(), pipe_again(unit, "other", target));
            unit.ask(&command)?;
            longest = begin.elapsed();
        }
        let name = *random.choice(["next", "other"].iter()).unwrap_or(&"next");
        let command = pipe_again(unit, name, target);
        unit.type_line(&command)?;
        std::thread::sleep(random_part(random, longest.mul_f64(1.1)));
        armed += u32::from(unit.card.state()?.state.pending().is_some());
        Ok(())
    })?;
    let cuts = unit.rig.rounds;
    unit.note(format!(
        "{cuts} cuts, {armed} of them after the trial was armed, every other one of a card with a write cache; an install takes {:.0} s",
        longest.as_secs_f64()
    ));
    Ok(())
}

fn cut_trials(unit: &mut Unit<'_>) -> Result<()> {
    let (mut booting, mut deciding, mut saving) = (0, 0, 0);
    cut_often(unit, |unit, random, running| {
        let target = running.other();
        if random.u8(..3) == 0 {
            unit.type_line("echo 'lab_round=\"new\"' >> /etc/rc.conf.local && /root/save_cfg rc.conf.local")?;
            std::thread::sleep(random_part(random, Duration::from_millis(2500)));
            saving += 1;
            return Ok(());
        }
        if !unit.card.state()?.state.is_on_trial(running) {
            let command = pipe_again(unit, "next", target);
            unit.ask(&command)?;
            unit.type_line("reboot")?;
            if random.bool() {
                unit.expect("Sluice boot manager")?;
                std::thread::sleep(random_part(random, Duration::from_secs(15)));
                booting += 1;
                return Ok(());
            }
            unit.expect_slot(target)?;
            unit.log_in()?;
        }
        let command = *random.choice(["confirm", "rollback", "confirm"].iter()).unwrap_or(&"confirm");
        unit.type_line(&format!("sluice update {command}"))?;
        std::thread::sleep(random_part(random, Duration::from_millis(800)));
        deciding += 1;
        Ok(())
    })?;
    unit.note(format!(
        "{booting} cuts in a trial boot, {deciding} while confirming or rolling back, {saving} while saving to /cfg"
    ));
    Ok(())
}

fn random_part(random: &mut fastrand::Rng, whole: Duration) -> Duration {
    whole.mul_f64(random.f64())
}

/// Checks that a slot holds the image of one of these bundles.
fn check_slot(unit: &Unit<'_>, slot: Slot, names: &[&str]) -> Result<()> {
    let found = unit.card.slot_digest(slot)?;
    for name in names {
        if unit.rig.digest_of(name)? == found {
            return Ok(());
        }
    }
    anyhow::bail!("slot {slot} holds neither of the expected images: {}", names.join(", "))
}
