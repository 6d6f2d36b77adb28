//! The service over HTTP.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gozon_ledger::LedgerError;
use gozon_service::once::request_key;
use gozon_service::{Amount, IdempotencyKey, Json, Page, Problem, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Desk, no_account};
use crate::view::{BalanceView, EntryView};

/// All routes, documented.
pub(crate) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(routes!(top_up))
        .routes(routes!(balance))
        .routes(routes!(statement))
}

/// Nothing can be said about a new account: no balance, no currency.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NothingToSay {}

/// How much to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TopUp {
    amount: Amount,
}

/// Open your account
///
/// One account per user; it begins with 0. No body is needed.
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", security(("user_id" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters; kept for 24 hours")),
    responses(
        (status = 201, description = "Opened", body = BalanceView),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "You already have one", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A body that asks for something", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn open(
    State(desk): State<Desk>,
    user: UserId,
    key: Option<IdempotencyKey>,
    _: Option<Json<NothingToSay>>,
) -> Result<Response, Problem> {
    let key = request_key(&user, "POST /accounts", key, &())?;
    Ok(desk.open(user.as_str(), key).await?.into_response())
}

/// Top up your account
///
/// With an `Idempotency-Key` a repeat moves no money and is answered with the
/// first answer.
#[utoipa::path(
    post, path = "/accounts/topup", tag = "accounts", security(("user_id" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters; kept for 24 hours")),
    request_body = TopUp,
    responses(
        (status = 200, description = "Booked", body = BalanceView),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no account", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The first request under this key is still at work", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is over 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Refused, or above the highest balance; `errors` names the field", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn top_up(
    State(desk): State<Desk>,
    user: UserId,
    key: Option<IdempotencyKey>,
    Json(body): Json<TopUp>,
) -> Result<Response, Problem> {
    let key = request_key(&user, "POST /accounts/topup", key, &body)?;
    let answer = desk.top_up(user.as_str(), body.amount.get(), key).await?;
    Ok(answer.into_response())
}

/// Look at your balance
#[utoipa::path(
    get, path = "/accounts/balance", tag = "accounts", security(("user_id" = [])),
    responses(
        (status = 200, description = "What you have", body = BalanceView),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no account", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn balance(
    State(desk): State<Desk>,
    user: UserId,
) -> Result<axum::Json<BalanceView>, Problem> {
    let balance = desk.balance(user.as_str()).await.map_err(failed)?;
    let balance = balance.ok_or_else(no_account)?;
    Ok(axum::Json(BalanceView::of(
        user.as_str(),
        balance.posted,
        desk.currency(),
    )))
}

/// Look at your statement
///
/// Newest first; the next page is in the `Link` header.
#[utoipa::path(
    get, path = "/accounts/statement", tag = "accounts", security(("user_id" = [])),
    params(Page),
    responses(
        (status = 200, description = "Your movements", body = Vec<EntryView>),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No identity", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no account", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn statement(
    State(desk): State<Desk>,
    user: UserId,
    page: Page,
) -> Result<Response, Problem> {
    let before = page.cursor_as::<i64>()?;
    let limit = page.limit as usize;
    // One more than asked for tells whether there is a next page.
    let entries = desk
        .statement(user.as_str(), before, page.limit + 1)
        .await
        .map_err(failed)?;
    let mut entries = entries.ok_or_else(no_account)?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.version);
    let views: Vec<EntryView> = entries.into_iter().map(EntryView::from).collect();
    match next {
        Some(cursor) => {
            let link = page.next("/accounts/statement", cursor)?;
            Ok((link, axum::Json(views)).into_response())
        }
        None => Ok(axum::Json(views).into_response()),
    }
}

fn failed(error: LedgerError) -> Problem {
    Problem::of(error.class(), &error)
}
