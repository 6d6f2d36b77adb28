//! Transactions that fail.

use super::*;

#[tokio::test(start_paused = true)]
async fn contention_is_tried_again_after_growing_pauses_and_no_caller_hears_of_it() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.fail_next([contention as Failure; 2]);
    let calls = call(&poster, 1..=2).await;
    let before = Instant::now();
    let (_shutdown, _run) = start(&poster);

    assert!(answers(calls).await.iter().all(Result::is_ok));

    assert_eq!(ledger.begun(), [[1, 2], [1, 2], [1, 2]]);
    // 10 ms and 20 ms, each shortened by a half at most.
    assert!(before.elapsed() >= Duration::from_millis(15));
    assert!(before.elapsed() <= Duration::from_millis(35));
}

#[tokio::test(start_paused = true)]
async fn a_contention_that_stays_fails_the_group_that_causes_it_and_no_neighbour() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(2, contention);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    assert!(is_own(&answers[0], 1) && is_own(&answers[2], 3));
    let failed = answers[1].as_ref().unwrap_err();
    assert_eq!(failed.kind(), "failed");
    assert_eq!(failed.class(), ErrorClass::Retry);
    let (together, alone) = (vec![1, 2, 3], vec![2]);
    let expected = [
        [vec![together; 3], vec![vec![1]]].concat(),
        [vec![alone; 3], vec![vec![3]]].concat(),
    ];
    assert_eq!(ledger.begun(), expected.concat());
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_group_fails_alone_and_at_once() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(1, guarded);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    let failed = answers[0].as_ref().unwrap_err();
    assert_eq!(failed.class(), ErrorClass::Bug);
    assert!(is_own(&answers[1], 2) && is_own(&answers[2], 3));
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![1], vec![2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_everyones_and_is_not_tried_for_each() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.fail_next([outage as Failure]);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    for answer in answers(calls).await {
        assert_eq!(answer.unwrap_err().class(), ErrorClass::Retry);
    }
    assert_eq!(ledger.begun(), [[1, 2, 3]]);

    assert!(poster.post(transfer(4)).await.is_ok(), "it goes on");
}

/// The second group alone finds the database gone: the third is not tried.
#[tokio::test(start_paused = true)]
async fn an_outage_while_groups_are_posted_one_by_one_ends_that_too() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(1, guarded);
    let failures: [Failure; 3] = [guarded, guarded, outage];
    ledger.fail_next(failures);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    let classes = answers.iter().map(|one| one.as_ref().unwrap_err().class());
    let expected = [ErrorClass::Bug, ErrorClass::Retry, ErrorClass::Retry];
    assert!(classes.eq(expected));
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![1], vec![2]]);
}

/// Whose outcome is missing, nobody can say.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_answers_for_too_few_is_believed_for_none() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.forget_last(2);
    let calls = call(&poster, 1..=2).await;

    let (_shutdown, _run) = start(&poster);
    let answers = answers(calls).await;

    // The batch, and then each of them alone.
    assert_eq!(ledger.begun(), [vec![1, 2], vec![1], vec![2]]);
    let failed = |answer: &Result<Posted, PosterError>| matches!(answer, Err(PosterError::Failed(error)) if matches!(**error, LedgerError::Corrupt(_)));
    assert!(failed(&answers[0]), "{answers:?}");
    assert!(is_own(&answers[1], 2), "{answers:?}");
}
