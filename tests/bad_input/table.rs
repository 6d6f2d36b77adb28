//! The rows: what is sent, and what comes back.

use crate::ask::Ask;
use crate::problem::Culprit::{self, Header, Nothing, Parameter, Pointer};

/// One bad request and its refusal.
pub(crate) struct Row {
    /// Its number in the list of forty; 0 for what only the contract names.
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) ask: Ask,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) culprit: Culprit,
}

/// Who and what the rows speak of.
pub(crate) struct Cast {
    /// Has an account at its ceiling, an order, and has used the key `used`.
    pub(crate) anna: String,
    /// Has nothing.
    pub(crate) nobody: String,
    /// An order of Anna's.
    pub(crate) annas_order: String,
    /// An id that no order has.
    pub(crate) no_order: String,
}

const BODY: &str = "malformed_body";
const FIELD: &str = "invalid_body";
const HEADER: &str = "malformed_header";
const QUERY: &str = "malformed_query";

/// All rows.
pub(crate) fn rows(cast: &Cast) -> Vec<Row> {
    let mut table = Table(Vec::new());
    for route in [ORDERS, TOP_UP] {
        bodies(&mut table, cast, &route);
        amounts(&mut table, cast, &route);
    }
    descriptions(&mut table, cast);
    headers(&mut table, cast);
    keys(&mut table, cast);
    ids(&mut table, cast);
    handshakes(&mut table, cast);
    queries(&mut table, cast);
    accounts(&mut table, cast);
    addresses(&mut table, cast);
    table.0
}

/// A route with an amount in its body.
struct Route {
    path: &'static str,
    /// What its body needs besides the amount.
    rest: &'static str,
}

const ORDERS: Route = Route {
    path: "/orders",
    rest: r#","description":"a book""#,
};
const TOP_UP: Route = Route {
    path: "/accounts/topup",
    rest: "",
};

impl Route {
    fn good(&self) -> String {
        self.amount("100")
    }

    fn amount(&self, value: &str) -> String {
        format!(r#"{{"amount":{value}{}}}"#, self.rest)
    }

    fn plus(&self, member: &str) -> String {
        format!(r#"{{"amount":100{},{member}}}"#, self.rest)
    }
}

struct Table(Vec<Row>);

impl Table {
    fn row(
        &mut self,
        (number, name): (u8, &'static str),
        ask: Ask,
        (status, code, culprit): (u16, &'static str, Culprit),
    ) {
        self.0.push(Row {
            number,
            name,
            ask,
            status,
            code,
            culprit,
        });
    }
}

fn bodies(table: &mut Table, cast: &Cast, route: &Route) {
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

fn amounts(table: &mut Table, cast: &Cast, route: &Route) {
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

fn descriptions(table: &mut Table, cast: &Cast) {
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

fn headers(table: &mut Table, cast: &Cast) {
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

fn keys(table: &mut Table, cast: &Cast) {
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

fn ids(table: &mut Table, cast: &Cast) {
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

fn handshakes(table: &mut Table, cast: &Cast) {
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

fn queries(table: &mut Table, cast: &Cast) {
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

fn accounts(table: &mut Table, cast: &Cast) {
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

fn addresses(table: &mut Table, cast: &Cast) {
    for path in [
        "/nothing",
        "/orders/",
        "/accounts",
        "/accounts/x",
        "/docs/nothing",
        "/problems/nothing",
    ] {
        let ask = Ask::get(path).by(&cast.anna);
        let refused = match path {
            "/accounts" => (405, "method_not_allowed", Nothing),
            _ => (404, "not_found", Nothing),
        };
        table.row((0, "nothing is there"), ask, refused);
    }
    let wrong = (405, "method_not_allowed", Nothing);
    for (method, path) in [
        ("DELETE", "/orders"),
        ("PUT", "/orders"),
        ("OPTIONS", "/orders"),
        ("BREW", "/orders"),
        ("PATCH", "/accounts/balance"),
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
