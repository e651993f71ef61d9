//! The check-hash of UFS metadata: CRC-32C as `calculate_crc32c(~0, …)` of
//! sys/libkern/gsb_crc32.c computes it, which is without the usual inversion at the end.
//!
//! The module of each structure decides which bytes are hashed, with its own hash field as zero.

/// The polynomial of CRC-32C, with reflected bits.
const POLYNOMIAL: u32 = 0x82F6_3B78;
/// Bytes processed in one step.
const STRIDE: usize = 8;

const TABLES: [[u32; 256]; STRIDE] = tables();

const fn tables() -> [[u32; 256]; STRIDE] {
    let mut tables = [[0; 256]; STRIDE];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut step = 1;
    while step < STRIDE {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[step - 1][byte];
            tables[step][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        step += 1;
    }
    tables
}

pub(crate) fn check_hash(bytes: &[u8]) -> u32 {
    let at = |step: usize, word: u32, shift: u32| TABLES[step][(word >> shift & 0xff) as usize];
    let strides = bytes.chunks_exact(STRIDE);
    let rest = strides.remainder();
    let crc = strides.fold(u32::MAX, |crc, stride| {
        let low = u32::from_le_bytes([stride[0], stride[1], stride[2], stride[3]]) ^ crc;
        let high = u32::from_le_bytes([stride[4], stride[5], stride[6], stride[7]]);
        at(7, low, 0)
            ^ at(6, low, 8)
            ^ at(5, low, 16)
            ^ at(4, low, 24)
            ^ at(3, high, 0)
            ^ at(2, high, 8)
            ^ at(1, high, 16)
            ^ at(0, high, 24)
    });
    rest.iter().fold(crc, |crc, &byte| (crc >> 8) ^ at(0, crc ^ u32::from(byte), 0))
}

#[cfg(test)]
mod tests {
    use super::check_hash;

    #[test]
    fn the_check_hash_is_crc32c_without_the_last_inversion() {
        // The check value of CRC-32C ("123456789") is e3069283.
        assert_eq!(!check_hash(b"123456789"), 0xe306_9283);
        assert_eq!(check_hash(b""), u32::MAX);
    }
}
