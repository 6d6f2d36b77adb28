//! What the window shows, without a window: actions of a person and events of
//! the shop in, commands out. Knows no socket, no clock and no widget.

mod account;
mod forms;
mod intent;
mod message;
mod orders;
mod session;

pub(crate) use self::account::Account;
pub(crate) use self::forms::{AmountError, DescriptionError, OrderForm, TopUpForm};
pub(crate) use self::message::{Action, Answer, Call, Command, Event, Line, News, Notice, Visit};
pub(crate) use self::orders::{Listed, Orders};
pub(crate) use self::session::Session;

use crate::user::UserId;

/// Makes an `Idempotency-Key` that was never used.
pub(crate) type Keys = Box<dyn FnMut() -> String>;

/// Everything that the window shows.
pub(crate) struct Model {
    pub(crate) screen: Screen,
    visits: u64,
    keys: Keys,
    commands: Vec<Command>,
}

/// What the window is busy with.
#[derive(Debug)]
pub(crate) enum Screen {
    /// Nobody is shopping yet.
    Choosing {
        /// The id as typed.
        typed: String,
        /// Whether it was refused.
        invalid: bool,
    },
    /// Somebody is.
    Shopping(Box<Session>),
}

impl Model {
    /// A window before anybody has come.
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            screen: Screen::Choosing {
                typed: String::new(),
                invalid: false,
            },
            visits: 0,
            keys,
            commands: vec![],
        }
    }

    /// Lets `user` in.
    pub(crate) fn enter(&mut self, user: UserId) {
        self.visits += 1;
        let session = Session::begin(user, Visit(self.visits), &mut self.commands);
        self.screen = Screen::Shopping(Box::new(session));
    }

    /// What a person wants.
    pub(crate) fn act(&mut self, action: Action) {
        match (&mut self.screen, action) {
            (Screen::Choosing { typed, invalid }, Action::Enter) => match UserId::parse(typed) {
                Ok(user) => self.enter(user),
                Err(_) => *invalid = true,
            },
            (Screen::Choosing { .. }, Action::EnterFresh) => self.enter(UserId::fresh()),
            (Screen::Shopping(session), Action::Leave) => {
                let typed = session.user.as_str().to_owned();
                self.commands.push(Command::Leave);
                self.screen = Screen::Choosing {
                    typed,
                    invalid: false,
                };
            }
            (Screen::Shopping(session), action) => {
                session.act(action, &mut self.keys, &mut self.commands);
            }
            // Of a screen that has gone meanwhile.
            (Screen::Choosing { .. }, _) => {}
        }
    }

    /// What the shop told. What belongs to an earlier visit is dropped.
    pub(crate) fn hear(&mut self, event: Event) {
        if let Screen::Shopping(session) = &mut self.screen
            && session.visit == event.visit
        {
            session.hear(event.news, &mut self.commands);
        }
    }

    /// What is to be done now, in this order.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }
}

#[cfg(test)]
mod tests;
