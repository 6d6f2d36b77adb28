//! The rows: what is sent, and what comes back.

mod addresses;
mod bodies;
mod headers;

use crate::ask::Ask;
use crate::problem::Culprit;

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
        bodies::whole(&mut table, cast, &route);
        bodies::amounts(&mut table, cast, &route);
    }
    bodies::descriptions(&mut table, cast);
    headers::users(&mut table, cast);
    headers::keys(&mut table, cast);
    addresses::ids(&mut table, cast);
    headers::handshakes(&mut table, cast);
    addresses::queries(&mut table, cast);
    addresses::accounts(&mut table, cast);
    addresses::routes(&mut table, cast);
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
