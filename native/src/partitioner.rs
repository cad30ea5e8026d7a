//! The partition of a customer, as `contract/partitioners.py` has it.

#[derive(Clone, Copy)]
enum Hash {
    Murmur2,
    Crc32,
    Fnv1a,
}

/// Where the customers of a partition belong.
#[derive(Clone, Copy)]
pub struct Home {
    hash: Hash,
    partition: u32,
    partitions: u32,
}

impl Home {
    /// None: the partitioner is not known.
    pub fn new(partitioner: &str, partition: u32, partitions: u32) -> Option<Home> {
        let hash = match partitioner {
            "murmur2" => Hash::Murmur2,
            "crc32" => Hash::Crc32,
            "fnv1a" => Hash::Fnv1a,
            _ => return None,
        };
        (partitions > 0).then_some(Home { hash, partition, partitions })
    }
    pub fn has(&self, key: &[u8]) -> bool {
        let value = match self.hash {
            Hash::Murmur2 => murmur2(key) & 0x7fff_ffff,
            Hash::Crc32 => crc32(key),
            // Sarama reads the hash as a signed number, and takes the absolute value of the remainder.
            Hash::Fnv1a => fnv1a(key).cast_signed().unsigned_abs(),
        };
        value % self.partitions == self.partition
    }
}

fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut value = 0x9747_b28c ^ key.len() as u32;
    let words = key.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let mut word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        word = (word ^ word >> 24).wrapping_mul(M);
        value = value.wrapping_mul(M) ^ word;
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b));
        value = (value ^ tail).wrapping_mul(M);
    }
    value = (value ^ value >> 13).wrapping_mul(M);
    value ^ value >> 15
}

fn crc32(key: &[u8]) -> u32 {
    let mut value = u32::MAX;
    for &byte in key {
        value ^= u32::from(byte);
        for _ in 0..8 {
            value = value >> 1 ^ (0xedb8_8320 & (value & 1).wrapping_neg());
        }
    }
    !value
}

fn fnv1a(key: &[u8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |value, &byte| (value ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
