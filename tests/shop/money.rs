use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::shop::{Mode, Settled, Shop};
use serde_json::json;

pub(crate) async fn an_order_gets_paid(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;

    let order = anna.order(2_490).await?;
    let settled = anna.expect(order, "FINISHED").await?;

    ensure!(
        settled["version"] == 2 && settled["reason"].is_null(),
        "{settled}"
    );
    ensure!(anna.balance().await? == 7_510);
    let statement = anna.statement().await?;
    ensure!(statement.len() == 2, "{statement:?}");
    ensure!(
        statement[0]["kind"] == "payment" && statement[0]["amount"] == -2_490,
        "{statement:?}"
    );
    ensure!(
        statement[0]["order_id"] == order.to_string() && statement[0]["balance"] == 7_510,
        "{statement:?}"
    );
    ensure!(
        statement[1]["kind"] == "topup" && statement[1]["amount"] == 10_000,
        "{statement:?}"
    );
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 1,
                cancelled: 0
            }
    );
    Ok(())
}

pub(crate) async fn an_order_without_enough_money_is_cancelled(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(2_489).await?;

    let order = anna.order(2_490).await?;
    let settled = anna.expect(order, "CANCELLED").await?;

    ensure!(settled["reason"] == "insufficient_funds", "{settled}");
    ensure!(anna.balance().await? == 2_489);
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 0,
                cancelled: 1
            }
    );
    Ok(())
}

pub(crate) async fn an_order_without_an_account_is_cancelled(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let nobody = shop.stranger();

    let order = nobody.order(2_490).await?;
    let settled = nobody.expect(order, "CANCELLED").await?;

    ensure!(settled["reason"] == "no_account", "{settled}");
    nobody.client.get("/accounts/balance").await?.having(404)?;
    let accounts = nobody.client.get("/accounts").await?.having(200)?;
    ensure!(accounts.json()? == json!([]), "{accounts:?}");
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 0,
                cancelled: 1
            }
    );
    Ok(())
}

pub(crate) async fn of_64_parallel_orders_ten_are_paid(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10 * 700 + 699).await?;

    let orders = try_join_all((0..64).map(|_| anna.order_patiently(700))).await?;
    let settled = try_join_all(orders.iter().map(|order| anna.settled(*order))).await?;

    let paid = settled.iter().filter(|order| order["status"] == "FINISHED");
    ensure!(paid.count() == 10, "{settled:?}");
    ensure!(anna.balance().await? == 699);
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 10,
                cancelled: 54
            }
    );
    Ok(())
}
