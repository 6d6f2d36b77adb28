//! Which partition and which lock stripe a key belongs to.

use gozon_core::key_hash;

/// How many advisory locks the keys share. Enough that two keys of a busy
/// system rarely meet, few enough that a transaction with thousands of keys
/// does not exhaust the server's lock table.
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
pub(crate) const STRIPES: u64 = 1_024;

/// The partition of `key` among `partitions`.
///
/// Stable for ever and the same on every machine: rows that are in the table
/// were placed by it.
pub(crate) fn partition_of(key: &str, partitions: u32) -> i32 {
    let partition = key_hash(key) % u64::from(partitions.max(1));
    // At most 1,024 partitions, so it always fits.
    i32::try_from(partition).unwrap_or(0)
}

/// The lock stripe of `key`. Taken from other bits than the partition.
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
pub(crate) fn stripe_of(key: &str) -> i32 {
    let stripe = (key_hash(key) >> 32) % STRIPES;
    i32::try_from(stripe).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_key_never_changes() {
        let places: Vec<(i32, i32)> = ["", "a", "order-1", "order-2", "ключ"]
            .into_iter()
            .map(|key| (partition_of(key, 64), stripe_of(key)))
            .collect();

        // Computed by an independent implementation.
        let fixed = [(38, 864), (27, 344), (37, 558), (43, 42), (21, 215)];
        assert_eq!(places, fixed);
    }

    #[test]
    fn keys_spread_over_all_partitions_and_stripes() {
        let keys: Vec<String> = (0..20_000).map(|n| format!("order-{n}")).collect();
        let mut partitions = [0_u32; 64];
        let mut stripes = std::collections::HashSet::new();
        for key in &keys {
            partitions[usize::try_from(partition_of(key, 64)).unwrap()] += 1;
            stripes.insert(stripe_of(key));
        }

        assert!(partitions.iter().all(|count| (200..430).contains(count)));
        assert_eq!(stripes.len(), 1_024);
    }
}
