//! Which deliveries of a channel are unsettled.

use std::collections::BTreeSet;

/// The deliveries of one channel, by their tags: 1, 2, 3, … in the order in which
/// the broker sent them.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    unsettled: BTreeSet<u64>,
    /// Every tag up to here was seen.
    seen: u64,
    /// Tags seen beyond that. Several consumers share a channel, and their
    /// deliveries reach us by ways of their own.
    ahead: BTreeSet<u64>,
}

/// How tags can be acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// This one with all before it, in one frame.
    pub(crate) all_up_to: Option<u64>,
    /// Each of these alone.
    pub(crate) single: Vec<u64>,
}

impl Tags {
    /// A delivery has come.
    pub(crate) fn delivered(&mut self, tag: u64) {
        self.unsettled.insert(tag);
        self.ahead.insert(tag);
        while self.ahead.first() == Some(&(self.seen + 1)) {
            self.ahead.pop_first();
            self.seen += 1;
        }
    }

    /// The broker was told of these.
    pub(crate) fn settled(&mut self, tags: &[u64]) {
        for tag in tags {
            self.unsettled.remove(tag);
        }
    }

    /// How these, which are unsettled, can be acknowledged without touching any
    /// other: not those that wait, nor those on their way to us, nor those that
    /// somebody else settles just now.
    pub(crate) fn split(&self, tags: &[u64]) -> Split {
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        let others = self
            .unsettled
            .iter()
            .zip(&tags)
            .find(|(unsettled, tag)| unsettled != tag)
            .map_or_else(
                || self.unsettled.iter().nth(tags.len()).copied(),
                |(unsettled, _)| Some(*unsettled),
            );
        let bound = others.unwrap_or(u64::MAX).min(self.seen + 1);
        let covered = tags.partition_point(|tag| *tag < bound);
        let single = tags.split_off(covered);
        Split {
            all_up_to: tags.last().copied(),
            single,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(tags: impl IntoIterator<Item = u64>) -> Tags {
        let mut all = Tags::default();
        for tag in tags {
            all.delivered(tag);
        }
        all
    }

    fn split(all_up_to: Option<u64>, single: &[u64]) -> Split {
        Split {
            all_up_to,
            single: single.to_vec(),
        }
    }

    #[test]
    fn what_was_delivered_first_is_acknowledged_in_one_frame() {
        let tags = delivered(1..=5);

        assert_eq!(tags.split(&[3, 1, 2]), split(Some(3), &[]));
        assert_eq!(tags.split(&[1, 2, 3, 4, 5]), split(Some(5), &[]));
    }

    #[test]
    fn nothing_behind_an_unsettled_delivery_is_covered() {
        let tags = delivered(1..=5);

        assert_eq!(tags.split(&[2, 3]), split(None, &[2, 3]));
        assert_eq!(tags.split(&[5, 4, 2, 1]), split(Some(2), &[4, 5]));
    }

    #[test]
    fn what_is_settled_stands_in_nobodys_way() {
        let mut tags = delivered(1..=5);
        tags.settled(&[2, 1]);

        assert_eq!(tags.split(&[3, 4]), split(Some(4), &[]));
    }

    #[test]
    fn what_is_on_its_way_to_us_is_not_covered() {
        let mut tags = delivered([1, 2, 4, 5]);

        assert_eq!(tags.split(&[1, 2, 4, 5]), split(Some(2), &[4, 5]));

        tags.delivered(3);
        assert_eq!(tags.split(&[1, 2, 4, 5]), split(Some(2), &[4, 5]));
        tags.settled(&[3]);
        assert_eq!(tags.split(&[1, 2, 4, 5]), split(Some(5), &[]));
    }
}
