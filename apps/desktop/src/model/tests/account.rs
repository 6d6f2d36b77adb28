use super::*;

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
