//! Rules about the poster on this store.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::kit::{BANK, account, assert_clean, held, open_users, pay, top_up, user, version};
use super::{HandClock, Subject};
use crate::{Books, PostError, Posted, Poster, PosterConfig, PosterError, Transfer};

type Answer = Result<Posted, PosterError>;

/// A poster that runs in a task of its own, with batches so small that there
/// are several.
struct Running {
    poster: Poster,
    shutdown: CancellationToken,
    run: tokio::task::JoinHandle<()>,
}

fn poster(books: &Arc<dyn Books>) -> Poster {
    let config = PosterConfig {
        max_batch: 20,
        deadline: std::time::Duration::from_secs(60),
        ..PosterConfig::default()
    };
    Poster::new(Arc::clone(books), config).unwrap()
}

impl Running {
    fn start(poster: Poster) -> Self {
        let shutdown = CancellationToken::new();
        let run = {
            let (poster, shutdown) = (poster.clone(), shutdown.clone());
            tokio::spawn(async move { poster.run(shutdown).await })
        };
        Self {
            poster,
            shutdown,
            run,
        }
    }

    /// Calls from a task for each transfer.
    fn call(&self, transfers: impl IntoIterator<Item = Transfer>) -> JoinSet<(Transfer, Answer)> {
        call(&self.poster, transfers)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.run.await.unwrap();
    }
}

fn posted(answers: &[(Transfer, Answer)]) -> usize {
    let moved = |(_, answer): &&(Transfer, Answer)| answer.as_ref().is_ok_and(|one| !one.replayed);
    answers.iter().filter(moved).count()
}

fn call(
    poster: &Poster,
    transfers: impl IntoIterator<Item = Transfer>,
) -> JoinSet<(Transfer, Answer)> {
    let mut tasks = JoinSet::new();
    for transfer in transfers {
        let poster = poster.clone();
        tasks.spawn(async move {
            let answer = poster.post(transfer.clone()).await;
            (transfer, answer)
        });
    }
    tasks
}

/// Runs a poster for which all the calls wait already, so that its batches are
/// as large as they may be.
async fn in_full_batches(
    books: &Arc<dyn Books>,
    transfers: Vec<Transfer>,
) -> Vec<(Transfer, Answer)> {
    let (poster, calls) = (poster(books), transfers.len());
    let tasks = call(&poster, transfers);
    while poster.waiting() < calls {
        tokio::task::yield_now().await;
    }
    let running = Running::start(poster);
    let answers = tasks.join_all().await;
    running.stop().await;
    answers
}

/// 64 tasks want more than there is: what can be paid is paid, to the last
/// unit, and every task hears whether it was its own.
pub async fn calls_at_once_through_a_poster_keep_a_guarded_account_above_its_floor(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_users(books.as_ref(), &[1], 1_000).await;
    books.open_account(&user(2)).await.unwrap();

    let transfers = (1..=64).map(|n| pay(n, 1, 2, 30)).collect();
    let answers = in_full_batches(&books, transfers).await;

    assert_eq!(posted(&answers), 33, "33 times 30 is 990");
    let refused = answers.iter().filter_map(|(_, one)| one.as_ref().err());
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 31);
    for error in refused {
        let PosterError::Refused(PostError::InsufficientFunds { available, .. }) = error else {
            panic!("{error:?}");
        };
        assert!((0..30).contains(available), "{error}");
    }
    assert_eq!(held(books.as_ref(), 1).await, 10);
    assert_eq!(held(books.as_ref(), 2).await, 990);
    assert_eq!(version(books.as_ref(), 2).await, 33);
    assert_clean(books.as_ref()).await;
}

/// Whatever its neighbours in the batch are: refused, repeated or broken.
pub async fn each_call_to_a_poster_gets_its_own_outcome(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2], 10_000).await;
    let transfers = (1..=20_u128).flat_map(|n| {
        let amount = i64::try_from(n).unwrap();
        let repeated = pay(n, 1, 2, amount);
        let missing = pay(100 + n, 1, 77, 1);
        let broken = pay(200 + n, 1, 2, -1);
        [repeated.clone(), repeated, missing, broken]
    });

    let answers = in_full_batches(&books, transfers.collect()).await;

    assert_eq!((answers.len(), posted(&answers)), (80, 20));
    for (transfer, answer) in &answers {
        let n = transfer.id.0.as_u128() >> 64;
        match answer {
            Ok(posted) => {
                assert!(n <= 20, "{n}");
                let line = posted.balance_of(account(1)).unwrap();
                let lines = books
                    .statement(account(1), Some(line.version + 1), 1)
                    .await
                    .unwrap();
                assert_eq!(lines[0].transfer, transfer.id);
                assert_eq!(lines[0].balance, line.posted);
            }
            Err(PosterError::Refused(PostError::AccountNotFound { .. })) => {
                assert!((101..=120).contains(&n), "{n}");
            }
            Err(PosterError::Refused(PostError::NonPositiveAmount { .. })) => {
                assert!((201..=220).contains(&n), "{n}");
            }
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(held(books.as_ref(), 1).await, 10_000 - 210);
    assert_clean(books.as_ref()).await;
}

/// Also when both bring the same transfers: each moves once.
pub async fn a_poster_and_direct_posts_share_the_accounts(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2, 3], 1_000).await;
    let running = Running::start(poster(&books));
    let transfers = || (1..=60_u128).map(|n| pay(n, n % 3 + 1, (n + 1) % 3 + 1, 1));
    let mut direct = JoinSet::new();
    for transfer in transfers() {
        let books = Arc::clone(&books);
        direct.spawn(async move {
            let outcome = books.post(&[transfer]).await.unwrap().remove(0);
            !outcome.unwrap().replayed
        });
    }

    let answers = running.call(transfers()).join_all().await;
    let direct = direct.join_all().await;
    running.stop().await;

    assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
    let moved = posted(&answers) + direct.into_iter().filter(|moved| *moved).count();
    assert_eq!(moved, 60);
    for n in 1..=3 {
        assert_eq!(held(books.as_ref(), n).await, 1_000, "account {n}");
        assert_eq!(version(books.as_ref(), n).await, 41, "account {n}");
    }
    assert_clean(books.as_ref()).await;
}

/// What was answered as posted stands in the books, what was answered as
/// stopped does not.
pub async fn a_poster_that_stops_has_posted_what_it_answered_and_nothing_else(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_users(books.as_ref(), &[1], 0).await;
    let running = Running::start(poster(&books));
    let shutdown = running.shutdown.clone();
    let callers = running.call((1..=100).map(|n| top_up(n, 1, 1)));
    let stopper = async {
        // In the middle of the traffic: when the first are posted.
        while version(books.as_ref(), 1).await == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };

    let (answers, ()) = tokio::join!(callers.join_all(), stopper);
    running.stop().await;

    let sum = i64::try_from(posted(&answers)).unwrap();
    for (_, answer) in &answers {
        assert!(
            matches!(answer, Ok(_) | Err(PosterError::Stopped)),
            "{answer:?}"
        );
    }
    assert_eq!(held(books.as_ref(), 1).await, sum);
    assert_eq!(held(books.as_ref(), BANK).await, sum);
    let late = books.post(&[top_up(1_000, 1, 1)]).await.unwrap();
    assert!(late[0].is_ok(), "the ledger goes on without it");
    assert_clean(books.as_ref()).await;
}
