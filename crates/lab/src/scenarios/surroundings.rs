//! Scenarios of updates in unusual surroundings: clocks, memory, a second card.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use firmware::slot::Slot;
use firmware::state::Mark;

use super::update::{pipe_again, restart_into, up};
use crate::qemu::{Disk, Machine, copy_sparse};
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(Needs::Bundles, "clocks", "updates work whatever the clock of the unit shows", clocks),
    Scenario::new(
        Needs::Bundles,
        "small-and-full",
        "with 128 MB of memory and nothing free in /var and /tmp, updates work",
        small_and_full,
    ),
    Scenario::new(
        Needs::Bundles,
        "twin-cards",
        "a second card with the same content is never touched",
        twin_cards,
    ),
];

/// An empty battery, a BIOS's default, the end of 32-bit time in the middle of the boot, and a time after it.
const CLOCKS: [fn(Machine) -> Machine; 4] = [
    |machine| machine.clock("1980-01-01T00:00:00"),
    |machine| machine.clock("2000-01-01T00:00:00"),
    |machine| machine.clock("2038-01-19T03:13:00"),
    |machine| machine.clock("2040-01-01T00:00:00"),
];

fn clocks(unit: &mut Unit<'_>) -> Result<()> {
    for clock in CLOCKS {
        unit.equip(clock);
        up(unit, ONE)?;
        let command = pipe_again(unit, "next", TWO);
        unit.ask(&command)?;
        restart_into(unit, TWO)?;
        let status = unit.ask("sluice status")?;
        ensure!(status.contains("slot 2 is running on trial") && !status.contains("problem"), "{status}");
        // The next clock begins as this one did.
        unit.ask("sluice update rollback")?;
        let last = unit.ask("sluice update log | tail -n 1")?;
        ensure!(last.contains("rolled-back"), "the last event is {last}");
        unit.note(last.trim().to_owned());
        unit.cut_power()?;
    }
    Ok(())
}

fn small_and_full(unit: &mut Unit<'_>) -> Result<()> {
    unit.equip(|machine| machine.memory(128));
    for (name, target) in [("next", TWO), ("other", ONE)] {
        if target == TWO {
            up(unit, ONE)?;
        }
        unit.ask("for dir in /var /tmp; do dd if=/dev/zero of=$dir/full bs=4k 2>/dev/null; done; true")?;
        let command = pipe_again(unit, name, target);
        unit.ask(&command)?;
        restart_into(unit, target)?;
        unit.ask("for dir in /var /tmp; do dd if=/dev/zero of=$dir/full bs=4k 2>/dev/null; done; true")?;
        unit.ask("sluice update confirm && sluice update verify && sluice status")?;
        let state = unit.card.state()?.state;
        ensure!(state.default == target && state.mark(target) == Mark::Good, "{state:?}");
    }
    unit.cut_power()
}

/// Bytes that are compared at a time.
const PIECE: usize = 1 << 20;

/// The second card.
fn twin(unit: &Unit<'_>) -> PathBuf {
    unit.card.path().with_file_name("twin.img")
}

fn twin_cards(unit: &mut Unit<'_>) -> Result<()> {
    let path = twin(unit);
    copy_sparse(unit.card.path(), &path)?;
    unit.add_disk(Disk::kept(&path));
    up(unit, ONE)?;
    let disks = unit.ask("sysctl -n kern.disks")?;
    ensure!(disks.contains("ada0") && disks.contains("ada1"), "the unit has the disks {disks}");
    let command = pipe_again(unit, "next", TWO);
    unit.ask(&command)?;
    restart_into(unit, TWO)?;
    unit.ask(
        "sluice update confirm && echo 'lab=\"twin\"' > /etc/rc.conf.local && /root/save_cfg rc.conf.local",
    )?;
    unit.ask("sluice update rollback")?;
    restart_into(unit, ONE)?;
    unit.ask("grep twin /etc/rc.conf.local && sluice update activate 2")?;
    unit.cut_power()?;
    ensure!(is_same(&path, &unit.rig.full)?, "the second card was written to");
    Ok(())
}

/// Whether two files have the same content.
fn is_same(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).with_context(|| format!("opening {}", path.display()));
    let (one, other) = (open(one)?, open(other)?);
    let length = one.metadata()?.len();
    let mut buffers = [vec![0; PIECE], vec![0; PIECE]];
    for at in (0..length).step_by(PIECE) {
        let bytes = PIECE.min((length - at) as usize);
        for (file, buffer) in [&one, &other].into_iter().zip(&mut buffers) {
            file.read_exact_at(&mut buffer[..bytes], at).context("comparing two cards")?;
        }
        if buffers[0][..bytes] != buffers[1][..bytes] {
            return Ok(false);
        }
    }
    Ok(length == other.metadata()?.len())
}
