//! Where a key belongs: the hash that everything here splits messages by.

use crate::Envelope;

/// Into how many slots keys are split before partitions share the slots out.
pub const SLOTS: u16 = 64;

/// The hash of an ordering key, stable for ever and the same in every language:
/// rows in tables and messages in queues were placed by it.
///
/// It is 64-bit [FNV-1a](https://datatracker.ietf.org/doc/html/draft-eastlake-fnv)
/// over the key's UTF-8 bytes, followed by the 64-bit finaliser of MurmurHash3,
/// because FNV alone leaves the high bits of short keys alike:
///
/// ```text
/// h = 0xcbf29ce484222325
/// for each byte:  h = (h xor byte) * 0x00000100000001b3    modulo 2^64
/// h = (h xor (h >> 33)) * 0xff51afd7ed558ccd               modulo 2^64
/// h = (h xor (h >> 33)) * 0xc4ceb9fe1a85ec53               modulo 2^64
/// h = h xor (h >> 33)
/// ```
///
/// | key | hash | slot |
/// |---|---|---|
/// | (empty) | `0xefd01f60ba992926` | 38 |
/// | `a` | `0x82a2a958a9bece5b` | 27 |
/// | `order-1` | `0x491b422e3af0d9a5` | 37 |
/// | `ключ` | `0x590520d718275ed5` | 21 |
pub fn key_hash(key: &str) -> u64 {
    let mut hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl Envelope {
    /// The slot of its key, [`key_hash`] modulo [`SLOTS`]; without a key, of its
    /// id as text, which is any.
    pub fn slot(&self) -> u16 {
        let hash = match &self.key {
            Some(key) => key_hash(key),
            None => key_hash(&self.id.to_string()),
        };
        // Less than 64, so it always fits.
        u16::try_from(hash % u64::from(SLOTS)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_key_never_changes() {
        // Computed by an independent implementation; also told in the docs.
        let fixed = [
            ("", 0xefd0_1f60_ba99_2926),
            ("a", 0x82a2_a958_a9be_ce5b),
            ("order-1", 0x491b_422e_3af0_d9a5),
            ("order-2", 0xaaca_0c2a_eae3_9bab),
            ("ключ", 0x5905_20d7_1827_5ed5),
        ];
        for (key, hash) in fixed {
            assert_eq!(key_hash(key), hash, "{key}");
        }
    }

    #[test]
    fn keys_spread_over_all_slots() {
        let mut slots = [0_u32; SLOTS as usize];
        for n in 0..20_000 {
            slots[usize::try_from(key_hash(&format!("order-{n}")) % 64).unwrap()] += 1;
        }

        assert!(slots.iter().all(|count| (200..430).contains(count)));
    }
}
