//! Questions of our own that anybody can make us ask.

use tokio::sync::Mutex;
use tokio::time::Instant;

/// One question, asked by one at a time. Whoever asks while it is under way gets the
/// answer to the next one, together with all others who wait: so it costs its
/// service the same, however many ask us, and no answer is older than who gets it.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    // Held while the question is asked. With it, when it began to be.
    last: Mutex<Option<(T, Instant)>>,
}

impl<T: Clone> Shared<T> {
    pub(crate) fn new() -> Self {
        Self {
            last: Mutex::new(None),
        }
    }

    /// What `question` answers, or answered somebody else since we came.
    pub(crate) async fn answer(&self, question: impl Future<Output = T>) -> T {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((answer, began)) = &*last
            && *began > came
        {
            return answer.clone();
        }
        let began = Instant::now();
        let answer = question.await;
        *last = Some((answer.clone(), began));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn who_waits_together_shares_one_answer_that_is_younger_than_they() {
        let shared = Shared::new();
        let asked = AtomicUsize::new(0);
        let ask = || {
            shared.answer(async {
                tokio::task::yield_now().await;
                asked.fetch_add(1, Ordering::Relaxed)
            })
        };

        let answers = tokio::join!(ask(), ask(), ask(), ask());

        assert_eq!(answers, (0, 1, 1, 1));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn who_comes_later_asks_again() {
        let shared = Shared::new();

        assert_eq!(shared.answer(async { 1 }).await, 1);
        assert_eq!(shared.answer(async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn who_leaves_in_the_middle_of_a_question_leaves_it_to_the_next() {
        let shared = Shared::new();
        let gone = tokio::time::timeout(Duration::ZERO, shared.answer(std::future::pending()));
        assert!(gone.await.is_err());

        assert_eq!(shared.answer(async { 2 }).await, 2);
    }
}
