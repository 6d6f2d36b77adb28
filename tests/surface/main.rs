//! What the shop shows of itself: health, metrics, documentation, traces.

mod docs;
mod document;
mod health;
mod traces;

gozon_tests::for_both_modes! {
    health_is_shown_without_an_identity = crate::health::health_is_shown_without_an_identity;
    metrics_name_their_service = crate::health::metrics_name_their_service;
    the_documentation_needs_nothing_from_elsewhere = crate::docs::the_documentation_needs_nothing_from_elsewhere;
    the_contract_is_whole = crate::document::the_contract_is_whole;
    one_trace_leads_through_the_whole_shop = crate::traces::one_trace_leads_through_the_whole_shop;
}
