//! What is asked for: orders, pages, accounts, and what does not exist.

use super::{BODY, Cast, FIELD, QUERY, TOP_UP, Table};
use crate::ask::Ask;
use crate::problem::Culprit::{Nothing, Parameter, Pointer};

pub(super) fn ids(table: &mut Table, cast: &Cast) {
    let malformed = (400, "malformed_id", Parameter("id"));
    for id in [
        "not-a-uuid",
        "0190f5b77a3c70008000000000000000",
        "%ff",
        "..%2f..",
    ] {
        let ask = Ask::get(&format!("/orders/{id}")).by(&cast.anna);
        table.row((18, "not a UUID"), ask, malformed);
        let socket = Ask::handshake(&format!("/orders/{id}/ws")).by(&cast.anna);
        table.row((18, "not a UUID, WebSocket"), socket, malformed);
    }
    let missing = (404, "order_not_found", Nothing);
    for (name, id) in [
        ("someone else's", &cast.annas_order),
        ("absent", &cast.no_order),
    ] {
        let ask = Ask::get(&format!("/orders/{id}")).by(&cast.nobody);
        table.row((31, name), ask, missing);
        let socket = Ask::handshake(&format!("/orders/{id}/ws")).by(&cast.nobody);
        table.row((31, name), socket, missing);
    }
}

pub(super) fn queries(table: &mut Table, cast: &Cast) {
    for path in ["/orders", "/accounts/statement"] {
        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("limit=1.5", "limit"),
            ("limit=+5", "limit"),
            ("limit=18446744073709551617", "limit"),
            ("limit=5&limit=5", "limit"),
            ("cursor=garbage", "cursor"),
            ("cursor=", "cursor"),
            ("cursor=%00", "cursor"),
            ("page=2", "page"),
            ("Limit=5", "Limit"),
        ] {
            let ask = Ask::get(&format!("{path}?{query}")).by(&cast.anna);
            table.row((0, query), ask, (400, QUERY, Parameter(parameter)));
        }
    }
}

pub(super) fn accounts(table: &mut Table, cast: &Cast) {
    let open = |user: &str| {
        Ask::new("POST", "/accounts")
            .with("Content-Length", "0")
            .by(user)
    };
    table.row(
        (0, "a second account"),
        open(&cast.anna),
        (409, "account_exists", Nothing),
    );
    table.row(
        (6, "an opening balance"),
        Ask::post("/accounts", r#"{"balance":100}"#).by(&cast.nobody),
        (422, FIELD, Pointer("/balance")),
    );
    table.row(
        (0, "a body that is no JSON"),
        Ask::post("/accounts", "balance=100").by(&cast.nobody),
        (400, BODY, Nothing),
    );
    let over = Ask::post(TOP_UP.path, TOP_UP.amount("101")).by(&cast.anna);
    let limit = (422, "balance_limit_exceeded", Pointer("/amount"));
    table.row((23, "above the ceiling"), over.clone(), limit);
    table.row(
        (23, "the same, keyed"),
        over.with("Idempotency-Key", "over"),
        limit,
    );
    let missing = (404, "account_not_found", Nothing);
    for ask in [
        Ask::post(TOP_UP.path, TOP_UP.good()),
        Ask::post(TOP_UP.path, TOP_UP.good()).with("Idempotency-Key", "none"),
        Ask::get("/accounts/balance"),
        Ask::get("/accounts/statement"),
    ] {
        table.row((0, "no account"), ask.by(&cast.nobody), missing);
    }
}

pub(super) fn routes(table: &mut Table, cast: &Cast) {
    for path in [
        "/nothing",
        "/orders/",
        "/accounts/x",
        "/docs/nothing",
        "/problems/nothing",
    ] {
        let ask = Ask::get(path).by(&cast.anna);
        table.row((0, "nothing is there"), ask, (404, "not_found", Nothing));
    }
    let wrong = (405, "method_not_allowed", Nothing);
    for (method, path) in [
        ("DELETE", "/orders"),
        ("PUT", "/orders"),
        ("OPTIONS", "/orders"),
        ("BREW", "/orders"),
        ("PATCH", "/accounts/balance"),
        ("DELETE", "/accounts"),
        ("GET", "/accounts/topup"),
        ("DELETE", "/livez"),
    ] {
        table.row(
            (0, "a wrong method"),
            Ask::new(method, path).by(&cast.anna),
            wrong,
        );
    }
    let order = Ask::new("DELETE", &format!("/orders/{}", cast.annas_order)).by(&cast.anna);
    table.row((0, "a wrong method"), order, wrong);
}
