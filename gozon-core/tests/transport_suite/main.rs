//! The transport suite, tried on the in-process transport, and on transports
//! that are broken on purpose: a suite that catches nothing proves nothing.
//!
//! The clock is paused, so the patience of the suite costs no time.

mod broken;

use gozon_core::conformance::transport::{RULES, check, run_all};

use broken::{Broken, Fault};

#[tokio::test(start_paused = true)]
async fn the_in_process_transport_keeps_every_rule() {
    if let Err(report) = run_all(&Broken::by(Fault::None)).await.into_result() {
        panic!("{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_names_the_broken_rules_and_no_others() {
    let report = run_all(&Broken::by(Fault::ConfirmsTheUnroutable)).await;

    assert_eq!(
        report.failed(),
        [
            "outcomes_match_the_batch_in_length_and_order",
            "an_unroutable_message_is_returned_and_never_confirmed"
        ]
    );
    let text = report.to_string();
    assert!(
        text.starts_with(&format!("2 of {} rules are broken", RULES.len())),
        "{text}"
    );
    assert!(text.contains("conformance_unheard"), "{text}");
}

/// Each fault breaks at least the rule beside it.
const CAUGHT: &[(Fault, &str)] = &[
    (Fault::LosesMessages, "a_confirmed_message_arrives"),
    (
        Fault::ReversesOutcomes,
        "outcomes_match_the_batch_in_length_and_order",
    ),
    (
        Fault::AnswersShort,
        "outcomes_match_the_batch_in_length_and_order",
    ),
    (
        Fault::ConfirmsTheUnroutable,
        "an_unroutable_message_is_returned_and_never_confirmed",
    ),
    (Fault::RefusesRepeats, "a_repeat_is_confirmed_too"),
    (
        Fault::PublishesOneAtATime,
        "batches_do_not_wait_for_each_other",
    ),
    (
        Fault::ForgetsConcurrentBatches,
        "many_concurrent_batches_are_all_answered",
    ),
    (
        Fault::SwapsBatches,
        "one_key_with_one_message_in_flight_arrives_in_order",
    ),
    (Fault::DropsTracestate, "every_attribute_survives"),
    (Fault::CutsSeconds, "every_attribute_survives"),
    (Fault::CutsData, "data_of_any_size_survives"),
    (
        Fault::IgnoresTypes,
        "a_subscription_receives_its_types_alone",
    ),
    (
        Fault::SharesAcrossSubscriptions,
        "each_durable_subscription_gets_a_copy",
    ),
    (
        Fault::CopiesToEveryConsumer,
        "consumers_of_one_subscription_share_its_messages",
    ),
    (
        Fault::ForgetsTheAbsent,
        "what_is_published_to_an_absent_consumer_arrives_later_or_is_not_confirmed",
    ),
    (
        Fault::ConfirmsBeforeAck,
        "what_is_confirmed_was_acknowledged_or_is_kept",
    ),
    (
        Fault::FlagsEverything,
        "a_first_delivery_is_not_flagged_redelivered",
    ),
    (
        Fault::AcksOnReceive,
        "what_is_unsettled_comes_again_after_the_stream_is_dropped",
    ),
    (
        Fault::AcksOnReceive,
        "a_delivery_dropped_unsettled_comes_again",
    ),
    (Fault::FlagsNothing, "what_is_requeued_comes_again"),
    (Fault::RequeueAcks, "what_is_requeued_comes_again"),
    (
        Fault::ForgetsAcks,
        "what_is_acknowledged_does_not_come_again",
    ),
    (
        Fault::AckSettlesAll,
        "an_acknowledgement_settles_one_delivery_alone",
    ),
    (Fault::IgnoresPrefetch, "prefetch_bounds_what_is_unsettled"),
    (
        Fault::AckMakesNoRoom,
        "an_acknowledgement_makes_room_for_the_next",
    ),
    (Fault::IgnoresMax, "receive_returns_no_more_than_asked"),
    (Fault::LosesOnCancel, "receive_is_cancel_safe"),
    (
        Fault::LosesKeyless,
        "an_ordered_subscription_delivers_every_message",
    ),
    (
        Fault::IgnoresOrder,
        "each_key_keeps_its_order_over_several_consumers",
    ),
    (
        Fault::IgnoresOrder,
        "what_follows_a_held_message_goes_to_no_one_else",
    ),
    (Fault::IgnoresOrder, "a_newcomer_waits_for_what_is_held"),
    (
        Fault::AcksOnReceive,
        "the_next_consumer_begins_with_what_was_not_acknowledged",
    ),
    (
        Fault::ReversesBatches,
        "the_next_consumer_begins_with_what_was_not_acknowledged",
    ),
    (Fault::IgnoresOrder, "what_is_requeued_returns_to_its_place"),
    (Fault::RequeuesLate, "what_is_requeued_returns_to_its_place"),
    (Fault::HasOnePartition, "a_held_partition_holds_up_no_other"),
    (
        Fault::IgnoresPrefetch,
        "a_partition_hands_out_no_more_than_its_share",
    ),
    (
        Fault::HasItsOwnPartitions,
        "order_is_declared_once_and_for_all",
    ),
    (
        Fault::SharesBroadcast,
        "a_broadcast_reaches_every_live_instance",
    ),
    (Fault::SharesBroadcast, "a_broadcast_holds_no_confirmation"),
    (
        Fault::SharesBroadcast,
        "a_broadcast_without_audience_is_answered",
    ),
    (
        Fault::SharesBroadcast,
        "a_broadcast_keeps_nothing_for_the_absent",
    ),
    (Fault::DeclaresAnew, "declaring_twice_is_harmless"),
    (
        Fault::TakesAnySetting,
        "a_subscription_that_makes_no_sense_is_refused",
    ),
    (Fault::NeverEnds, "closing_ends_streams"),
    (
        Fault::ConfirmsWhenClosed,
        "nothing_is_confirmed_after_closing",
    ),
];

#[tokio::test(start_paused = true)]
async fn every_broken_transport_is_caught_by_the_rule_that_it_breaks() {
    let mut escaped = Vec::new();
    for (fault, rule) in CAUGHT {
        match check(&Broken::by(*fault), rule).await {
            Ok(()) => escaped.push((fault, rule)),
            Err(violation) => println!("{fault:?} breaks {rule}: {violation}"),
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[test]
fn every_rule_has_a_transport_that_breaks_it() {
    let unproved: Vec<_> = RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|rule| CAUGHT.iter().all(|(_, caught)| caught != rule))
        .collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}
