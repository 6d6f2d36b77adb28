//! The service over HTTP.

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use gozon_service::once::request_key;
use gozon_service::{
    Amount, Code, Description, IdempotencyKey, Json, Page, PathId, Problem, SocketUser, UserId,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::orders::{OrderDesk, Snapshot, Wish};
use crate::socket::{Conversation, MAX_MESSAGE};
use crate::view::OrderView;
use crate::watch::Watchers;

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) orders: Arc<dyn OrderDesk>,
    pub(crate) watchers: Watchers,
    pub(crate) shutdown: CancellationToken,
}

/// All routes, documented.
pub(crate) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(place, list))
        .routes(routes!(find))
        .routes(routes!(watch_one))
        .routes(routes!(watch_all))
}

/// What is ordered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    amount: Amount,
    description: Description,
}

/// Place an order
///
/// The order is accepted and durable at once; whether it is paid arrives later,
/// on the WebSocket or by `GET /orders/{id}`. With an `Idempotency-Key` a
/// repeat is answered with the first answer.
#[utoipa::path(
    post, path = "/orders", tag = "orders", security(("user_id" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters; kept for 24 hours")),
    request_body = NewOrder,
    responses(
        (status = 201, description = "Accepted; `Location` leads to it", body = OrderView),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The first request under this key is still at work", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is over 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Refused; `errors` names the field", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn place(
    State(desk): State<Desk>,
    user: UserId,
    key: Option<IdempotencyKey>,
    Json(order): Json<NewOrder>,
) -> Result<Response, Problem> {
    let key = request_key(&user, "POST /orders", key, &order)?;
    let wish = Wish {
        amount: order.amount.get(),
        description: order.description.as_str().to_owned(),
    };
    Ok(desk
        .orders
        .place(user.as_str(), wish, key)
        .await?
        .into_response())
}

/// List your orders
///
/// Newest first; the next page is in the `Link` header.
#[utoipa::path(
    get, path = "/orders", tag = "orders", security(("user_id" = [])),
    params(Page),
    responses(
        (status = 200, description = "Your orders", body = Vec<OrderView>),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(State(desk): State<Desk>, user: UserId, page: Page) -> Result<Response, Problem> {
    let before = page.cursor_as::<Uuid>()?;
    // One more than asked for tells whether there is a next page.
    let limit = page.limit as usize;
    let mut orders = desk
        .orders
        .page(user.as_str(), before, i64::from(page.limit) + 1)
        .await?;
    let more = orders.len() > limit;
    orders.truncate(limit);
    let views: Vec<OrderView> = orders.iter().map(OrderView::from).collect();
    match orders.last().filter(|_| more) {
        Some(last) => Ok((page.next("/orders", last.id)?, axum::Json(views)).into_response()),
        None => Ok(axum::Json(views).into_response()),
    }
}

/// Look at one order
#[utoipa::path(
    get, path = "/orders/{id}", tag = "orders", security(("user_id" = [])),
    params(("id" = Uuid, Path, description = "The order")),
    responses(
        (status = 200, description = "The order as it stands", body = OrderView),
        (status = 400, description = "The id is not a UUID", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such order", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn find(
    State(desk): State<Desk>,
    user: UserId,
    PathId(id): PathId,
) -> Result<axum::Json<OrderView>, Problem> {
    let order = desk.orders.find(user.as_str(), id).await?;
    let order = order.ok_or_else(no_such_order)?;
    Ok(axum::Json(OrderView::from(&order)))
}

/// Watch one order (WebSocket)
///
/// JSON text frames: the order as it stands, then each change; versions never
/// go back.
#[utoipa::path(
    get, path = "/orders/{id}/ws", tag = "live", security(("user_id" = [])),
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("user_id" = Option<String>, Query, description = "The demonstration's identity, where a header cannot be set"),
    ),
    responses(
        (status = 101, description = "Frames `{\"type\":\"order.status\",\"order_id\",\"user_id\",\"status\",\"reason\",\"version\",\"updated_at\"}`"),
        (status = 400, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such order", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many open sockets", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn watch_one(
    State(desk): State<Desk>,
    SocketUser(user): SocketUser,
    PathId(id): PathId,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    if desk.orders.find(user.as_str(), id).await?.is_none() {
        return Err(no_such_order());
    }
    converse(desk, user, Some(id), upgrade)
}

/// Watch all your orders (WebSocket)
///
/// JSON text frames: the 100 newest orders, then `{"type":"ready"}`, then each
/// change; versions never go back.
#[utoipa::path(
    get, path = "/ws", tag = "live", security(("user_id" = [])),
    params(("user_id" = Option<String>, Query, description = "The demonstration's identity, where a header cannot be set")),
    responses(
        (status = 101, description = "Frames as of `/orders/{id}/ws`, and `{\"type\":\"ready\"}`"),
        (status = 400, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many open sockets", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn watch_all(
    State(desk): State<Desk>,
    SocketUser(user): SocketUser,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    converse(desk, user, None, upgrade)
}

fn converse(
    desk: Desk,
    user: UserId,
    order: Option<Uuid>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(
            Code::WebsocketRequired,
            format!("this address speaks WebSocket: {rejection}"),
        )
    })?;
    // Listening starts before the snapshot is read, so nothing falls between.
    let watch = desk
        .watchers
        .watch(user.as_str(), order)
        .map_err(|error| Problem::new(Code::TooManyRequests, error.to_string()))?;
    let conversation = Conversation {
        watch,
        snapshot: Snapshot::new(desk.orders, user.as_str().to_owned(), order),
        shutdown: desk.shutdown,
    };
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        // Frames are small; a client that reads nothing is given up at this.
        .max_write_buffer_size(4 * MAX_MESSAGE)
        .on_upgrade(|socket| conversation.run(socket)))
}

fn no_such_order() -> Problem {
    Problem::new(Code::OrderNotFound, "you have no order with this id")
}
