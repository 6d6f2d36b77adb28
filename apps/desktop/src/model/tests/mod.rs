//! The model's rules, as somebody who shops meets them.

mod account;
mod orders;
mod visit;

use super::*;
use crate::api::{
    Balance, Failure, FieldError, Frame, Order, OrderPage, Problem, Reason, Status, StatusFrame,
};

/// A window in which `anna` is shopping; her first reads are still unanswered.
fn entered() -> Model {
    let mut next = 0;
    let mut model = Model::new(Box::new(move || {
        next += 1;
        format!("key-{next}")
    }));
    model.enter(UserId::parse("anna").unwrap());
    model
}

/// She has an account with this much in it, no orders, and a live line.
fn shopping(balance: i64) -> Model {
    let mut model = entered();
    answer(&mut model, Answer::Balance(Ok(rubles(balance))));
    answer(&mut model, page(false, vec![], None));
    hear(&mut model, News::Frame(Frame::Ready));
    answer(&mut model, Answer::Balance(Ok(rubles(balance))));
    answer(&mut model, page(false, vec![], None));
    model.take_commands();
    model
}

fn session(model: &mut Model) -> &mut Session {
    match &mut model.screen {
        Screen::Shopping(session) => session,
        Screen::Choosing { .. } => panic!("nobody is shopping"),
    }
}

fn hear(model: &mut Model, news: News) {
    let visit = session(model).visit;
    model.hear(Event { visit, news });
}

fn answer(model: &mut Model, answer: Answer) {
    hear(model, News::Answer(answer));
}

/// The calls that were asked for, without whose they are.
fn calls(model: &mut Model) -> Vec<Call> {
    let commands = model.take_commands().into_iter();
    commands
        .filter_map(|command| match command {
            Command::Call { call, .. } => Some(call),
            _ => None,
        })
        .collect()
}

fn rubles(balance: i64) -> Balance {
    Balance {
        balance,
        currency: "RUB".into(),
    }
}

fn order(id: &str, status: Status, version: i64) -> Order {
    Order {
        id: id.into(),
        amount: 2490,
        description: "Tea".into(),
        status,
        reason: None,
        version,
        currency: "RUB".into(),
        created_at: "2026-01-01T00:00:00Z".into(),
    }
}

fn page(older: bool, orders: Vec<Order>, next: Option<&str>) -> Answer {
    let older_page = next.map(str::to_owned);
    Answer::Orders {
        older,
        page: Ok(OrderPage {
            orders,
            older: older_page,
        }),
    }
}

fn frame(id: &str, status: Status, version: i64) -> News {
    News::Frame(Frame::Status(StatusFrame {
        order_id: id.into(),
        status,
        reason: (status == Status::Cancelled).then_some(Reason::InsufficientFunds),
        version,
    }))
}

fn refused(status: u16, code: &str, pointer: Option<&str>) -> Failure {
    let error = |pointer: &str| FieldError {
        pointer: Some(pointer.into()),
        detail: "must be less".into(),
    };
    Failure::Refused(Problem {
        status,
        code: code.into(),
        detail: "no".into(),
        errors: pointer.map(error).into_iter().collect(),
        trace_id: String::new(),
    })
}

fn lost() -> Failure {
    Failure::Unreachable("gone".into())
}

fn ids(model: &mut Model) -> Vec<String> {
    let listed = session(model).orders.listed().iter();
    listed.map(|listed| listed.id.clone()).collect()
}

fn place(model: &mut Model, description: &str, amount: &str) {
    let form = &mut session(model).order;
    form.description = description.into();
    form.amount = amount.into();
    model.act(Action::Order);
}
