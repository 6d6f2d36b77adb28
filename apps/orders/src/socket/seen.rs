use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

/// Orders whose shown version is remembered for one socket.
const REMEMBERED: usize = 1_000;

/// Which version of which order a client has been shown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    versions: HashMap<Uuid, i64>,
    oldest_first: VecDeque<Uuid>,
}

impl Seen {
    /// Whether this version is newer than what was shown; remembers it.
    pub(super) fn is_news(&mut self, order: Uuid, version: i64) -> bool {
        match self.versions.get_mut(&order) {
            Some(shown) if *shown >= version => false,
            Some(shown) => {
                *shown = version;
                true
            }
            None => {
                if self.oldest_first.len() == REMEMBERED
                    && let Some(oldest) = self.oldest_first.pop_front()
                {
                    self.versions.remove(&oldest);
                }
                self.versions.insert(order, version);
                self.oldest_first.push_back(order);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_never_go_back() {
        let mut seen = Seen::default();
        let order = Uuid::now_v7();

        assert!(seen.is_news(order, 2));
        assert!(!seen.is_news(order, 1));
        assert!(!seen.is_news(order, 2));
        assert!(seen.is_news(order, 3));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();

        for _ in 0..3 * REMEMBERED {
            assert!(seen.is_news(Uuid::now_v7(), 1));
        }

        assert_eq!(seen.versions.len(), REMEMBERED);
        assert_eq!(seen.oldest_first.len(), REMEMBERED);
    }
}
