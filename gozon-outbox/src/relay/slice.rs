//! How much one read takes from each partition.

/// What a read is looked through for grows with partitions times slice, what it
/// returns is limited. Where every partition has work, a whole slice of each finds
/// many times what the read may return; so the slice follows what was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    now: u32,
    max: u32,
}

/// What a read brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brought {
    pub(super) messages: u32,
    /// From how many partitions they are.
    pub(super) partitions: u32,
    /// Messages of the partition that it has the most of.
    pub(super) widest: u32,
    /// Whether it has as many as it may.
    pub(super) full: bool,
}

impl Slice {
    /// Begins with `max`, above zero, which no slice exceeds.
    pub(super) fn new(max: u32) -> Self {
        Self { now: max, max }
    }

    /// Messages that the next read takes from one partition, at least one.
    pub(super) fn get(self) -> u32 {
        self.now
    }

    /// Learns from a read with a slice of `asked`, and says whether a partition
    /// may have had more than that.
    pub(super) fn learn(&mut self, asked: u32, brought: Brought) -> bool {
        let capped = brought.widest >= asked;
        self.now = match (brought.full, capped) {
            // What fills the next one too, and a quarter more: they are not even.
            (true, _) => {
                let even = brought.messages.div_ceil(brought.partitions.max(1));
                even.saturating_add(even.div_ceil(4)).min(self.max)
            }
            (false, true) => asked.saturating_mul(2).min(self.max),
            (false, false) => self.max,
        };
        capped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A read of 512 messages at most, evenly from so many partitions.
    fn full(partitions: u32) -> Brought {
        let messages = 512;
        let widest = messages / partitions;
        Brought {
            messages,
            partitions,
            widest,
            full: true,
        }
    }

    /// A read that found this much in each of four partitions, and no more.
    fn few(widest: u32) -> Brought {
        Brought {
            messages: widest * 4,
            partitions: 4,
            widest,
            full: false,
        }
    }

    #[test]
    fn a_backlog_in_every_partition_makes_it_as_thin_as_fills_a_read() {
        let mut slice = Slice::new(64);

        assert!(!slice.learn(64, full(64)));

        assert_eq!(slice.get(), 10);
    }

    #[test]
    fn it_stays_wide_where_few_partitions_fill_a_read() {
        let mut slice = Slice::new(64);

        slice.learn(64, full(8));

        assert_eq!(slice.get(), 64);
    }

    #[test]
    fn it_doubles_when_a_few_partitions_are_left_and_ends_at_its_maximum() {
        let mut slice = Slice::new(64);
        slice.learn(64, full(64));

        let mut seen = Vec::new();
        while slice.get() < 64 {
            let asked = slice.get();
            assert!(slice.learn(asked, few(asked)));
            seen.push(slice.get());
        }

        assert_eq!(seen, [20, 40, 64]);
    }

    #[test]
    fn it_is_whole_again_when_nothing_is_left() {
        let mut slice = Slice::new(64);
        slice.learn(64, full(64));

        assert!(!slice.learn(10, few(3)));

        assert_eq!(slice.get(), 64);
    }

    #[test]
    fn a_store_that_returns_more_than_asked_does_not_widen_it() {
        let mut slice = Slice::new(64);

        slice.learn(64, full(1));

        assert_eq!(slice.get(), 64);
    }
}
