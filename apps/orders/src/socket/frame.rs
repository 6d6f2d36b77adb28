use axum::extract::ws::close_code;
use gozon_events::{OrderStatus, OrderStatusChanged, Reason};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::End;

/// What a client receives, as JSON text.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Frame<'a> {
    /// An order as it stands.
    #[serde(rename = "order.status")]
    OrderStatus {
        order_id: Uuid,
        user_id: &'a str,
        status: OrderStatus,
        reason: Option<Reason>,
        version: i64,
        #[serde(with = "time::serde::rfc3339")]
        updated_at: OffsetDateTime,
    },
    /// The snapshot is complete; what follows are changes.
    #[serde(rename = "ready")]
    Ready,
}

impl<'a> Frame<'a> {
    pub(super) fn changed(change: &'a OrderStatusChanged) -> Self {
        Self::OrderStatus {
            order_id: change.order_id,
            user_id: &change.user_id,
            status: change.status,
            reason: change.reason,
            version: change.version,
            updated_at: change.updated_at,
        }
    }

    pub(super) fn text(&self) -> Result<String, End> {
        serde_json::to_string(self).map_err(|error| {
            tracing::error!(%error, "a frame could not be written");
            End::Close(close_code::ERROR, "internal error")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_documented() {
        let change = OrderStatusChanged {
            order_id: Uuid::nil(),
            user_id: "1".into(),
            status: OrderStatus::Cancelled,
            reason: Some(Reason::NoAccount),
            version: 2,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        };

        assert_eq!(
            Frame::changed(&change).text().unwrap(),
            r#"{"type":"order.status","order_id":"00000000-0000-0000-0000-000000000000","user_id":"1","status":"CANCELLED","reason":"no_account","version":2,"updated_at":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(Frame::Ready.text().unwrap(), r#"{"type":"ready"}"#);
    }
}
