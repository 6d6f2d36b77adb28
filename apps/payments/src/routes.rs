//! The service over HTTP.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gozon_ledger::{Balance, LedgerError};
use gozon_service::once::request_key;
use gozon_service::{Amount, IdempotencyKey, Json, Page, Problem, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Desk, no_account};
use crate::refusals::{
    AccountsRefused, BalanceRefused, OpenRefused, StatementRefused, TopUpRefused,
};
use crate::view::{BalanceView, EntryView};

/// All routes, documented.
pub(crate) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(routes!(accounts))
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
#[schema(example = json!({"amount": 100_000}))]
struct TopUp {
    amount: Amount,
}

/// Open your account
///
/// One account per user. It begins with 0, in the shop's currency. Nothing can
/// be said about it, so no body is needed; an empty object is taken too.
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", security(("user_id" = [])),
    params(IdempotencyKey),
    responses(
        (
            status = 201, description = "Opened.", body = BalanceView,
            headers(("Idempotent-Replayed" = Option<String>, description = "`true` when this is the stored answer of an earlier request")),
            example = json!({"user_id": "1", "balance": 0, "currency": "RUB"})
        ),
        OpenRefused,
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

/// Look at your accounts
///
/// The one that you have, or none: to lack an account is no error here.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", security(("user_id" = [])),
    responses(
        (
            status = 200, description = "One account with its balance, or none.", body = Vec<BalanceView>,
            example = json!([{"user_id": "1", "balance": 97_510, "currency": "RUB"}])
        ),
        AccountsRefused,
    )
)]
async fn accounts(
    State(desk): State<Desk>,
    user: UserId,
) -> Result<axum::Json<Vec<BalanceView>>, Problem> {
    let balance = desk.balance(user.as_str()).await.map_err(failed)?;
    let account = balance.map(|balance| seen(&desk, &user, &balance));
    Ok(axum::Json(account.into_iter().collect()))
}

/// Top up your account
///
/// Books the amount from the shop's funding account to yours, and answers with
/// what you have then. `amount` is in minor units: 1,000.00 roubles are 100000.
///
/// Send an `Idempotency-Key`, and a repeat after a lost answer moves no money:
/// it gets the first answer again. Even after the key has been forgotten the
/// ledger knows a keyed top-up, and never books it twice.
#[utoipa::path(
    post, path = "/accounts/topup", tag = "accounts", security(("user_id" = [])),
    params(IdempotencyKey),
    request_body(content = TopUp, description = "How much to add, in minor units.", example = json!({"amount": 100_000})),
    responses(
        (
            status = 200, description = "Booked; this is the balance after it.", body = BalanceView,
            headers(("Idempotent-Replayed" = Option<String>, description = "`true` when this is the stored answer of an earlier request")),
            example = json!({"user_id": "1", "balance": 100_000, "currency": "RUB"})
        ),
        TopUpRefused,
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
///
/// What the ledger says now, in minor units: no cache, no delay.
#[utoipa::path(
    get, path = "/accounts/balance", tag = "accounts", security(("user_id" = [])),
    responses(
        (
            status = 200, description = "What you have.", body = BalanceView,
            example = json!({"user_id": "1", "balance": 97_510, "currency": "RUB"})
        ),
        BalanceRefused,
    )
)]
async fn balance(
    State(desk): State<Desk>,
    user: UserId,
) -> Result<axum::Json<BalanceView>, Problem> {
    let balance = desk.balance(user.as_str()).await.map_err(failed)?;
    let balance = balance.ok_or_else(no_account)?;
    Ok(axum::Json(seen(&desk, &user, &balance)))
}

fn seen(desk: &Desk, user: &UserId, balance: &Balance) -> BalanceView {
    BalanceView::of(user.as_str(), balance.posted, desk.currency())
}

/// Look at your statement
///
/// Every movement, newest first, `limit` at most, each with the balance after
/// it. While there are older ones, the answer has a `Link` with `rel="next"`:
/// follow it as it is.
#[utoipa::path(
    get, path = "/accounts/statement", tag = "accounts", security(("user_id" = [])),
    params(Page),
    responses(
        (
            status = 200, description = "Your movements; an empty list when there are none.", body = Vec<EntryView>,
            headers(("Link" = Option<String>, description = "The next page, relative to this host: `</accounts/statement?limit=50&cursor=…>; rel=\"next\"`. Missing on the last one")),
            example = json!([
                {"id": "2e051385-e521-5ce9-8f0f-63015a9d1089", "kind": "payment", "amount": -2490, "balance": 97_510,
                 "order_id": "01a1f942-f0ee-716a-b5de-672789127b42", "created_at": "2026-11-20T14:01:16.278903Z"},
                {"id": "105b2748-9207-5efc-9584-7ce8b8c2827a", "kind": "topup", "amount": 100_000, "balance": 100_000,
                 "order_id": null, "created_at": "2026-11-20T14:01:15.745539Z"}
            ])
        ),
        StatementRefused,
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
