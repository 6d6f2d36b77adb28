//! The journey of an order as HTTP shows it.

use gozon_core::Event;
use gozon_events::{
    BookedEntry, BookedTransfer, OrderCreated, OrderStatus, PaymentFailed, PaymentSucceeded,
};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::journey::{Journey, Settlement, Waiting};
use crate::order::Order;

/// What happened to an order, and when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Journey)]
pub(crate) struct JourneyView {
    /// The order.
    pub order_id: Uuid,
    /// Its status now.
    #[schema(example = "FINISHED", pattern = "^(NEW|FINISHED|CANCELLED)$")]
    pub status: &'static str,
    /// ISO 4217 code of all amounts, which are in minor units.
    #[schema(example = "RUB")]
    pub currency: String,
    /// What has to happen next; null once the order is settled. `broker`: the
    /// event stands in the outbox and the broker has not confirmed it.
    /// `operator`: the broker refused it for its own sake, and a person has to
    /// decide. `payments`: it is published, and payments has not answered.
    #[schema(example = json!(null), pattern = "^(broker|operator|payments)$")]
    pub waiting_for: Option<&'static str>,
    /// Always the same eight, in this order.
    pub steps: Vec<StepView>,
}

/// One step on the way of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JourneyStep)]
pub(crate) struct StepView {
    /// Which one. `accepted`: the order and its event were committed in one
    /// transaction. `published`: the event was handed to the broker.
    /// `received`: by payments. `decided`: with the money, in one transaction.
    /// `result_committed`: to the outbox of payments, in that transaction.
    /// `result_published`, `result_received`: by orders. `status_changed`: the
    /// order's.
    #[schema(
        example = "accepted",
        pattern = "^(accepted|published|received|decided|result_committed|result_published|result_received|status_changed)$"
    )]
    pub step: &'static str,
    /// Which service recorded it.
    #[schema(example = "orders", pattern = "^(orders|payments)$")]
    pub by: &'static str,
    /// `done`; `waiting`: what has to happen next; `open`: comes after that.
    #[schema(example = "done", pattern = "^(done|waiting|open)$")]
    pub state: &'static str,
    /// When, by the clock of the service that recorded it; null if it has not
    /// happened or if its time is not known.
    #[serde(with = "time::serde::rfc3339::option")]
    pub at: Option<OffsetDateTime>,
    /// The type of the event that the step is about, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "order_created",
        pattern = "^(order_created|payment_succeeded|payment_failed)$"
    )]
    pub event: Option<&'static str>,
    /// Of `decided`: `paid` or `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(paid|refused)$")]
    pub outcome: Option<&'static str>,
    /// Of `decided`: why it was refused, or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(insufficient_funds|no_account)$")]
    pub reason: Option<Option<&'static str>>,
    /// Of `decided`: what was booked; null if the order was refused, or if that
    /// is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TransferView>)]
    pub transfer: Option<Option<TransferView>>,
    /// Of `status_changed`: the order's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(FINISHED|CANCELLED)$")]
    pub status: Option<&'static str>,
    /// Of `status_changed`: the order's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// The transfer in the ledger that paid an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JourneyTransfer)]
pub(crate) struct TransferView {
    /// Its id, as the statement shows it.
    pub id: Uuid,
    /// One for each account that it moved.
    pub entries: Vec<EntryView>,
}

/// What a transfer did to one account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JourneyEntry)]
pub(crate) struct EntryView {
    /// `user`, or `shop`.
    #[schema(example = "user", pattern = "^(user|shop)$")]
    pub kind: &'static str,
    /// The user's id, or what the shop calls the account.
    #[schema(example = "1")]
    pub name: String,
    /// Minor units; negative when money left the account.
    #[schema(example = -4990)]
    pub amount: i64,
    /// Of your own account alone: what it held after it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 95_010)]
    pub balance: Option<i64>,
}

impl From<&Journey> for JourneyView {
    fn from(journey: &Journey) -> Self {
        let order = &journey.recorded.order;
        let steps = match journey.waiting {
            None => settled(order, journey.recorded.settlement.as_ref()),
            Some(waiting) => unsettled(order, waiting),
        };
        Self {
            order_id: order.id,
            status: order.status.as_str(),
            currency: order.currency.clone(),
            waiting_for: journey.waiting.map(Waiting::as_str),
            steps: steps.into(),
        }
    }
}

const ORDERS: &str = "orders";
const PAYMENTS: &str = "payments";
/// All steps, and who records each.
const STEPS: [(&str, &str); 8] = [
    ("accepted", ORDERS),
    ("published", ORDERS),
    ("received", PAYMENTS),
    ("decided", PAYMENTS),
    ("result_committed", PAYMENTS),
    ("result_published", PAYMENTS),
    ("result_received", ORDERS),
    ("status_changed", ORDERS),
];

/// The steps up to and with `decided` are about what asks payments.
fn event_of(index: usize, result: Option<&'static str>) -> Option<&'static str> {
    match index {
        0..=3 => Some(OrderCreated::TYPE),
        4..=6 => result,
        _ => None,
    }
}

/// The steps in one state each, without times.
fn steps(state: impl Fn(usize) -> &'static str, result: Option<&'static str>) -> [StepView; 8] {
    let mut index = 0;
    STEPS.map(|(step, by)| {
        let view = StepView {
            step,
            by,
            state: state(index),
            at: None,
            event: event_of(index, result),
            outcome: None,
            reason: None,
            transfer: None,
            status: None,
            version: None,
        };
        index += 1;
        view
    })
}

fn unsettled(order: &Order, waiting: Waiting) -> [StepView; 8] {
    let next = match waiting {
        Waiting::Broker | Waiting::Operator => 1,
        Waiting::Payments => 2,
    };
    let state = |index: usize| match index.cmp(&next) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "waiting",
        std::cmp::Ordering::Greater => "open",
    };
    let mut steps = steps(state, None);
    steps[0].at = Some(order.created_at);
    steps
}

fn settled(order: &Order, settlement: Option<&Settlement>) -> [StepView; 8] {
    let paid = order.status == OrderStatus::Finished;
    let result = match paid {
        true => PaymentSucceeded::TYPE,
        false => PaymentFailed::TYPE,
    };
    let decision = settlement.and_then(|settlement| settlement.decision.as_ref());
    let times = [
        Some(order.created_at),
        decision.and_then(|decision| decision.published_at),
        decision.and_then(|decision| decision.received_at),
        decision.map(|decision| decision.decided_at),
        settlement.map(|settlement| settlement.committed_at),
        settlement.and_then(|settlement| settlement.published_at),
        settlement.and_then(|settlement| settlement.received_at),
        Some(order.updated_at),
    ];
    let mut steps = steps(|_| "done", Some(result));
    for (step, time) in steps.iter_mut().zip(times) {
        step.at = time;
    }
    let decided = &mut steps[3];
    decided.outcome = Some(if paid { "paid" } else { "refused" });
    decided.reason = Some(order.reason.map(|reason| reason.as_str()));
    let transfer = decision.and_then(|decision| decision.transfer.as_ref());
    decided.transfer = Some(transfer.map(TransferView::from));
    let changed = &mut steps[7];
    changed.status = Some(order.status.as_str());
    changed.version = Some(order.version);
    steps
}

impl From<&BookedTransfer> for TransferView {
    fn from(transfer: &BookedTransfer) -> Self {
        Self {
            id: transfer.id,
            entries: transfer.entries.iter().map(EntryView::from).collect(),
        }
    }
}

impl From<&BookedEntry> for EntryView {
    fn from(entry: &BookedEntry) -> Self {
        Self {
            kind: entry.kind.as_str(),
            name: entry.name.clone(),
            amount: entry.amount,
            balance: entry.balance,
        }
    }
}

/// What the contract shows: a paid order.
pub(crate) fn example() -> Value {
    json!({
        "order_id": "01932c5e-7a4b-7c3d-9e1f-0a1b2c3d4e5f",
        "status": "FINISHED",
        "currency": "RUB",
        "waiting_for": null,
        "steps": [
            {"step": "accepted", "by": "orders", "state": "done", "at": "2026-11-20T18:40:00.000101Z", "event": "order_created"},
            {"step": "published", "by": "orders", "state": "done", "at": "2026-11-20T18:40:00.00421Z", "event": "order_created"},
            {"step": "received", "by": "payments", "state": "done", "at": "2026-11-20T18:40:00.00653Z", "event": "order_created"},
            {"step": "decided", "by": "payments", "state": "done", "at": "2026-11-20T18:40:00.008011Z", "event": "order_created",
                "outcome": "paid", "reason": null, "transfer": {
                    "id": "0d8f7c0e-3a52-5b3a-9a57-2f6e1c9d4b10",
                    "entries": [
                        {"kind": "user", "name": "1", "amount": -4990, "balance": 95_010},
                        {"kind": "shop", "name": "revenue", "amount": 4990},
                    ],
                }},
            {"step": "result_committed", "by": "payments", "state": "done", "at": "2026-11-20T18:40:00.01024Z", "event": "payment_succeeded"},
            {"step": "result_published", "by": "payments", "state": "done", "at": "2026-11-20T18:40:00.013007Z", "event": "payment_succeeded"},
            {"step": "result_received", "by": "orders", "state": "done", "at": "2026-11-20T18:40:00.01512Z", "event": "payment_succeeded"},
            {"step": "status_changed", "by": "orders", "state": "done", "at": "2026-11-20T18:40:00.0164Z", "status": "FINISHED", "version": 2},
        ],
    })
}

#[cfg(test)]
mod tests {
    use gozon_events::{AccountKind, DecisionRecord, Reason};
    use time::format_description::well_known::Rfc3339;

    use super::*;
    use crate::journey::Recorded;

    fn at(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    fn order(status: OrderStatus) -> Order {
        Order {
            id: "01932c5e-7a4b-7c3d-9e1f-0a1b2c3d4e5f".parse().unwrap(),
            user_id: "1".into(),
            amount: 4990,
            currency: "RUB".into(),
            description: "a book".into(),
            status,
            reason: (status == OrderStatus::Cancelled).then_some(Reason::NoAccount),
            version: if status == OrderStatus::New { 1 } else { 2 },
            created_at: at("2026-11-20T18:40:00.000101Z"),
            updated_at: at("2026-11-20T18:40:00.0164Z"),
        }
    }

    fn shown(
        status: OrderStatus,
        settlement: Option<Settlement>,
        waiting: Option<Waiting>,
    ) -> Value {
        let journey = Journey {
            recorded: Recorded {
                order: order(status),
                settlement,
            },
            waiting,
        };
        serde_json::to_value(JourneyView::from(&journey)).unwrap()
    }

    fn settlement() -> Settlement {
        let entry = |kind, name: &str, amount, balance| BookedEntry {
            kind,
            name: name.to_owned(),
            amount,
            balance,
        };
        Settlement {
            event: PaymentSucceeded::TYPE.to_owned(),
            committed_at: at("2026-11-20T18:40:00.01024Z"),
            published_at: Some(at("2026-11-20T18:40:00.013007Z")),
            received_at: Some(at("2026-11-20T18:40:00.01512Z")),
            decision: Some(DecisionRecord {
                published_at: Some(at("2026-11-20T18:40:00.00421Z")),
                received_at: Some(at("2026-11-20T18:40:00.00653Z")),
                decided_at: at("2026-11-20T18:40:00.008011Z"),
                transfer: Some(BookedTransfer {
                    id: "0d8f7c0e-3a52-5b3a-9a57-2f6e1c9d4b10".parse().unwrap(),
                    entries: vec![
                        entry(AccountKind::User, "1", -4990, Some(95_010)),
                        entry(AccountKind::Shop, "revenue", 4990, None),
                    ],
                }),
            }),
        }
    }

    fn waiting() -> Value {
        json!({
            "order_id": "01932c5e-7a4b-7c3d-9e1f-0a1b2c3d4e5f",
            "status": "NEW",
            "currency": "RUB",
            "waiting_for": "payments",
            "steps": [
                {"step": "accepted", "by": "orders", "state": "done", "at": "2026-11-20T18:40:00.000101Z", "event": "order_created"},
                {"step": "published", "by": "orders", "state": "done", "at": null, "event": "order_created"},
                {"step": "received", "by": "payments", "state": "waiting", "at": null, "event": "order_created"},
                {"step": "decided", "by": "payments", "state": "open", "at": null, "event": "order_created"},
                {"step": "result_committed", "by": "payments", "state": "open", "at": null},
                {"step": "result_published", "by": "payments", "state": "open", "at": null},
                {"step": "result_received", "by": "orders", "state": "open", "at": null},
                {"step": "status_changed", "by": "orders", "state": "open", "at": null},
            ],
        })
    }

    #[test]
    fn the_example_of_the_contract_is_what_is_shown() {
        let paid = shown(OrderStatus::Finished, Some(settlement()), None);

        assert_eq!(paid, example());
    }

    #[test]
    fn of_an_order_that_waits_for_payments_nothing_is_claimed_that_is_not_known() {
        let shown = shown(OrderStatus::New, None, Some(Waiting::Payments));

        assert_eq!(shown, waiting());
    }

    #[test]
    fn what_is_stored_reads_back() {
        let stored = serde_json::to_string(&settlement()).unwrap();

        assert_eq!(
            serde_json::from_str::<Settlement>(&stored).unwrap(),
            settlement()
        );
    }

    #[test]
    fn of_an_order_that_waits_for_the_broker_nothing_but_its_acceptance_is_known() {
        for waiting in [Waiting::Broker, Waiting::Operator] {
            let journey = shown(OrderStatus::New, None, Some(waiting));

            assert_eq!(journey["waiting_for"], waiting.as_str());
            let states: Vec<_> = (0..8).map(|n| &journey["steps"][n]["state"]).collect();
            assert_eq!(
                states,
                [
                    "done", "waiting", "open", "open", "open", "open", "open", "open"
                ]
            );
            let times = (1..8).map(|n| &journey["steps"][n]["at"]);
            assert!(times.into_iter().all(Value::is_null), "{journey}");
        }
    }

    #[test]
    fn what_nobody_wrote_down_is_done_without_a_time() {
        let older = Settlement {
            published_at: None,
            decision: None,
            ..settlement()
        };

        let by_older_orders = shown(OrderStatus::Cancelled, None, None);
        let by_older_payments = shown(OrderStatus::Cancelled, Some(older), None);

        for (journey, known) in [
            (by_older_orders, vec![0, 7]),
            (by_older_payments, vec![0, 4, 6, 7]),
        ] {
            for n in 0..8 {
                let step = &journey["steps"][n];
                assert_eq!(step["state"], "done");
                assert_eq!(step["at"].is_string(), known.contains(&n), "{step}");
            }
            let decided = &journey["steps"][3];
            assert_eq!(decided["outcome"], "refused");
            assert_eq!(decided["reason"], "no_account");
            assert_eq!(decided.get("transfer"), Some(&Value::Null));
        }
    }
}
