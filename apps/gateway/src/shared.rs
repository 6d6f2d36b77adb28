//! Questions of our own that anybody can make us ask.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// One question, asked by one at a time and answered for all who ask meanwhile or
/// shortly after. So it costs its service the same, however many ask us.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    fresh: Duration,
    // Held while the question is asked.
    last: Mutex<Option<(T, Instant)>>,
}

impl<T: Clone> Shared<T> {
    /// An answer is good for `fresh`.
    pub(crate) fn new(fresh: Duration) -> Self {
        Self {
            fresh,
            last: Mutex::new(None),
        }
    }

    /// The last answer while it is fresh, else what `question` answers.
    pub(crate) async fn answer(&self, question: impl Future<Output = T>) -> T {
        let mut last = self.last.lock().await;
        if let Some((answer, since)) = &*last
            && since.elapsed() < self.fresh
        {
            return answer.clone();
        }
        let answer = question.await;
        *last = Some((answer.clone(), Instant::now()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn who_asks_at_the_same_time_shares_one_answer() {
        let shared = Shared::new(Duration::from_secs(60));
        let asked = AtomicUsize::new(0);
        let ask = || {
            shared.answer(async {
                tokio::task::yield_now().await;
                asked.fetch_add(1, Ordering::Relaxed)
            })
        };

        let answers = tokio::join!(ask(), ask(), ask());

        assert_eq!(answers, (0, 0, 0));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_longer_fresh_is_asked_for_again() {
        let shared = Shared::new(Duration::ZERO);

        assert_eq!(shared.answer(async { 1 }).await, 1);
        assert_eq!(shared.answer(async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn who_leaves_in_the_middle_of_a_question_leaves_it_to_the_next() {
        let shared = Shared::new(Duration::from_secs(60));
        let gone = tokio::time::timeout(Duration::ZERO, shared.answer(std::future::pending()));
        assert!(gone.await.is_err());

        assert_eq!(shared.answer(async { 2 }).await, 2);
    }
}
