//! What is not admitted, and what is not posted any more.

use std::task::Poll;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_answered_as_overload_at_once() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        queue_groups: 3,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let waiting = call(&poster, 1..=3).await;
    let before = Instant::now();

    let refused = poster.post(transfer(4)).await.unwrap_err();

    assert!(
        matches!(refused, PosterError::Overloaded { groups: 3, legs: 6 }),
        "{refused:?}"
    );
    assert_eq!(refused.class(), ErrorClass::Retry);
    assert_eq!(before.elapsed(), Duration::ZERO);
    let (_shutdown, _run) = start(&poster);
    ledger.release(10);
    assert!(answers(waiting).await.iter().all(Result::is_ok));
    assert!(
        poster.post(transfer(4)).await.is_ok(),
        "there is room again"
    );
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_full_of_legs_is_full() {
    let config = PosterConfig {
        queue_legs: 5,
        max_batch: 2,
        ..PosterConfig::default()
    };
    let poster = poster(&Slow::shut(), config);
    let _waiting = call(&poster, 1..=2).await;

    let full = poster.post(transfer(3)).await.unwrap_err();
    let wide = poster.post_group((3..=5).map(transfer).collect()).await;
    let empty = poster.post_group(Vec::new()).await;

    assert_eq!(full.kind(), "overloaded");
    let wide = wide.unwrap_err();
    assert_eq!((wide.kind(), wide.class()), ("too_large", ErrorClass::Bug));
    assert_eq!(empty.unwrap(), []);
}

/// What has been taken is not in the queue any more.
#[tokio::test(start_paused = true)]
async fn a_queue_that_was_emptied_has_all_its_room_again() {
    let config = PosterConfig {
        queue_legs: 4,
        ..PosterConfig::default()
    };
    let poster = poster(&Slow::open(), config);
    let (_shutdown, _run) = start(&poster);

    for id in 1..=10 {
        let pair = vec![transfer(2 * id), transfer(2 * id + 1)];
        poster.post_group(pair).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_deadline_passes_while_it_waits_is_not_posted() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let patient = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let before = Instant::now();
    let soon = Duration::from_millis(50);

    let late = poster.post_group_within(vec![transfer(2)], soon).await;

    assert_eq!(late.unwrap_err().kind(), "timed_out");
    assert_eq!(before.elapsed(), soon);
    ledger.release(10);
    assert!(answers(patient).await[0].is_ok());
    poster.post(transfer(3)).await.unwrap();
    assert_eq!(ledger.begun(), [[1], [3]]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_wait_as_long_as_it_likes() {
    let poster = poster(&Slow::open(), PosterConfig::default());
    let (_shutdown, _run) = start(&poster);

    let posted = poster
        .post_group_within(vec![transfer(1)], Duration::MAX)
        .await;

    assert!(posted.is_ok());
}

/// Its caller has not looked since: nobody but the poster can know that it is late.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_late_is_not_posted_though_its_caller_still_waits() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    let soon = Duration::from_millis(50);
    let mut late = std::pin::pin!(poster.post_group_within(vec![transfer(1)], soon));
    let first_look = std::future::poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_pending()));
    assert!(first_look.await);
    tokio::time::advance(2 * soon).await;

    let (_shutdown, _run) = start(&poster);
    poster.post(transfer(2)).await.unwrap();

    assert_eq!(ledger.begun(), [[2]]);
    assert_eq!(late.await.unwrap_err().kind(), "timed_out");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_the_middle_of_the_transaction_leaves_it_alone() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let calls = call(&poster, 1..=2).await;
    let (_shutdown, _run) = start(&poster);

    for answer in answers(calls).await {
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind(), error.class()),
            ("timed_out", ErrorClass::Retry)
        );
    }

    ledger.release(10);
    poster.post(transfer(3)).await.unwrap();
    assert_eq!(ledger.begun(), [vec![1, 2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_disturbs_no_one() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let in_flight = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let waiting = call(&poster, 2..=4).await;

    for gone in in_flight.iter().chain([&waiting[1]]) {
        gone.abort();
    }
    tokio::task::yield_now().await;
    ledger.release(10);

    for (id, call) in (2..).zip(waiting) {
        match call.await {
            Ok(answer) => assert!(is_own(&answer, id)),
            Err(aborted) => assert!(aborted.is_cancelled() && id == 3),
        }
    }
    // The first one's transaction had begun; the third had not.
    assert_eq!(ledger.begun(), [vec![1], vec![2, 4]]);
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let config = PosterConfig {
        drain: Duration::ZERO,
        ..PosterConfig::default()
    };

    assert_eq!(config.validate().unwrap_err().field, "poster.drain");
    assert!(PosterConfig::default().validate().is_ok());
}
