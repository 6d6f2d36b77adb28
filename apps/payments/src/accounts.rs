//! What the payments service can do for users, without HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use gozon_inbox::StoredAnswer;
use gozon_ledger::{
    Asset, Balance, Entry, Ledger, LedgerError, Opening, PostError, Transfer, TransferId,
};
use gozon_service::once::{Answer, Once, RequestKey, json_answer};
use gozon_service::{Code, Problem};
use uuid::Uuid;

use crate::store::PaymentStore;
use crate::view::BalanceView;
use crate::{chart, metrics};

/// The desk at which users open accounts, top them up and look at them.
/// Everything is asked in the name of one user and shows that user's account
/// alone.
#[async_trait]
pub(crate) trait AccountDesk: Send + Sync {
    /// Opens the user's one account.
    async fn open(&self, user: &str, key: Option<RequestKey>) -> Result<Answer, Problem>;

    /// Moves `amount` minor units from the funding account to the user's.
    async fn top_up(
        &self,
        user: &str,
        amount: i64,
        key: Option<RequestKey>,
    ) -> Result<Answer, Problem>;

    /// What the user has; `None` without an account.
    async fn balance(&self, user: &str) -> Result<Option<Balance>, LedgerError>;

    /// The user's entries, newest first, those before version `before`; `None`
    /// without an account.
    async fn statement(
        &self,
        user: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<Entry>>, LedgerError>;

    /// The shop's currency.
    fn currency(&self) -> &str;
}

/// The desk on a database.
pub(crate) struct Accounts<D: PaymentStore> {
    /// The books.
    pub ledger: Ledger<D>,
    /// Makes a keyed request take effect once.
    pub once: Once<D>,
    /// The shop's currency.
    pub asset: Asset,
}

#[async_trait]
impl<D: PaymentStore> AccountDesk for Accounts<D> {
    async fn open(&self, user: &str, key: Option<RequestKey>) -> Result<Answer, Problem> {
        let ledger = self.ledger.clone();
        let account = chart::user_account(user, &self.asset);
        let answer = BalanceView::of(user, 0, self.asset.as_str());
        let answer = self
            .once
            .answer(key, move |unit| {
                Box::pin(async move {
                    match ledger.open_account_in(unit.tx(), &account).await {
                        Ok(Opening::Opened) => json_answer(StatusCode::CREATED, &answer),
                        Ok(Opening::AlreadyOpen) => Err(Problem::new(
                            Code::AccountExists,
                            "you already have an account; see GET /accounts/balance",
                        )),
                        Err(error) => Err(Problem::of(error.class(), &error)),
                    }
                })
            })
            .await?;
        if !answer.replayed {
            metrics::opened();
        }
        Ok(answer)
    }

    async fn top_up(
        &self,
        user: &str,
        amount: i64,
        key: Option<RequestKey>,
    ) -> Result<Answer, Problem> {
        let ledger = self.ledger.clone();
        let account = chart::account_of(user);
        let transfer = Transfer::new(topup_id(key.as_ref()), chart::TOPUP)
            .debit(chart::funding(), &self.asset, amount)
            .credit(account, &self.asset, amount);
        let (user, currency) = (user.to_owned(), self.asset.as_str().to_owned());
        let answer = self
            .once
            .answer(key, move |unit| {
                Box::pin(async move {
                    let posted = ledger
                        .post_in(unit.tx(), std::slice::from_ref(&transfer))
                        .await
                        .map_err(|error| Problem::of(error.class(), &error))?;
                    let balance = match posted.into_iter().next() {
                        Some(Ok(posted)) => posted.balance_of(account),
                        Some(Err(error)) => return Err(refusal(&error)),
                        None => None,
                    };
                    topped_up(&user, balance, &currency)
                })
            })
            .await?;
        if !answer.replayed {
            metrics::topped_up();
        }
        Ok(answer)
    }

    async fn balance(&self, user: &str) -> Result<Option<Balance>, LedgerError> {
        self.ledger.balance(chart::account_of(user)).await
    }

    async fn statement(
        &self,
        user: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<Entry>>, LedgerError> {
        let account = chart::account_of(user);
        let entries = self.ledger.statement(account, before, limit).await?;
        // Without entries there may be no account; only then it costs a look.
        if entries.is_empty() && self.ledger.balance(account).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(entries))
    }

    fn currency(&self) -> &str {
        self.asset.as_str()
    }
}

/// With a key the id derives from it, so that the ledger recognises a repeat
/// even after the stored answer has gone.
fn topup_id(key: Option<&RequestKey>) -> TransferId {
    match key {
        // Neither user nor route can hold a line break.
        Some(key) => TransferId(chart::derived(
            "topup",
            &format!("{}\n{}\n{}", key.user, key.route, key.key),
        )),
        None => TransferId(Uuid::now_v7()),
    }
}

fn topped_up(
    user: &str,
    balance: Option<Balance>,
    currency: &str,
) -> Result<StoredAnswer, Problem> {
    let Some(balance) = balance else {
        return Err(Problem::internal(&MissingBalance));
    };
    json_answer(
        StatusCode::OK,
        &BalanceView::of(user, balance.posted, currency),
    )
}

#[derive(Debug, thiserror::Error)]
#[error("the ledger posted a top-up without a balance for its user")]
struct MissingBalance;

fn refusal(error: &PostError) -> Problem {
    match error {
        PostError::AccountNotFound { .. } => no_account(),
        PostError::LimitExceeded { room, .. } => Problem::new(
            Code::BalanceLimitExceeded,
            format!("the account can take {room} more"),
        )
        .with_pointer("/amount", format!("must be {room} at most")),
        PostError::IdConflict { .. } => Problem::header(
            Code::IdempotencyKeyReused,
            "Idempotency-Key",
            "was used for another top-up; choose a new key",
        ),
        other => Problem::internal(other),
    }
}

/// 404: the user has no account.
pub(crate) fn no_account() -> Problem {
    Problem::new(
        Code::AccountNotFound,
        "you have no account; open one with POST /accounts",
    )
}

/// Keeps `Arc<dyn AccountDesk>` short in routes.
pub(crate) type Desk = Arc<dyn AccountDesk>;
