//! The service over HTTP.

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use gozon_core::Clock;
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

use crate::journey_view::{self, JourneyView};
use crate::orders::{OrderDesk, Wish};
use crate::refusals::{FindRefused, ListRefused, PlaceRefused, WatchAllRefused, WatchOneRefused};
use crate::snapshot::Snapshot;
use crate::socket::{Conversation, MAX_MESSAGE, READ_BUFFER};
use crate::view::OrderView;
use crate::watch::Watchers;

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) orders: Arc<dyn OrderDesk>,
    pub(crate) watchers: Watchers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) closed: CancellationToken,
}

/// All routes, documented.
pub(crate) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(place, list))
        .routes(routes!(find))
        .routes(routes!(find_journey))
        .routes(routes!(watch_one))
        .routes(routes!(watch_all))
}

/// What is ordered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": 2490, "description": "Tea"}))]
struct NewOrder {
    amount: Amount,
    description: Description,
}

/// Place an order
///
/// The answer comes as soon as the order is durable, with the status `NEW`.
/// Payments decides a moment later: the order is then `FINISHED`, or
/// `CANCELLED` with a `reason`. Watch it on `GET /ws`, or look with
/// `GET /orders/{id}`. That you have no account, or too little on it, is no
/// error here: the order is accepted, and cancelled.
///
/// Send an `Idempotency-Key`, and a repeat after a lost answer places nothing
/// twice: it gets the first answer again.
#[utoipa::path(
    post, path = "/orders", tag = "orders", security(("user_id" = [])),
    params(IdempotencyKey),
    request_body(content = NewOrder, description = "What it costs, in minor units, and what it is.", example = json!({"amount": 2490, "description": "Tea"})),
    responses(
        (
            status = 201, description = "Accepted. It will be paid or cancelled, whatever happens to the shop meanwhile.", body = OrderView,
            headers(
                ("Location" = String, description = "Where the order is, relative to this host"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` when this is the stored answer of an earlier request"),
            ),
            links(
                ("order" = (operation_id = "find", parameters(("id" = "$response.body#/id")))),
                ("journey" = (operation_id = "find_journey", parameters(("id" = "$response.body#/id")))),
                ("live" = (operation_id = "watch_one", parameters(("id" = "$response.body#/id")))),
            ),
            example = json!({
                "id": "01a1f942-f0ee-716a-b5de-672789127b42", "user_id": "1", "amount": 2490, "description": "Tea",
                "status": "NEW", "reason": null, "version": 1, "currency": "RUB",
                "created_at": "2026-11-20T14:01:16.270112Z", "updated_at": "2026-11-20T14:01:16.270112Z"
            })
        ),
        PlaceRefused,
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
/// Newest first, `limit` at most. While there are older ones, the answer has a
/// `Link` with `rel="next"`: follow it as it is, and no order is missed or shown
/// twice, however many are placed meanwhile.
#[utoipa::path(
    get, path = "/orders", tag = "orders", security(("user_id" = [])),
    params(Page),
    responses(
        (
            status = 200, description = "Your orders; an empty list when there are none.", body = Vec<OrderView>,
            headers(("Link" = Option<String>, description = "The next page, relative to this host: `</orders?limit=50&cursor=…>; rel=\"next\"`. Missing on the last one")),
            example = json!([{
                "id": "01a1f942-f0ee-716a-b5de-672789127b42", "user_id": "1", "amount": 2490, "description": "Tea",
                "status": "FINISHED", "reason": null, "version": 2, "currency": "RUB",
                "created_at": "2026-11-20T14:01:16.270112Z", "updated_at": "2026-11-20T14:01:16.281612Z"
            }])
        ),
        ListRefused,
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
///
/// As it stands now. To try it out, take the `id` from the answer of
/// `POST /orders`. Another user's order is not found.
#[utoipa::path(
    get, path = "/orders/{id}", tag = "orders", security(("user_id" = [])),
    params(("id" = Uuid, Path, description = "The order's `id`: a UUID with hyphens")),
    responses(
        (
            status = 200, description = "The order as it stands.", body = OrderView,
            example = json!({
                "id": "01a1f942-fce8-751e-8e4b-ab0d807f39f4", "user_id": "1", "amount": 900000, "description": "Samovar",
                "status": "CANCELLED", "reason": "insufficient_funds", "version": 2, "currency": "RUB",
                "created_at": "2026-11-20T14:01:19.336292Z", "updated_at": "2026-11-20T14:01:19.345115Z"
            })
        ),
        FindRefused,
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

/// Follow the journey of one order
///
/// What happened to it and when, step by step, each with the service that
/// recorded it: from the order's acceptance to the change of its status. Steps
/// that have not happened are shown as such, and `waiting_for` says what is to
/// happen next.
///
/// A service learns of another's steps by its messages. So `published` has no
/// time until payments has answered, and what payments does is shown once its
/// answer is here. A step that is `done` without a time was taken by a version
/// that did not write it down. *Published* means handed to the broker, by the
/// attempt whose delivery took effect; *received* means by the delivery that
/// took effect. Each time is from the clock of the service that recorded it.
#[utoipa::path(
    get, path = "/orders/{id}/journey", tag = "orders", security(("user_id" = [])),
    params(("id" = Uuid, Path, description = "The order's `id`: a UUID with hyphens")),
    responses(
        (
            status = 200, description = "What is known of its way.", body = JourneyView,
            example = json!(journey_view::example())
        ),
        FindRefused,
    )
)]
async fn find_journey(
    State(desk): State<Desk>,
    user: UserId,
    PathId(id): PathId,
) -> Result<axum::Json<JourneyView>, Problem> {
    let journey = desk.orders.journey(user.as_str(), id).await?;
    let journey = journey.ok_or_else(no_such_order)?;
    Ok(axum::Json(JourneyView::from(&journey)))
}

/// Watch one order (WebSocket)
///
/// Text frames of JSON: first the order as it stands, then each change. A
/// frame's `version` never goes back. The socket stays open after the last
/// change; close it when you have seen enough.
///
/// A page like this one cannot open a WebSocket for you: to try it out, use for
/// instance `websocat -H 'X-User-Id: 1' ws://127.0.0.1:8000/orders/…/ws`.
#[utoipa::path(
    get, path = "/orders/{id}/ws", tag = "live", security(("user_id" = [])),
    params(
        ("id" = Uuid, Path, description = "The order's `id`: a UUID with hyphens"),
        ("user_id" = Option<String>, Query, pattern = "^[A-Za-z0-9._-]{1,64}$", description = "The user, where the header `X-User-Id` cannot be set: in a browser. The header wins"),
    ),
    responses(
        (status = 101, description = "The socket is open. Each frame: `{\"type\":\"order.status\",\"order_id\":\"…\",\"user_id\":\"1\",\"status\":\"FINISHED\",\"reason\":null,\"version\":2,\"updated_at\":\"2026-11-20T14:01:16.281612Z\"}`"),
        WatchOneRefused,
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
/// Text frames of JSON: your 100 newest orders as they stand, then
/// `{"type":"ready"}`, then each change, also of orders that are placed later.
/// For one order, `version` never goes back. After a lost connection open it
/// again: what changed meanwhile is among the first frames, if the order is one of
/// your 100 newest; `GET /orders` has all.
///
/// When the service itself may have missed changes, it looks through your 1,000
/// newest orders and sends what changed. Should all of these have changed, it
/// closes the socket with 1013: connect again, and read `GET /orders`.
///
/// A page like this one cannot open a WebSocket for you: to try it out, use for
/// instance `websocat -H 'X-User-Id: 1' ws://127.0.0.1:8000/ws`.
#[utoipa::path(
    get, path = "/ws", tag = "live", security(("user_id" = [])),
    params(("user_id" = Option<String>, Query, pattern = "^[A-Za-z0-9._-]{1,64}$", description = "The user, where the header `X-User-Id` cannot be set: in a browser. The header wins")),
    responses(
        (status = 101, description = "The socket is open. Frames as of `GET /orders/{id}/ws`, and once `{\"type\":\"ready\"}`"),
        WatchAllRefused,
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
        snapshot: Snapshot::new(desk.orders, desk.clock, user.as_str().to_owned(), order),
        closed: desk.closed,
    };
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        // Nothing is said to us but pongs, and each socket has such a buffer for
        // as long as it is open: the default of 128 KiB would be most of what an
        // idle one costs.
        .read_buffer_size(READ_BUFFER)
        // Frames are small; a client that reads nothing is given up at this.
        .max_write_buffer_size(4 * MAX_MESSAGE)
        .on_upgrade(|socket| conversation.run(socket)))
}

fn no_such_order() -> Problem {
    Problem::new(Code::OrderNotFound, "you have no order with this id")
}
