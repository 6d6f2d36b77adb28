//! Bodies: whole, and member by member.

use super::{BODY, Cast, FIELD, Route, Table};
use crate::ask::Ask;
use crate::problem::Culprit::{Header, Nothing, Pointer};

pub(super) fn whole(table: &mut Table, cast: &Cast, route: &Route) {
    let ask = |body: &str| Ask::post(route.path, body).by(&cast.anna);
    let good = route.good();
    let unreadable = (400, BODY, Nothing);
    table.row((1, "an empty body"), ask(""), unreadable);
    table.row((1, "white space"), ask(" \n "), unreadable);
    table.row((2, "truncated"), ask(r#"{"amount":100,"#), unreadable);
    table.row(
        (2, "more than JSON"),
        ask(&(good.clone() + "}")),
        unreadable,
    );
    let not_utf8 = Ask::post(route.path, b"{\"amount\":\"\xff\"}".to_vec()).by(&cast.anna);
    table.row((2, "not UTF-8"), not_utf8, unreadable);
    let whole = (422, FIELD, Pointer(""));
    table.row((3, "an array"), ask(&format!("[{good}]")), whole);
    table.row((3, "a number"), ask("100"), whole);
    table.row((3, "null"), ask("null"), whole);
    let deep = "[".repeat(200) + &"]".repeat(200);
    let amount = (422, FIELD, Pointer("/amount"));
    table.row((4, "200 levels deep"), ask(&deep), whole);
    table.row((4, "a deep amount"), ask(&route.amount(&deep)), amount);
    let deeper = "[".repeat(30_000) + &"]".repeat(30_000);
    table.row((4, "30,000 levels"), ask(&route.amount(&deeper)), amount);
    let deep_unknown = route.plus(&format!(r#""more":{deep}"#));
    let more = (422, FIELD, Pointer("/more"));
    table.row((4, "a deep stranger"), ask(&deep_unknown), more);
    table.row(
        (5, "amount twice"),
        ask(&route.plus(r#""amount":100"#)),
        amount,
    );
    let disguised = route.plus(r#""\u0061mount":100"#);
    table.row((5, "amount twice, once escaped"), ask(&disguised), amount);
    let status = (422, FIELD, Pointer("/status"));
    let finished = route.plus(r#""status":"FINISHED""#);
    table.row((6, "a status of one's own"), ask(&finished), status);
    let user = (422, FIELD, Pointer("/user_id"));
    let mallory = route.plus(r#""user_id":"mallory""#);
    table.row((6, "a user in the body"), ask(&mallory), user);
    let big = format!("{good}{}", " ".repeat(65_537 - good.len()));
    table.row(
        (32, "a byte over 64 KiB"),
        ask(&big),
        (413, "body_too_large", Nothing),
    );
    let media = |ask: Ask, header| (ask, (415, "unsupported_media_type", Header(header)));
    let undeclared = ask(&good).without("Content-Type");
    for (name, (ask, refusal)) in [
        ("undeclared", media(undeclared.clone(), "Content-Type")),
        (
            "a form",
            media(
                undeclared.with("Content-Type", "application/x-www-form-urlencoded"),
                "Content-Type",
            ),
        ),
        (
            "declared twice",
            media(
                ask(&good).with("Content-Type", "text/plain"),
                "Content-Type",
            ),
        ),
        (
            "compressed",
            media(
                ask(&good).with("Content-Encoding", "gzip"),
                "Content-Encoding",
            ),
        ),
    ] {
        table.row((0, name), ask, refusal);
    }
}

pub(super) fn amounts(table: &mut Table, cast: &Cast, route: &Route) {
    let ask = |value: &str| Ask::post(route.path, route.amount(value)).by(&cast.anna);
    let refused = (422, FIELD, Pointer("/amount"));
    table.row((7, "-1"), ask("-1"), refused);
    table.row((8, "0"), ask("0"), refused);
    table.row((8, "-0"), ask("-0"), refused);
    table.row((9, "1e400"), ask("1e400"), refused);
    table.row((10, "NaN"), ask("NaN"), (400, BODY, Nothing));
    table.row((10, "Infinity"), ask("Infinity"), (400, BODY, Nothing));
    table.row((11, "0.001"), ask("0.001"), refused);
    table.row((11, "1.0"), ask("1.0"), refused);
    table.row((11, "1e2"), ask("1e2"), refused);
    table.row((12, "2^63"), ask("9223372036854775808"), refused);
    table.row((12, "2^63 - 1"), ask("9223372036854775807"), refused);
    table.row((12, "10^12 + 1"), ask("1000000000001"), refused);
    table.row((13, "a string"), ask(r#""100""#), refused);
    table.row((14, "null"), ask("null"), refused);
    table.row((0, "true"), ask("true"), refused);
    let missing = Ask::post(route.path, "{}").by(&cast.anna);
    table.row((0, "no amount"), missing, refused);
}

pub(super) fn descriptions(table: &mut Table, cast: &Cast) {
    let ask = |value: &str| {
        let body = format!(r#"{{"amount":100,"description":{value}}}"#);
        Ask::post("/orders", body).by(&cast.anna)
    };
    let refused = (422, FIELD, Pointer("/description"));
    table.row((15, "NUL"), ask(r#""a\u0000b""#), refused);
    table.row((15, "a raw NUL"), ask("\"a\0b\""), (400, BODY, Nothing));
    table.row((16, "a lone surrogate"), ask(r#""\ud800""#), refused);
    let long = format!("\"{}\"", "x".repeat(1_000_000));
    table.row((17, "1 MB"), ask(&long), (413, "body_too_large", Nothing));
    let characters = |count| format!("\"{}\"", "я".repeat(count));
    table.row((17, "256 characters"), ask(&characters(256)), refused);
    table.row((0, "empty"), ask("\"\""), refused);
    table.row((0, "a number"), ask("7"), refused);
    table.row((0, "null"), ask("null"), refused);
    let missing = Ask::post("/orders", r#"{"amount":100}"#).by(&cast.anna);
    table.row((0, "no description"), missing, refused);
}
