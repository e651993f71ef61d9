//! Scenarios of the configuration that a unit saves on `/cfg`: what only FreeBSD's mount(8), fsck_ffs(8), sh(1) and login can
//! show. The scripts themselves are tested without FreeBSD in `xtask/tests/stories/saved_configuration.rs`.

use anyhow::{Result, ensure};
use firmware::slot::Slot;

use super::update::up;
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        Needs::FreeBsd,
        "cfg-unmountable",
        "after a boot without /cfg, nothing of the factory is saved over it",
        unmountable,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "cfg-damaged-file",
        "a file of /cfg that cannot be copied is reported, and nothing is saved over it",
        damaged_file,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "cfg-every-change",
        "links, modes, removed files and strange names outlive a power cut",
        every_change,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "cfg-password",
        "a password is changed on a terminal only, and outlives a power cut",
        password,
    ),
];

/// The whole partition of `/cfg`.
fn cfg(unit: &Unit<'_>) -> Result<Vec<u8>> {
    let partition = unit.card.partitions()?.cfg;
    unit.card.read(partition.start, partition.size)
}

/// Runs a command that must refuse to save, and say `reason`.
fn refuses(unit: &mut Unit<'_>, command: &str, reason: &str) -> Result<()> {
    let (said, status) = unit.run(command)?;
    ensure!(status == 1 && said.contains(reason), "`{command}` ended with {status}: {said}");
    Ok(())
}

fn unmountable(unit: &mut Unit<'_>) -> Result<()> {
    const REASON: &str = "could not be read at boot";
    up(unit, Slot::First)?;
    unit.ask("echo 'lab=\"kept\"' > /etc/rc.conf.local && /root/save_cfg rc.conf.local")?;
    unit.cut_power()?;

    // All of it: FreeBSD finds other copies of a superblock.
    let start = unit.card.partitions()?.cfg.start;
    let healthy = cfg(unit)?;
    let damaged = vec![0xa5; healthy.len()];
    unit.card.write(start, &damaged)?;
    up(unit, Slot::First)?;
    unit.ask("test ! -e /etc/rc.conf.local && grep -q 'could not be read' /var/db/cfg.incomplete")?;
    unit.ask("echo 'lab=\"factory\"' > /etc/rc.conf.local")?;
    for command in
        ["/root/save_cfg", "/root/save_cfg -a", "/root/save_cfg rc.conf.local", "/root/change_password"]
    {
        refuses(unit, command, REASON)?;
    }
    unit.cut_power()?;
    ensure!(cfg(unit)? == damaged, "something was written to /cfg");

    // The card is readable again.
    unit.card.write(start, &healthy)?;
    up(unit, Slot::First)?;
    let kept = unit.ask("cat /etc/rc.conf.local && test ! -e /var/db/cfg.incomplete && /root/save_cfg")?;
    ensure!(kept.contains("lab=\"kept\""), "the saved configuration is lost: {kept}");
    unit.cut_power()
}

fn damaged_file(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, Slot::First)?;
    // More than /etc has room for, so that rc.initdiskless copies a part only.
    unit.ask("mount /cfg && dd if=/dev/zero of=/cfg/aaa bs=64k count=4 2>/dev/null && umount /cfg")?;
    unit.ask("echo kept > /etc/zzz && /root/save_cfg zzz")?;
    // A copy of /etc that is full: the next boot's would be, had the image left as little room.
    unit.ask(
        "rm -f /etc/zzz && dd if=/dev/zero of=/etc/fill bs=64k 2>/dev/null; \
         mount -r /dev/ada0s3a /conf/default/etc && sh /conf/default/var/extract /var; umount /conf/default/etc; rm /etc/fill",
    )?;
    let marker = unit.ask("cat /var/db/cfg.incomplete")?;
    ensure!(marker.contains("aaa"), "the marker does not name the file: {marker}");
    refuses(unit, "/root/save_cfg -a", "could be copied to /etc at boot")?;
    unit.ask("/root/save_cfg -r aaa")?;
    unit.cut_power()?;
    up(unit, Slot::First)?;
    unit.ask(
        "test ! -e /var/db/cfg.incomplete && test ! -e /etc/aaa && grep kept /etc/zzz && /root/save_cfg",
    )?;
    unit.cut_power()
}

fn every_change(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, Slot::First)?;
    unit.ask("ln -sf /usr/share/misc/magic /etc/localtime && chmod 0444 /etc/rc.conf && rm /etc/phones")?;
    unit.ask(
        "mkdir -m 0700 /etc/lab && echo 1 > \"$(printf '/etc/lab/two\\nlines')\" && echo 2 > '/etc/lab/-r *'",
    )?;
    let listed = unit.ask("/root/save_cfg -l")?;
    for line in ["added    localtime", "mode     rc.conf", "removed  phones", "added    lab/two\\nlines"] {
        ensure!(listed.lines().any(|found| found == line), "`{line}` is not listed: {listed}");
    }
    unit.ask("/root/save_cfg -a")?;
    let again = unit.ask("/root/save_cfg -a")?;
    ensure!(again.trim().is_empty(), "saved twice: {again}");
    unit.cut_power()?;
    up(unit, Slot::First)?;
    let after = unit.ask("/root/save_cfg -l")?;
    // Host keys that were not saved yet are made at each start.
    let of_lab =
        |text: &str| text.lines().filter(|line| !line.contains("ssh_host")).collect::<Vec<_>>().join("\n");
    ensure!(of_lab(&after) == of_lab(&listed), "before the power cut:\n{listed}\nafter it:\n{after}");
    unit.ask("test \"$(stat -f %Lp /etc/lab)\" = 700 && test \"$(cat '/etc/lab/-r *')\" = 2")?;
    // Nobody reads: /cfg must not stay mounted.
    unit.ask("echo 3 > /etc/lab/a && echo 3 > /etc/lab/b && sh -c '/root/save_cfg -a | true'; sleep 2; ! mount -p | grep -q /cfg")?;
    unit.cut_power()
}

fn password(unit: &mut Unit<'_>) -> Result<()> {
    const PASSWORD: &str = "a \\good one";
    up(unit, Slot::First)?;
    let before = unit.ask("cat /etc/master.passwd")?;
    refuses(unit, "/root/change_password < /dev/null", "asked for on a terminal")?;
    refuses(unit, "echo x | /root/change_password", "asked for on a terminal")?;
    ensure!(unit.ask("cat /etc/master.passwd")? == before, "the password was changed without a terminal");
    unit.type_line("/root/change_password; echo ended=$?")?;
    for prompt in ["New password of root: ", "The same again: "] {
        unit.expect(prompt)?;
        unit.type_line(PASSWORD)?;
    }
    unit.expect("saved /etc/master.passwd")?;
    unit.expect("ended=0")?;
    unit.cut_power()?;

    unit.boot()?;
    unit.expect_slot(Slot::First)?;
    for (typed, answer) in [("", "Login incorrect"), (PASSWORD, "# ")] {
        unit.type_line("root")?;
        unit.expect("Password:")?;
        unit.type_line(typed)?;
        unit.expect(answer)?;
    }
    unit.cut_power()
}
