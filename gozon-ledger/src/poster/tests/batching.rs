//! What is posted together, and what each caller hears.

use super::*;

#[tokio::test(start_paused = true)]
async fn while_one_transaction_commits_the_next_batch_collects() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);

    let first = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let rest = call(&poster, 2..=10).await;
    ledger.release(2);

    let answers = answers(first.into_iter().chain(rest).collect()).await;
    assert_eq!(ledger.begun(), [vec![1], (2..=10).collect::<Vec<_>>()]);
    for (id, answer) in (1..).zip(&answers) {
        assert!(is_own(answer, id), "{id}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_poster_posts_a_single_transfer_at_once() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let before = Instant::now();

    poster.post(transfer(1)).await.unwrap();

    // The clock is paused: it moves only if someone waits for time to pass.
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_limit_and_the_order_of_the_calls() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 4,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let calls = call(&poster, 1..=2).await;
    let group = tokio::spawn({
        let poster = poster.clone();
        async move { poster.post_group((3..=5).map(transfer).collect()).await }
    });
    tokio::task::yield_now().await;
    let more = call(&poster, [6]).await;

    let (_shutdown, _run) = start(&poster);
    ledger.release(10);
    answers(calls.into_iter().chain(more).collect()).await;
    let outcomes = group.await.unwrap().unwrap();

    assert_eq!(ledger.begun(), [vec![1, 2], vec![3, 4, 5, 6]]);
    assert_eq!(outcomes.len(), 3, "its own outcomes alone");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_its_callers_alone() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    let refused = Transfer {
        code: "refused".to_owned(),
        ..transfer(2)
    };
    let calls = call(&poster, [1, 3]).await;
    let (_shutdown, _run) = start(&poster);

    let refusal = poster.post(refused).await.unwrap_err();

    assert!(matches!(
        refusal,
        PosterError::Refused(PostError::AccountNotFound { .. })
    ));
    assert_eq!(refusal.class(), ErrorClass::Reject);
    assert!(answers(calls).await.iter().all(Result::is_ok));
    assert_eq!(ledger.begun(), [[1, 3, 2]]);
}
