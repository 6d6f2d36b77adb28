//! How a poster ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn shutdown_posts_what_waits_and_admits_no_one() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 2,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let (shutdown, run) = start(&poster);
    let calls = call(&poster, 1..=5).await;
    until_begun(&ledger, 1).await;

    shutdown.cancel();
    tokio::task::yield_now().await;
    let refused = poster.post(transfer(6)).await.unwrap_err();
    ledger.release(10);
    run.await.unwrap();

    assert_eq!(
        (refused.kind(), refused.class()),
        ("stopped", ErrorClass::Retry)
    );
    assert!(answers(calls).await.iter().all(Result::is_ok));
    assert_eq!(ledger.begun().concat(), [1, 2, 3, 4, 5]);
    // A second run finds nothing to do and ends.
    poster.run(CancellationToken::new()).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_an_end_and_everyone_an_answer() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 1,
        drain: Duration::from_secs(2),
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let (shutdown, run) = start(&poster);
    let calls = call(&poster, 1..=2).await;
    until_begun(&ledger, 1).await;
    let before = Instant::now();

    shutdown.cancel();
    run.await.unwrap();

    assert_eq!(before.elapsed(), Duration::from_secs(2));
    let answers = answers(calls).await;
    let kinds = answers.iter().map(|one| one.as_ref().unwrap_err().kind());
    assert!(kinds.eq(["lost", "stopped"]));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_panics_ends_the_run_and_leaves_no_one_waiting() {
    let ledger = Slow::open();
    let config = PosterConfig {
        max_batch: 1,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    ledger.fail_next([panics as Failure]);
    let calls = call(&poster, 1..=2).await;
    assert_eq!(poster.waiting(), 2);

    let (_shutdown, run) = start(&poster);

    assert!(run.await.unwrap_err().is_panic());
    let answers = answers(calls).await;
    let kinds = answers.iter().map(|one| one.as_ref().unwrap_err().kind());
    assert!(kinds.eq(["lost", "stopped"]));
    let later = poster.post(transfer(3)).await.unwrap_err();
    assert_eq!(later.kind(), "stopped");
}
