use super::*;

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
