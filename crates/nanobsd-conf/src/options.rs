//! Variables that hold options of other programs: newfs(8), boot0cfg(8) and boot2.

use toml_edit::Value;

use super::key::Key;
use super::quote::first_line;

/// Splits `text` into options as getopt(3) does; those in `valued` take a value.
///
/// # Errors
/// A word is not an option, or the value of an option is missing.
fn options(text: &str, valued: &str) -> Result<Vec<(char, String)>, String> {
    let mut options = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
            return Err(format!("`{word}` in `{}` is not an option", first_line(text)));
        };
        let mut flags = flags.chars();
        while let Some(option) = flags.next() {
            if !valued.contains(option) {
                options.push((option, String::new()));
                continue;
            }
            let value = match flags.as_str() {
                "" => words
                    .next()
                    .ok_or_else(|| format!("`-{option}` in `{}` has no value", first_line(text)))?
                    .to_owned(),
                value => value.to_owned(),
            };
            options.push((option, value));
            break;
        }
    }
    Ok(options)
}

/// `NANO_NEWFS`. Options that are not given have newfs(8)'s defaults, not those of the product definition.
pub fn newfs(text: &str) -> Result<(Vec<Key>, Vec<String>), String> {
    let number = |option: char, value: &str| {
        bytes(value).ok_or_else(|| format!("`-{option} {value}` of newfs(8) is not a number of bytes"))
    };
    let (mut block, mut fragment, mut inode, mut soft_updates) = (None, None, None, false);
    let mut notes = Vec::new();
    for (option, value) in options(text, "BELOSTabcdefghikmoprs")? {
        match option {
            'b' => block = Some(number('b', &value)?),
            'f' => fragment = Some(number('f', &value)?),
            'i' => inode = Some(number('i', &value)?),
            'U' => soft_updates = true,
            'O' if value == "2" => {}
            _ => {
                let value = if value.is_empty() { value } else { format!(" {value}") };
                notes.push(format!(
                    "`-{option}{value}` of newfs(8) is left out: file systems are created without it"
                ));
            }
        }
    }
    // sbin/newfs/newfs.h and mkfs.c: DFL_FRAGSIZE, DFL_BLKSIZE, NFPI.
    let fragment = fragment.unwrap_or(4096);
    let block = block.unwrap_or_else(|| i64::min(32768, fragment.saturating_mul(FRAGMENTS)));
    for (option, bytes) in [('b', block), ('f', fragment)] {
        if !bytes.unsigned_abs().is_power_of_two() {
            return Err(format!("newfs(8) refuses `-{option} {bytes}`: it is not a power of two"));
        }
    }
    let (block, fragment) = fitting(block, fragment, &mut notes);
    let keys = vec![
        ("filesystem.block", Value::from(block)),
        ("filesystem.fragment", fragment.into()),
        ("filesystem.bytes_per_inode", inode.unwrap_or(fragment.saturating_mul(2)).into()),
        ("filesystem.soft_updates", soft_updates.into()),
    ];
    Ok((keys, notes))
}

/// The most fragments of a block (`MAXFRAG`).
const FRAGMENTS: i64 = 8;

/// The smallest block in bytes (`MINBSIZE`).
const MIN_BLOCK: i64 = 4096;
/// The largest block in bytes (`MAXBSIZE`).
const MAX_BLOCK: i64 = 65536;
/// The smallest fragment in bytes: a sector.
const SECTOR: i64 = 512;

/// `block` and `fragment` in bytes as newfs(8) changes them if they are too small or too large, or if a block would have
/// less than 1 or more than 8 fragments.
fn fitting(block: i64, fragment: i64, notes: &mut Vec<String>) -> (i64, i64) {
    let (asked, wanted) = (block, fragment);
    let fragment = i64::clamp(fragment, SECTOR, MAX_BLOCK);
    if fragment > wanted {
        notes.push(format!(
            "newfs(8) makes the fragment {fragment} bytes, not {wanted}: it is at least a sector"
        ));
    } else if fragment < wanted {
        notes.push(format!(
            "newfs(8) makes the fragment {fragment} bytes, not {wanted}: it is at most a block"
        ));
    }
    let block = i64::clamp(block, MIN_BLOCK, MAX_BLOCK);
    if block != asked {
        notes.push(format!(
            "newfs(8) makes the block {block} bytes, not {asked}: a block has {MIN_BLOCK} to {MAX_BLOCK} bytes"
        ));
    }
    let (mut fitting_block, mut fitting_fragment) = (block, fragment);
    if fragment > block {
        fitting_block = fragment;
        notes.push(format!(
            "newfs(8) makes the block as large as the fragment of {fragment} bytes, not {block}"
        ));
    } else if fragment.saturating_mul(FRAGMENTS) < block {
        fitting_fragment = block / FRAGMENTS;
        notes.push(format!(
            "newfs(8) makes the fragment {fitting_fragment} bytes, not {fragment}: a block has at most {FRAGMENTS}"
        ));
    }
    (fitting_block, fitting_fragment)
}

/// A number of bytes as expand_number(3) reads it: with `k`, `m` or `g` behind it.
fn bytes(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
    let unit: i64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok().filter(|number| *number > 0)?.checked_mul(unit)
}

/// `NANO_BOOT0CFG`.
pub fn boot0cfg(text: &str) -> Result<(Vec<Key>, Vec<String>), String> {
    let mut keys: Vec<Key> = Vec::new();
    let mut notes = Vec::new();
    for (option, value) in options(text, "bdefimost")? {
        match option {
            'o' => {
                for word in value.split(',') {
                    match word {
                        "packet" | "nopacket" => keys.push(("boot.packet", (word == "packet").into())),
                        "update" | "noupdate" => keys.push(("boot.update", (word == "update").into())),
                        "nosetdrv" => {}
                        _ => notes.push(format!("`-o {word}` is left out: it cannot be set")),
                    }
                }
            }
            's' => {
                let slice = value.parse::<i64>().ok().filter(|slice| (1..=4).contains(slice));
                keys.push((
                    "boot.default",
                    slice.ok_or_else(|| format!("`-s {value}` is not a slice from 1 to 4"))?.into(),
                ));
            }
            'm' => {
                let mask = match value.strip_prefix("0x") {
                    Some(digits) => i64::from_str_radix(digits, 16).ok(),
                    None => value.parse::<i64>().ok(),
                };
                let mask = mask.filter(|mask| (1..=15).contains(mask));
                let mask =
                    mask.ok_or_else(|| format!("`-m {value}` is not a mask of slices from 1 to 15"))?;
                let slices = (1..=4_i64).filter(|slice| mask & 1 << (slice - 1) != 0);
                keys.push(("boot.menu", Value::Array(slices.collect())));
            }
            't' => {
                let ticks = value.parse::<i64>().ok().filter(|ticks| (1..=65535).contains(ticks));
                keys.push((
                    "boot.ticks",
                    ticks
                        .ok_or_else(|| format!("`-t {value}` is not a number of ticks from 1 to 65535"))?
                        .into(),
                ));
            }
            'B' | 'v' => {}
            _ => {
                let value = if value.is_empty() { value } else { format!(" {value}") };
                notes.push(format!("`-{option}{value}` of boot0cfg(8) is left out: it cannot be set"));
            }
        }
    }
    Ok((keys, notes))
}

/// `NANO_BOOT2CFG`: the content of `/boot.config`, which here is always `-h -S` and the rate of `console.speed`.
pub fn boot2cfg(text: &str) -> Result<(Vec<Key>, Vec<String>), String> {
    let (mut keys, mut notes) = (Vec::<Key>::new(), Vec::new());
    for word in text.split_whitespace() {
        // As boot2 reads them: flags in one word, of which `S` ends the word with a rate.
        let (flags, speed) = match word.strip_prefix('-').and_then(|flags| flags.split_once('S')) {
            Some((flags, speed)) => (flags, Some(speed)),
            None => (word.trim_start_matches('-'), None),
        };
        if let Some(speed) = speed {
            let speed = speed.parse::<i64>().map_err(|_| format!("`{word}` is not a rate of the console"))?;
            keys = vec![("console.speed", speed.into())];
        }
        let flags = flags.replace('h', "");
        if !flags.is_empty() {
            let flags = if word.starts_with('-') { format!("-{flags}") } else { flags };
            notes.push(format!(
                "`{flags}` is left out: /boot.config is `-h -S` and the rate of console.speed"
            ));
        }
    }
    if keys.is_empty() {
        notes.push("it has no rate (`-S`), so console.speed of appliance.toml is used".to_owned());
    }
    Ok((keys, notes))
}

/// `NANO_BOOTLOADER`: a path in the world, whose file name is the value of `boot.code`.
pub fn code(text: &str) -> Result<&'static str, String> {
    let name = text.trim_start_matches('/').strip_prefix("boot/").unwrap_or(text);
    ["boot0sio", "boot0", "mbr"].into_iter().find(|known| *known == name).ok_or_else(|| {
        format!(
            "`{}` is not boot/boot0sio, boot/boot0 or boot/mbr\nhint: boot.code of product.toml chooses the boot manager",
            first_line(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(result: Result<(Vec<Key>, Vec<String>), String>) -> String {
        match result {
            Ok((keys, notes)) => {
                let keys = keys.iter().map(|(key, value)| format!("{key} = {value}"));
                keys.chain(notes.into_iter().map(|note| format!("({note})"))).collect::<Vec<_>>().join("; ")
            }
            Err(why) => format!("refused: {why}"),
        }
    }

    #[test]
    fn options_of_other_programs_become_keys() {
        let lines = [
            shown(newfs("-b 4096 -f 512 -i 8192 -U")),
            shown(newfs("-O2 -b4096 -nU -m 0")),
            shown(newfs("")),
            shown(newfs("-b 64k -f 8K -i 1m")),
            shown(newfs("-b 65536 -f 4096")),
            shown(newfs("-b 4096 -f 8192")),
            shown(newfs("-b 2048 -f 512")),
            shown(newfs("-b 131072 -f 16384")),
            shown(newfs("-f 131072")),
            shown(newfs("-b 4096 -f 256")),
            shown(newfs("-b 3000")),
            shown(newfs("-f 1000 -b 8k")),
            shown(newfs("-b 0")),
            shown(newfs("-b big")),
            shown(newfs("-b")),
            shown(newfs("4096")),
            shown(boot0cfg("-o nopacket -s 1 -m 3")),
            shown(boot0cfg("-o packet,noupdate,setdrv,nosetdrv -s2 -m 0xb -t 36 -Bv -e x -i 1a2b-3c4d")),
            shown(boot0cfg("-s 5")),
            shown(boot0cfg("-m 16")),
            shown(boot0cfg("-t 0")),
            shown(boot2cfg("-h -S9600")),
            shown(boot2cfg("-hS19200 -v")),
            shown(boot2cfg("-DhS9600")),
            shown(boot2cfg("-S 9600")),
            shown(boot2cfg("-D")),
            shown(boot2cfg("-Sfast")),
            code("boot/boot0").unwrap().to_owned(),
            code("/boot/grub").unwrap_err(),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        filesystem.block = 4096; filesystem.fragment = 512; filesystem.bytes_per_inode = 8192; filesystem.soft_updates = true
        filesystem.block = 4096; filesystem.fragment = 4096; filesystem.bytes_per_inode = 8192; filesystem.soft_updates = true; (`-n` of newfs(8) is left out: file systems are created without it); (`-m 0` of newfs(8) is left out: file systems are created without it)
        filesystem.block = 32768; filesystem.fragment = 4096; filesystem.bytes_per_inode = 8192; filesystem.soft_updates = false
        filesystem.block = 65536; filesystem.fragment = 8192; filesystem.bytes_per_inode = 1048576; filesystem.soft_updates = false
        filesystem.block = 65536; filesystem.fragment = 8192; filesystem.bytes_per_inode = 16384; filesystem.soft_updates = false; (newfs(8) makes the fragment 8192 bytes, not 4096: a block has at most 8)
        filesystem.block = 8192; filesystem.fragment = 8192; filesystem.bytes_per_inode = 16384; filesystem.soft_updates = false; (newfs(8) makes the block as large as the fragment of 8192 bytes, not 4096)
        filesystem.block = 4096; filesystem.fragment = 512; filesystem.bytes_per_inode = 1024; filesystem.soft_updates = false; (newfs(8) makes the block 4096 bytes, not 2048: a block has 4096 to 65536 bytes)
        filesystem.block = 65536; filesystem.fragment = 16384; filesystem.bytes_per_inode = 32768; filesystem.soft_updates = false; (newfs(8) makes the block 65536 bytes, not 131072: a block has 4096 to 65536 bytes)
        filesystem.block = 65536; filesystem.fragment = 65536; filesystem.bytes_per_inode = 131072; filesystem.soft_updates = false; (newfs(8) makes the fragment 65536 bytes, not 131072: it is at most a block); (newfs(8) makes the block as large as the fragment of 65536 bytes, not 32768)
        filesystem.block = 4096; filesystem.fragment = 512; filesystem.bytes_per_inode = 1024; filesystem.soft_updates = false; (newfs(8) makes the fragment 512 bytes, not 256: it is at least a sector)
        refused: newfs(8) refuses `-b 3000`: it is not a power of two
        refused: newfs(8) refuses `-f 1000`: it is not a power of two
        refused: `-b 0` of newfs(8) is not a number of bytes
        refused: `-b big` of newfs(8) is not a number of bytes
        refused: `-b` in `-b` has no value
        refused: `4096` in `4096` is not an option
        boot.packet = false; boot.default = 1; boot.menu = [1, 2]
        boot.packet = true; boot.update = false; boot.default = 2; boot.menu = [1, 2, 4]; boot.ticks = 36; (`-o setdrv` is left out: it cannot be set); (`-e x` of boot0cfg(8) is left out: it cannot be set); (`-i 1a2b-3c4d` of boot0cfg(8) is left out: it cannot be set)
        refused: `-s 5` is not a slice from 1 to 4
        refused: `-m 16` is not a mask of slices from 1 to 15
        refused: `-t 0` is not a number of ticks from 1 to 65535
        console.speed = 9600
        console.speed = 19200; (`-v` is left out: /boot.config is `-h -S` and the rate of console.speed)
        console.speed = 9600; (`-D` is left out: /boot.config is `-h -S` and the rate of console.speed)
        refused: `-S` is not a rate of the console
        (`-D` is left out: /boot.config is `-h -S` and the rate of console.speed); (it has no rate (`-S`), so console.speed of appliance.toml is used)
        refused: `-Sfast` is not a rate of the console
        boot0
        `/boot/grub` is not boot/boot0sio, boot/boot0 or boot/mbr
        hint: boot.code of product.toml chooses the boot manager
        ");
    }
}
