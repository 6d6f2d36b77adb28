use std::collections::BTreeSet;

use anyhow::{Result, anyhow, ensure};
use gozon_tests::shop::{Customer, Mode, Service, Shop};
use uuid::Uuid;

use crate::problem::check;
use crate::table::{Cast, Row, rows};

/// The highest balance: the most that JavaScript reads exactly.
const CEILING: i64 = 9_007_199_254_740_991;

pub(crate) async fn every_refusal_has_its_status_names_its_field_and_changes_nothing(
    mode: Mode,
) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let (anna, cast) = cast(&shop).await?;
    let gateway = shop.address(Service::Gateway, 0);
    let mut before = state(&shop, &anna).await?;
    let rows = rows(&cast);

    let mut wrong = Vec::new();
    let mut codes = BTreeSet::new();
    for row in &rows {
        let answered = row.ask.send(gateway).await;
        let checked = answered.and_then(|answer| check(&answer, row.status, row.code, row.culprit));
        let after = state(&shop, &anna).await?;
        let unchanged = match after == before {
            true => Ok(()),
            false => Err(anyhow!("{before:?} became {after:?}")),
        };
        // One change is one row's fault.
        before = after;
        for failure in [checked, unchanged] {
            wrong.extend(failure.err().map(|error| shown(row, &error)));
        }
        codes.insert(row.code);
    }

    ensure!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    for code in codes {
        let page = shop.client().get(&format!("/problems/{code}")).await?;
        ensure!(!page.having(200)?.text().is_empty(), "{code}");
    }
    shop.books.audit().await?;
    Ok(())
}

/// Anna has an order, an account that can take 100 more, and has used the key
/// `used` for both kinds of request.
async fn cast(shop: &Shop) -> Result<(Customer, Cast)> {
    let anna = shop.customer(0).await?;
    let keyed = anna.client.with_header("Idempotency-Key", "used");
    let top_up = serde_json::json!({"amount": 100});
    keyed.post("/accounts/topup", &top_up).await?.having(200)?;
    let annas_order = anna.order_keyed("used", 100).await?;
    anna.expect(annas_order, "FINISHED").await?;
    shop.books.give(&anna.name, CEILING - 100).await?;
    ensure!(anna.balance().await? == CEILING - 100);
    shop.books.audit().await?;
    let cast = Cast {
        anna: anna.name.clone(),
        nobody: shop.stranger().name,
        annas_order: annas_order.to_string(),
        no_order: Uuid::now_v7().to_string(),
    };
    Ok((anna, cast))
}

/// Everything that a request could change.
async fn state(shop: &Shop, anna: &Customer) -> Result<Vec<i64>> {
    let mut state = vec![anna.balance().await?];
    for count in [
        "SELECT count(*) FROM orders",
        "SELECT count(*) FROM gozon_outbox",
        "SELECT count(*) FROM gozon_inbox",
        "SELECT count(*) FROM gozon_inbox_requests",
    ] {
        state.push(shop.books.count_in_orders(count).await?);
    }
    for count in [
        "SELECT count(*) FROM gozon_ledger_accounts",
        "SELECT count(*) FROM gozon_ledger_transfers",
        "SELECT count(*) FROM gozon_ledger_entries",
        "SELECT count(*) FROM payments",
        "SELECT count(*) FROM gozon_outbox",
        "SELECT count(*) FROM gozon_inbox_requests",
    ] {
        state.push(shop.books.count_in_payments(count).await?);
    }
    Ok(state)
}

fn shown(row: &Row, error: &anyhow::Error) -> String {
    let ask: String = format!("{:?}", row.ask).chars().take(200).collect();
    let wanted = (row.status, row.code, row.culprit);
    format!(
        "{} {}: wanted {wanted:?}\n    {ask}\n    {error:#}",
        row.number, row.name
    )
}
