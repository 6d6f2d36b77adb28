use std::collections::{HashMap, VecDeque};

use gozon_events::OrderStatus;
use uuid::Uuid;

/// Orders whose shown version is remembered for one socket.
const REMEMBERED: usize = 1_000;

/// Which version of which order a client has been shown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    shown: HashMap<Uuid, Shown>,
    oldest_first: VecDeque<Uuid>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    version: i64,
    status: OrderStatus,
}

impl Seen {
    /// Whether this version is newer than what was shown; remembers it.
    pub(super) fn is_news(&mut self, order: Uuid, version: i64, status: OrderStatus) -> bool {
        let news = Shown { version, status };
        match self.shown.get_mut(&order) {
            Some(shown) if shown.version >= version => false,
            Some(shown) => {
                *shown = news;
                true
            }
            None => {
                if self.oldest_first.len() == REMEMBERED
                    && let Some(oldest) = self.oldest_first.pop_front()
                {
                    self.shown.remove(&oldest);
                }
                self.shown.insert(order, news);
                self.oldest_first.push_back(order);
                true
            }
        }
    }

    /// The orders whose end the client still waits for.
    pub(super) fn unsettled(&self) -> Vec<Uuid> {
        let shown = self.shown.iter();
        shown
            .filter(|(_, shown)| shown.status == OrderStatus::New)
            .map(|(order, _)| *order)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: OrderStatus = OrderStatus::New;

    #[test]
    fn versions_never_go_back() {
        let mut seen = Seen::default();
        let order = Uuid::now_v7();

        assert!(seen.is_news(order, 2, NEW));
        assert!(!seen.is_news(order, 1, NEW));
        assert!(!seen.is_news(order, 2, NEW));
        assert!(seen.is_news(order, 3, NEW));
    }

    #[test]
    fn an_order_is_awaited_until_it_was_shown_settled() {
        let mut seen = Seen::default();
        let (paid, waiting) = (Uuid::now_v7(), Uuid::now_v7());

        seen.is_news(paid, 1, NEW);
        seen.is_news(waiting, 1, NEW);
        seen.is_news(paid, 2, OrderStatus::Finished);

        assert_eq!(seen.unsettled(), [waiting]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();

        for _ in 0..3 * REMEMBERED {
            assert!(seen.is_news(Uuid::now_v7(), 1, NEW));
        }

        assert_eq!(seen.shown.len(), REMEMBERED);
        assert_eq!(seen.oldest_first.len(), REMEMBERED);
    }
}
