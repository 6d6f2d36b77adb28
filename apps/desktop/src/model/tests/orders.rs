use super::*;

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
