//! Orders as HTTP shows them.

use axum::http::StatusCode;
use gozon_inbox::StoredAnswer;
use gozon_service::Problem;
use gozon_service::once::json_answer;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::order::Order;

/// An order as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderView {
    /// UUIDv7, so that ids sort by time.
    pub id: Uuid,
    /// Whose it is.
    #[schema(example = "1")]
    pub user_id: String,
    /// What it costs, in minor units: kopecks, cents.
    #[schema(example = 4990, minimum = 1, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
    /// What the user wrote, verbatim.
    #[schema(example = "a book")]
    pub description: String,
    /// `NEW`, then `FINISHED` or `CANCELLED` for ever.
    #[schema(example = "NEW", pattern = "^(NEW|FINISHED|CANCELLED)$")]
    pub status: &'static str,
    /// Why it was cancelled: `insufficient_funds` or `no_account`.
    #[schema(example = json!(null), pattern = "^(insufficient_funds|no_account)$")]
    pub reason: Option<&'static str>,
    /// 1 at first, grows with every change.
    #[schema(example = 1)]
    pub version: i64,
    /// ISO 4217 code.
    #[schema(example = "RUB")]
    pub currency: String,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            user_id: order.user_id.clone(),
            amount: order.amount,
            description: order.description.clone(),
            status: order.status.as_str(),
            reason: order.reason.map(|reason| reason.as_str()),
            version: order.version,
            currency: order.currency.clone(),
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// 201 with the order and where it will be found.
pub(crate) fn accepted(order: &Order) -> Result<StoredAnswer, Problem> {
    let mut answer = json_answer(StatusCode::CREATED, &OrderView::from(order))?;
    answer
        .headers
        .push(("location".to_owned(), format!("/orders/{}", order.id)));
    Ok(answer)
}
