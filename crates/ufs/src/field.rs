//! Writes fields of on-disk structures: little-endian numbers at byte offsets.
//!
//! The offsets belong to the module of each structure. Every FreeBSD that this crate writes for is
//! little-endian.

/// An on-disk structure that is filled field by field.
pub(crate) trait Fields {
    fn put_u8(&mut self, offset: usize, value: u8);
    fn put_u16(&mut self, offset: usize, value: u16);
    fn put_u32(&mut self, offset: usize, value: u32);
    fn put_u64(&mut self, offset: usize, value: u64);
    fn put_i64(&mut self, offset: usize, value: i64) {
        self.put_u64(offset, value as u64);
    }
}

impl Fields for [u8] {
    fn put_u8(&mut self, offset: usize, value: u8) {
        self[offset] = value;
    }
    fn put_u16(&mut self, offset: usize, value: u16) {
        self[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, offset: usize, value: u32) {
        self[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, offset: usize, value: u64) {
        self[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    }
}
