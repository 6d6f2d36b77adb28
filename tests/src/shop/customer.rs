use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::eventually;
use crate::http::Client;

/// How long an order may take to settle, also across a crash and a take-over.
pub(super) const SETTLE_BOUND: Duration = Duration::from_secs(60);

/// Someone who shops, under a name of their own.
#[derive(Clone)]
pub struct Customer {
    /// Their name.
    pub name: String,
    /// The gateway, in their name.
    pub client: Client,
}

impl Customer {
    /// Someone new at this gateway.
    pub fn new(gateway: Client) -> Self {
        let name = format!("u-{}", &Uuid::new_v4().simple().to_string()[..12]);
        Self {
            client: gateway.as_user(&name),
            name,
        }
    }

    /// The same person at another gateway.
    #[must_use]
    pub fn at(&self, gateway: &Client) -> Self {
        Self {
            name: self.name.clone(),
            client: gateway.as_user(&self.name),
        }
    }

    /// Opens the account.
    ///
    /// # Errors
    /// When the answer is not 201.
    pub async fn open_account(&self) -> Result<()> {
        self.client.post_nothing("/accounts").await?.having(201)?;
        Ok(())
    }

    /// Tops the account up and returns the balance.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub async fn top_up(&self, amount: i64) -> Result<i64> {
        let body = json!({ "amount": amount });
        let answer = self.client.post("/accounts/topup", &body).await?;
        number(&answer.having(200)?.json()?, "balance")
    }

    /// What the account holds.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub async fn balance(&self) -> Result<i64> {
        let answer = self.client.get("/accounts/balance").await?;
        number(&answer.having(200)?.json()?, "balance")
    }

    /// The newest lines of the statement.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub async fn statement(&self) -> Result<Vec<Value>> {
        let answer = self.client.get("/accounts/statement?limit=100").await?;
        list(answer.having(200)?.json()?)
    }

    /// Places an order and returns its id.
    ///
    /// # Errors
    /// When the answer is not 201.
    pub async fn order(&self, amount: i64) -> Result<Uuid> {
        let body = json!({ "amount": amount, "description": "a book" });
        let answer = self.client.post("/orders", &body).await?.having(201)?;
        let order = answer.json()?;
        ensure!(order["status"] == "NEW", "accepted as {order}");
        Ok(order["id"].as_str().context("no id")?.parse()?)
    }

    /// Places an order under an `Idempotency-Key` and returns its id, whatever
    /// has become of it since.
    ///
    /// # Errors
    /// When the answer is not 201, or none comes.
    pub async fn order_keyed(&self, key: &str, amount: i64) -> Result<Uuid> {
        let body = json!({ "amount": amount, "description": "a book" });
        let keyed = self.client.with_header("idempotency-key", key);
        let order = keyed.post("/orders", &body).await?.having(201)?.json()?;
        Ok(order["id"].as_str().context("no id")?.parse()?)
    }

    /// Places an order and returns its id. Tries again, under one
    /// `Idempotency-Key`, while the shop is too busy to take it.
    ///
    /// # Errors
    /// When it is not taken in the time that an order may take to settle.
    pub async fn order_patiently(&self, amount: i64) -> Result<Uuid> {
        let key = Uuid::new_v4().to_string();
        eventually(SETTLE_BOUND, "the order is taken", async || {
            self.order_keyed(&key, amount).await
        })
        .await
    }

    /// Looks at an order.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub async fn look(&self, order: Uuid) -> Result<Value> {
        let answer = self.client.get(&format!("/orders/{order}")).await?;
        answer.having(200)?.json()
    }

    /// Waits until the order has settled and returns it.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn settled(&self, order: Uuid) -> Result<Value> {
        eventually(SETTLE_BOUND, "the order settles", async || {
            let order = self.look(order).await?;
            ensure!(order["status"] != "NEW", "still {order}");
            Ok(order)
        })
        .await
    }

    /// Waits until the order has settled and checks how.
    ///
    /// # Errors
    /// When it settles otherwise, or does not within a minute.
    pub async fn expect(&self, order: Uuid, status: &str) -> Result<Value> {
        let order = self.settled(order).await?;
        ensure!(order["status"] == status, "expected {status}, got {order}");
        Ok(order)
    }
}

fn number(value: &Value, field: &str) -> Result<i64> {
    value[field]
        .as_i64()
        .with_context(|| format!("no {field} in {value}"))
}

fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(list) => Ok(list),
        other => anyhow::bail!("not a list: {other}"),
    }
}
