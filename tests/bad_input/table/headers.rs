//! Who asks, under which key, and from which page.

use super::{Cast, HEADER, ORDERS, QUERY, TOP_UP, Table};
use crate::ask::Ask;
use crate::problem::Culprit::{Header, Nothing, Parameter};

pub(super) fn users(table: &mut Table, cast: &Cast) {
    let user = "X-User-Id";
    for call in calls(cast) {
        let nobody = (401, "identity_required", Header(user));
        table.row((19, "no user"), call.clone(), nobody);
        // Alone it is no identity, and it never becomes one.
        let alike = call.clone().with("X_User_Id", &cast.anna);
        table.row((29, "a look-alike alone"), alike, nobody);
        // The parameter is for WebSockets alone; other calls do not know it.
        let refused = (400, HEADER, Header(user));
        let twice = call.clone().by(&cast.anna).by(&cast.anna);
        table.row((20, "the user twice"), twice, refused);
        table.row((20, "no name"), call.clone().by(""), refused);
        table.row((20, "a space"), call.clone().by("a b"), refused);
        table.row((20, "a list"), call.clone().by("anna, boris"), refused);
        table.row(
            (20, "65 characters"),
            call.clone().by(&"a".repeat(65)),
            refused,
        );
        table.row((20, "not ASCII"), call.with(user, "анна"), refused);
    }
}

pub(super) fn keys(table: &mut Table, cast: &Cast) {
    let name = "Idempotency-Key";
    for call in &calls(cast)[..3] {
        let call = call.clone().by(&cast.anna);
        let refused = (400, HEADER, Header(name));
        table.row(
            (21, "256 characters"),
            call.clone().with(name, [b'k'; 256]),
            refused,
        );
        table.row((21, "a tab"), call.clone().with(name, "a\tb"), refused);
        table.row((21, "not ASCII"), call.clone().with(name, "ключ"), refused);
        table.row((21, "empty"), call.clone().with(name, ""), refused);
        table.row(
            (21, "empty quotes"),
            call.clone().with(name, "\"\""),
            refused,
        );
        table.row(
            (21, "half a quote"),
            call.clone().with(name, "\"a"),
            refused,
        );
        let twice = call.with(name, "a").with(name, "a");
        table.row((21, "two keys"), twice, refused);
    }
    for route in [ORDERS, TOP_UP] {
        let other = Ask::post(route.path, route.amount("101")).by(&cast.anna);
        let reused = (422, "idempotency_key_reused", Header(name));
        table.row((22, "another body"), other.with(name, "used"), reused);
    }
}

pub(super) fn handshakes(table: &mut Table, cast: &Cast) {
    for path in ["/ws".to_owned(), format!("/orders/{}/ws", cast.annas_order)] {
        let ask = Ask::handshake(&path);
        let nobody = (401, "identity_required", Header("X-User-Id"));
        table.row((36, "no user"), ask.clone(), nobody);
        let two = Ask::handshake(&format!("{path}?user_id=a&user_id=b"));
        let parameter = (400, QUERY, Parameter("user_id"));
        table.row((36, "two users in the query"), two, parameter);
        let odd = Ask::handshake(&format!("{path}?user_id=a%0d%0ab"));
        table.row((36, "no name in the query"), odd, parameter);
        let ask = ask.by(&cast.anna);
        let foreign = (403, "origin_refused", Header("Origin"));
        for origin in [
            "https://evil.example",
            "https://gozon.example.evil.example",
            "null",
        ] {
            table.row(
                (37, "a foreign page"),
                ask.clone().with("Origin", origin),
                foreign,
            );
        }
        let plain = Ask::get(&path).by(&cast.anna);
        table.row(
            (0, "no WebSocket"),
            plain,
            (400, "websocket_required", Nothing),
        );
    }
}

/// Every call that needs a user.
fn calls(cast: &Cast) -> Vec<Ask> {
    vec![
        Ask::post(ORDERS.path, ORDERS.good()),
        Ask::post(TOP_UP.path, TOP_UP.good()),
        Ask::new("POST", "/accounts").with("Content-Length", "0"),
        Ask::get("/orders"),
        Ask::get(&format!("/orders/{}", cast.annas_order)),
        Ask::get("/accounts/balance"),
        Ask::get("/accounts/statement"),
    ]
}
