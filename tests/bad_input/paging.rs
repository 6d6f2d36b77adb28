use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use gozon_tests::http::Answer;
use gozon_tests::shop::{Customer, Mode, Shop};
use serde_json::Value;

const ORDERS: usize = 120;

pub(crate) async fn pages_show_every_entry_once_and_newest_first(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(1_000_000).await?;
    let boris = shop.customer(1_000).await?;
    boris.order(1).await?;
    let placed: HashSet<String> = stream::iter(0..ORDERS)
        .map(|_| anna.order(1))
        .buffer_unordered(8)
        .map_ok(|order| order.to_string())
        .try_collect()
        .await?;
    ensure!(placed.len() == ORDERS);
    shop.books.audit().await?;

    for (start, sizes) in [
        ("/orders", vec![50, 50, 20]),
        ("/orders?limit=100", vec![100, 20]),
        ("/orders?limit=40", vec![40, 40, 40]),
        ("/accounts/statement?limit=60", vec![60, 60, 1]),
    ] {
        let pages = walk(&anna, start).await?;
        let found: Vec<_> = pages.iter().map(Vec::len).collect();
        ensure!(found == sizes, "{start}: {found:?}");
        let entries: Vec<_> = pages.into_iter().flatten().collect();
        newest_first(&entries).context(start)?;
        let key = if start.starts_with("/orders") {
            "id"
        } else {
            "order_id"
        };
        let ids: HashSet<_> = entries
            .iter()
            .filter_map(|entry| Some(entry[key].as_str()?.to_owned()))
            .collect();
        ensure!(ids == placed, "{start}: {} of {ORDERS} ids", ids.len());
    }

    // What comes in between does not push entries to the next page.
    let first = anna.client.get("/orders?limit=60").await?.having(200)?;
    anna.order(1).await?;
    let second = anna.client.get(&next(&first)?.context("no Link")?).await?;
    let both = [entries(&first)?, entries(&second)?].concat();
    let ids: HashSet<_> = both
        .iter()
        .filter_map(|order| Some(order["id"].as_str()?.to_owned()))
        .collect();
    ensure!(ids == placed, "{} of {ORDERS} ids", ids.len());
    ensure!(next(&second)?.is_none(), "{:?}", second.headers);

    head_is_get_without_a_body(&anna).await
}

/// Ids of orders sort by time; balances of a statement lead back to zero.
fn newest_first(entries: &[Value]) -> Result<()> {
    if entries[0]["balance"].is_null() {
        let ids: Vec<_> = entries.iter().map(|order| order["id"].as_str()).collect();
        ensure!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
        return Ok(());
    }
    let number = |entry: &Value, name: &str| entry[name].as_i64().context("no number");
    let mut before = number(&entries[0], "balance")?;
    for entry in entries {
        ensure!(
            number(entry, "balance")? == before,
            "{before}, then {entry}"
        );
        before -= number(entry, "amount")?;
    }
    ensure!(before == 0, "the first entry began with {before}");
    Ok(())
}

async fn head_is_get_without_a_body(anna: &Customer) -> Result<()> {
    for path in [
        "/orders?limit=1",
        "/accounts/balance",
        "/readyz",
        "/openapi.json",
    ] {
        let get = anna.client.get(path).await?.having(200)?;
        let head = anna.client.send(hyper::Method::HEAD, path, "").await?;
        let head = head.having(200)?;
        ensure!(head.body.is_empty(), "{path}: {}", head.text());
        for name in ["content-type", "link"] {
            ensure!(head.header(name) == get.header(name), "{path}: {head:?}");
        }
    }
    Ok(())
}

/// Follows the Links from `start` on.
async fn walk(customer: &Customer, start: &str) -> Result<Vec<Vec<Value>>> {
    let mut pages = Vec::new();
    let mut path = Some(start.to_owned());
    while let Some(current) = path {
        ensure!(pages.len() < 10, "the Links go round in circles");
        let page = customer.client.get(&current).await?.having(200)?;
        pages.push(entries(&page)?);
        path = next(&page)?;
    }
    Ok(pages)
}

fn entries(page: &Answer) -> Result<Vec<Value>> {
    let list = page.json()?;
    Ok(list.as_array().context("not a list")?.clone())
}

/// The relative address of the page after this one.
fn next(page: &Answer) -> Result<Option<String>> {
    let Some(link) = page.header("link") else {
        return Ok(None);
    };
    let next = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        .with_context(|| format!("an odd Link: {link}"))?;
    ensure!(next.starts_with('/') && !next.starts_with("//"), "{link}");
    Ok(Some(next.to_owned()))
}
