//! Cards by maker and capacity, as NanoBSD's `FlashDevice` names them (`FlashDevice.sub`), and what is known to be smaller
//! than its name.

use anyhow::{Result, bail};
use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;

/// The media that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashDevice {
    /// Its size.
    pub size: Sectors,
    /// The geometry that a BIOS shows it with.
    pub geometry: Geometry,
    /// Why cards of that name may be too small for images of this size.
    pub warning: Option<String>,
}

/// A card of one maker.
struct Card {
    maker: &'static str,
    /// All its names, the first in lists.
    capacities: &'static [&'static str],
    sectors: u64,
    heads: u32,
    sectors_a_track: u32,
}

const fn card(
    maker: &'static str,
    capacities: &'static [&'static str],
    sectors: u64,
    heads: u32,
    sectors_a_track: u32,
) -> Card {
    Card { maker, capacities, sectors, heads, sectors_a_track }
}

/// The cards that FreeBSD 13.2 knows; sizes are from the makers' manuals or measured.
const CARDS: [Card; 18] = [
    card("hitachi", &["256", "256mb"], 500_400, 15, 48),
    card("integral", &["256", "256mb"], 507_024, 16, 63),
    card("kodak", &["64", "64mb"], 125_952, 4, 32),
    card("memorycorp", &["512", "512mb"], 1_014_048, 16, 63),
    card("sandisk", &["32", "32mb"], 62_720, 4, 32),
    card("sandisk", &["64", "64mb"], 125_440, 8, 32),
    card("sandisk", &["128", "128mb"], 250_880, 8, 32),
    card("sandisk", &["256", "256mb"], 501_760, 16, 32),
    card("sandisk", &["512", "512mb"], 1_000_944, 16, 63),
    card("sandisk", &["1g", "1024", "1024mb"], 2_001_888, 16, 63),
    card("sandisk", &["2g", "2048", "2048mb"], 4_001_760, 16, 63),
    card("sandisk", &["4g", "4096", "4096mb"], 8_003_520, 16, 63),
    card("siliconsystems", &["256", "256mb"], 508_928, 16, 32),
    card("siliconsystems", &["4g", "4096"], 8_251_488, 16, 63),
    card("soekris", &["64", "64mb", "net4526", "4526", "net4826", "4826"], 125_056, 4, 32),
    card("transcend", &["dom064m"], 125_184, 4, 32),
    card("transcend", &["2g", "2048"], 4_061_232, 16, 32),
    card(GENERIC, &["Nm", "Ng", "Nmi", "Ngi"], 0, 16, 63),
];

/// The maker of cards that are as large as they say, in megabytes or gigabytes.
const GENERIC: &str = "generic";

/// A card sold as 1 GB that an ALIX was measured with: `diskinfo` says 983 cylinders of 32 heads and 63 sectors.
const MEASURED_GIGABYTE: u64 = 1_981_728;
/// What names a gigabyte.
const GIGABYTE_NAMES: [&str; 3] = ["1g", "1024", "1024mb"];

impl FlashDevice {
    /// The media that `name` stands for: a maker and a capacity, as `SanDisk 1G`, in any case of letters.
    ///
    /// # Errors
    /// The card is not known. The message lists the known ones.
    pub fn find(name: &str) -> Result<Self> {
        let lower = name.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let [maker, capacity] = words[..] else {
            bail!("`{name}` is not a maker and a capacity\nhint: write them as \"SanDisk 1G\"");
        };
        let of_maker: Vec<&Card> = CARDS.iter().filter(|card| card.maker == maker).collect();
        let Some(first) = of_maker.first() else {
            let mut makers: Vec<&str> = CARDS.iter().map(|card| card.maker).collect();
            makers.dedup();
            bail!("`{name}`: no card of `{maker}` is known\nhint: the makers are {}", makers.join(", "));
        };
        if maker == GENERIC {
            let Some(sectors) = generic(capacity) else {
                bail!(
                    "`{name}` has no generic capacity\nhint: write a whole number with `m` or `g` (powers of 1000), `mi` or `gi` (powers \
                     of 1024)"
                );
            };
            return Ok(Self::new(sectors, first, None));
        }
        let Some(card) = of_maker.iter().find(|card| card.capacities.contains(&capacity)) else {
            let known: Vec<&str> = of_maker.iter().map(|card| card.capacities[0]).collect();
            bail!("`{name}`: no card `{capacity}` of {maker} is known\nhint: there are {}", known.join(", "));
        };
        let short = GIGABYTE_NAMES.contains(&capacity) && card.sectors > MEASURED_GIGABYTE;
        let warning = short.then(|| {
            format!(
                "media.device: images for `{name}` have {} sectors, and cards of that name can have fewer ({} were \
                 measured)\nhint: set media.size to what `diskinfo` prints for yours",
                card.sectors, MEASURED_GIGABYTE
            )
        });
        Ok(Self::new(card.sectors, card, warning))
    }

    fn new(sectors: u64, card: &Card, warning: Option<String>) -> Self {
        let geometry = Geometry { sectors: card.sectors_a_track, heads: card.heads };
        Self { size: Sectors(sectors), geometry, warning }
    }
}

/// The sectors of `NUMBERunit`; powers of ten are what every card of that name has at least.
fn generic(capacity: &str) -> Option<u64> {
    let digits = capacity.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match &capacity[digits.len()..] {
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        _ => return None,
    };
    let sectors = digits.parse::<u64>().ok()?.checked_mul(unit)? / 512;
    (sectors > 0).then_some(sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sectors(name: &str) -> u64 {
        FlashDevice::find(name).unwrap().size.0
    }

    #[test]
    fn every_card_is_found_by_each_of_its_names_and_fills_whole_sectors() {
        for card in CARDS.iter().filter(|card| card.maker != GENERIC) {
            for capacity in card.capacities {
                let found = FlashDevice::find(&format!("{} {capacity}", card.maker)).unwrap();
                assert_eq!(found.size, Sectors(card.sectors));
                assert_eq!(
                    found.geometry,
                    Geometry { sectors: card.sectors_a_track, heads: card.heads },
                    "{} {capacity}",
                    card.maker
                );
            }
        }
    }

    #[test]
    fn makers_and_capacities_are_written_as_one_likes() {
        assert_eq!(sectors("SanDisk 1G"), 1_024_966_656 / 512);
        assert_eq!(sectors("soekris NET4526"), 125_056);
        assert_eq!(sectors("Generic 1g"), 1_953_125);
        assert_eq!(sectors("generic 64mi"), 131_072);
    }

    #[test]
    fn a_name_that_some_cards_fall_short_of_is_warned_of() {
        let warning = FlashDevice::find("SanDisk 1G").unwrap().warning.unwrap();
        insta::assert_snapshot!(warning, @r"
        media.device: images for `SanDisk 1G` have 2001888 sectors, and cards of that name can have fewer (1981728 were measured)
        hint: set media.size to what `diskinfo` prints for yours
        ");
        for name in ["generic 1g", "sandisk 512", "kodak 64"] {
            assert_eq!(FlashDevice::find(name).unwrap().warning, None);
        }
    }

    #[test]
    fn an_unknown_card_is_told_with_those_that_are_known() {
        let refusal = |name: &str| FlashDevice::find(name).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("SanDisk"), @r#"
        `SanDisk` is not a maker and a capacity
        hint: write them as "SanDisk 1G"
        "#);
        insta::assert_snapshot!(refusal("Acme 1G"), @r"
        `Acme 1G`: no card of `acme` is known
        hint: the makers are hitachi, integral, kodak, memorycorp, sandisk, siliconsystems, soekris, transcend, generic
        ");
        insta::assert_snapshot!(refusal("SanDisk 8G"), @r"
        `SanDisk 8G`: no card `8g` of sandisk is known
        hint: there are 32, 64, 128, 256, 512, 1g, 2g, 4g
        ");
        for name in ["generic 1.5g", "generic g", "generic 0m", "generic 99999999999999g", "generic 5"] {
            let wanted = format!(
                "`{name}` has no generic capacity\nhint: write a whole number with `m` or `g` (powers of 1000), `mi` or `gi` (powers of 1024)"
            );
            assert_eq!(refusal(name), wanted);
        }
    }
}
