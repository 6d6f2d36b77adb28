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

#[test]
fn whoever_enters_is_watched_and_read() {
    let mut model = entered();
    let commands = model.take_commands();
    assert!(matches!(&commands[0], Command::Watch { user, .. } if user.as_str() == "anna"));
    let call = |command: &Command| match command {
        Command::Call { call, .. } => Some(call.clone()),
        _ => None,
    };
    let calls: Vec<_> = commands.iter().filter_map(call).collect();
    assert_eq!(calls, [Call::Balance, Call::Orders { older: None }]);
}

#[test]
fn an_id_that_the_shop_would_refuse_is_not_let_in() {
    let mut model = Model::new(Box::new(String::new));
    for (id, enters) in [("a b", false), (" anna ", true)] {
        if let Screen::Choosing { typed, .. } = &mut model.screen {
            *typed = id.into();
        }
        model.act(Action::Enter);
        match &model.screen {
            Screen::Choosing { invalid, .. } => assert!(*invalid && !enters, "{id}"),
            Screen::Shopping(session) => assert!(enters && session.user.as_str() == "anna"),
        }
    }
}

#[test]
fn nobody_sees_what_was_answered_to_another() {
    let mut model = entered();
    let before = session(&mut model).visit;
    model.act(Action::Leave);
    model.act(Action::EnterFresh);

    let late = News::Answer(Answer::Balance(Ok(rubles(999))));
    model.hear(Event {
        visit: before,
        news: late,
    });

    assert_eq!(session(&mut model).account, Account::Reading);
    assert_ne!(session(&mut model).visit, before);
}

#[test]
fn an_account_is_missing_then_opened() {
    let mut model = entered();
    let missing = refused(404, "account_not_found", None);
    answer(&mut model, Answer::Balance(Err(missing)));
    model.take_commands();

    model.act(Action::OpenAccount);
    model.act(Action::OpenAccount);
    assert_eq!(calls(&mut model), [Call::Open], "pressed twice, asked once");
    answer(&mut model, Answer::Opened(Ok(rubles(0))));

    assert!(matches!(
        session(&mut model).account,
        Account::Open { balance: 0, .. }
    ));
}

#[test]
fn an_account_that_somebody_opened_meanwhile_is_read() {
    let mut model = entered();
    let missing = refused(404, "account_not_found", None);
    answer(&mut model, Answer::Balance(Err(missing)));
    model.act(Action::OpenAccount);
    model.take_commands();

    let exists = refused(409, "account_exists", None);
    answer(&mut model, Answer::Opened(Err(exists)));

    assert_eq!(calls(&mut model), [Call::Balance]);
}

#[test]
fn a_lost_answer_is_repeated_with_the_same_key() {
    let mut model = shopping(0);
    session(&mut model).top_up.amount = "10".into();
    model.act(Action::TopUp);
    let first = calls(&mut model);
    answer(&mut model, Answer::ToppedUp(Err(lost())));
    assert!(session(&mut model).top_up.intent.failure.is_some());

    model.act(Action::TopUp);
    assert_eq!(calls(&mut model), first, "the same amount and key");
    answer(&mut model, Answer::ToppedUp(Ok(rubles(1000))));
    session(&mut model).top_up.amount = "10".into();
    model.act(Action::TopUp);

    let third = calls(&mut model);
    let key = |call: Option<&Call>| match call {
        Some(Call::TopUp { key, .. }) => key.clone(),
        other => panic!("{other:?}"),
    };
    // The balance was asked for in between.
    assert_ne!(
        key(first.last()),
        key(third.last()),
        "a new wish, a new key"
    );
}

#[test]
fn another_amount_is_another_wish() {
    let mut model = shopping(0);
    model.act(Action::Add(100));
    answer(&mut model, Answer::ToppedUp(Err(lost())));
    model.act(Action::Add(200));
    let keys: Vec<_> = calls(&mut model)
        .into_iter()
        .map(|call| match call {
            Call::TopUp { amount, key } => (amount, key),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, [(100, "key-1".into()), (200, "key-2".into())]);
}

#[test]
fn a_top_up_is_shown_and_the_balance_asked_for() {
    let mut model = shopping(0);
    session(&mut model).top_up.amount = "10,5".into();
    model.act(Action::TopUp);
    model.act(Action::TopUp);
    let asked = calls(&mut model);
    let topup = Call::TopUp {
        amount: 1050,
        key: "key-1".into(),
    };
    assert_eq!(asked, [topup], "pressed twice, sent once");

    answer(&mut model, Answer::ToppedUp(Ok(rubles(1050))));

    let form = &session(&mut model).top_up;
    assert_eq!((form.added, form.amount.as_str()), (Some(1050), ""));
    assert_eq!(calls(&mut model), [Call::Balance]);
}

#[test]
fn what_is_typed_wrong_is_told_beside_its_field_and_not_sent() {
    let mut model = shopping(0);
    place(&mut model, "   ", "ten");
    assert_eq!(calls(&mut model), []);
    let form = &session(&mut model).order;
    assert_eq!(form.description_error, Some(DescriptionError::Length));
    let unreadable = AmountError::Typed(crate::money::Unreadable::NotAnAmount);
    assert_eq!(form.amount_error, Some(unreadable));

    place(&mut model, &"я".repeat(255), "1");
    assert_eq!(calls(&mut model).len(), 1, "255 characters, not bytes");
}

#[test]
fn what_the_shop_refuses_stands_beside_the_field_that_it_names() {
    let mut model = shopping(0);
    place(&mut model, "Tea", "1");
    let refusal = refused(422, "invalid_body", Some("/amount"));
    answer(&mut model, Answer::Ordered(Err(refusal)));
    let form = &session(&mut model).order;
    let beside = AmountError::Refused("must be less".into());
    assert_eq!(form.amount_error, Some(beside));
    assert_eq!(form.description_error, None);
    assert_eq!(form.intent.failure, None, "told once");
    assert_eq!(form.description, "Tea", "what was typed stays");

    model.act(Action::Add(1));
    let limit = refused(422, "balance_limit_exceeded", None);
    answer(&mut model, Answer::ToppedUp(Err(limit)));
    let form = &session(&mut model).top_up;
    assert_eq!(form.amount_error, Some(AmountError::TooMuchInAccount));
}

#[test]
fn an_order_is_listed_then_settled_and_told() {
    let mut model = shopping(5000);
    place(&mut model, "Tea", "24.90");
    answer(&mut model, Answer::Ordered(Ok(order("b", Status::New, 1))));
    assert_eq!(ids(&mut model), ["b"]);
    assert_eq!(session(&mut model).order.description, "");
    model.take_commands();

    hear(&mut model, frame("b", Status::Finished, 2));

    let commands = model.take_commands();
    assert!(matches!(&commands[0], Command::Notify(n) if n.status == Status::Finished));
    assert!(matches!(
        &commands[1],
        Command::Call {
            call: Call::Balance,
            ..
        }
    ));
    hear(&mut model, frame("b", Status::Finished, 2));
    hear(&mut model, frame("b", Status::New, 1));
    assert_eq!(model.take_commands(), [], "told once, and never back");
    assert_eq!(
        session(&mut model).orders.listed()[0].status,
        Status::Finished
    );
}

#[test]
fn a_push_that_overtakes_the_answer_is_not_lost() {
    let mut model = shopping(5000);
    place(&mut model, "Tea", "24.90");
    hear(&mut model, frame("b", Status::Finished, 2));
    model.take_commands();

    answer(&mut model, Answer::Ordered(Ok(order("b", Status::New, 1))));

    assert_eq!(
        session(&mut model).orders.listed()[0].status,
        Status::Finished
    );
    let commands = model.take_commands();
    assert!(matches!(&commands[0], Command::Notify(_)), "{commands:?}");
}

#[test]
fn what_was_missed_while_offline_is_told_after_it() {
    let mut model = shopping(5000);
    place(&mut model, "Tea", "24.90");
    answer(&mut model, Answer::Ordered(Ok(order("b", Status::New, 1))));
    let retry_at = std::time::Instant::now();
    hear(&mut model, News::Line(Line::Offline { retry_at }));
    model.take_commands();

    hear(&mut model, frame("b", Status::Cancelled, 2));
    hear(&mut model, News::Frame(Frame::Ready));

    assert_eq!(session(&mut model).line, Line::Live);
    let commands = model.take_commands();
    let reason = Some(Reason::InsufficientFunds);
    assert!(matches!(&commands[0], Command::Notify(n) if n.reason == reason));
    assert!(commands.len() > 1, "balance and orders are read again");
}

#[test]
fn orders_of_another_window_appear() {
    let mut model = shopping(0);
    hear(&mut model, frame("x", Status::New, 1));
    hear(&mut model, frame("y", Status::New, 1));
    let read = Call::Orders { older: None };
    let asked = calls(&mut model);
    assert_eq!(asked, std::slice::from_ref(&read), "one read for both");

    let first = page(false, vec![order("x", Status::New, 1)], None);
    answer(&mut model, first);
    assert_eq!(calls(&mut model), [read], "and one more after it");
    let both = vec![order("y", Status::New, 1), order("x", Status::New, 1)];
    answer(&mut model, page(false, both, None));

    assert_eq!(ids(&mut model), ["y", "x"]);
    assert_eq!(calls(&mut model), []);
}

#[test]
fn older_pages_follow_the_newer() {
    let mut model = entered();
    let newest = vec![order("d", Status::Finished, 2), order("c", Status::New, 1)];
    answer(&mut model, page(false, newest, Some("/orders?cursor=c")));
    model.take_commands();

    model.act(Action::Older);
    model.act(Action::Older);
    let older = Some("/orders?cursor=c".to_owned());
    assert_eq!(calls(&mut model), [Call::Orders { older }], "read once");
    let rest = vec![order("b", Status::Finished, 2), order("a", Status::New, 1)];
    answer(&mut model, page(true, rest, None));

    assert_eq!(ids(&mut model), ["d", "c", "b", "a"]);
    assert_eq!(session(&mut model).orders.older(), None);
}

#[test]
fn a_page_that_does_not_reach_what_is_listed_leaves_no_gap() {
    let mut model = entered();
    let listed = vec![order("b", Status::New, 1), order("a", Status::New, 1)];
    answer(&mut model, page(false, listed, None));

    let newer = vec![order("z", Status::New, 1), order("y", Status::New, 1)];
    answer(&mut model, page(false, newer, Some("/orders?cursor=y")));

    assert_eq!(ids(&mut model), ["z", "y"]);
    assert_eq!(session(&mut model).orders.older(), Some("/orders?cursor=y"));
}

#[test]
fn a_balance_that_is_known_stays_when_it_cannot_be_read() {
    let mut model = shopping(700);
    model.act(Action::Refresh);
    answer(&mut model, Answer::Balance(Err(lost())));
    let failed = Answer::Orders {
        older: false,
        page: Err(lost()),
    };
    answer(&mut model, failed);

    assert!(matches!(
        session(&mut model).account,
        Account::Open { balance: 700, .. }
    ));
    assert_eq!(session(&mut model).orders.failure, Some(lost()));
    model.act(Action::Refresh);
    answer(&mut model, page(false, vec![], None));
    assert_eq!(session(&mut model).orders.failure, None);
}

#[test]
fn a_call_that_was_not_sent_ends_like_one_that_failed() {
    let busy = |call: Call| call.failed(Failure::Busy);
    let key = String::new();
    assert_eq!(busy(Call::Balance), Answer::Balance(Err(Failure::Busy)));
    let topup = Call::TopUp { amount: 1, key };
    assert_eq!(busy(topup), Answer::ToppedUp(Err(Failure::Busy)));
    let older = Some("/orders".to_owned());
    let page = Err(Failure::Busy);
    assert_eq!(
        busy(Call::Orders { older }),
        Answer::Orders { older: true, page }
    );
}
