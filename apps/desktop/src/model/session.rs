use super::{
    Account, Action, Answer, Call, Command, Keys, Line, News, Notice, OrderForm, Orders, TopUpForm,
    Visit,
};
use crate::api::Frame;
use crate::user::UserId;

/// Somebody is shopping.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) visit: Visit,
    pub(crate) user: UserId,
    pub(crate) account: Account,
    pub(crate) top_up: TopUpForm,
    pub(crate) order: OrderForm,
    pub(crate) orders: Orders,
    pub(crate) line: Line,
    balance_reading: Reading,
    orders_reading: Reading,
}

/// Whether something is being read, and whether it must be read once more
/// after that: what was sent before the news may be older than the news.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    No,
    Yes,
    Again,
}

impl Reading {
    /// Whether to begin now.
    fn want(&mut self) -> bool {
        let begin = *self == Self::No;
        *self = if begin { Self::Yes } else { Self::Again };
        begin
    }

    /// Whether to begin again.
    fn end(&mut self) -> bool {
        std::mem::take(self) == Self::Again && self.want()
    }
}

impl Session {
    pub(super) fn begin(user: UserId, visit: Visit, commands: &mut Vec<Command>) -> Self {
        commands.push(Command::Watch {
            visit,
            user: user.clone(),
        });
        let mut session = Self {
            visit,
            user,
            account: Account::Reading,
            top_up: TopUpForm::default(),
            order: OrderForm::default(),
            orders: Orders::default(),
            line: Line::Connecting,
            balance_reading: Reading::No,
            orders_reading: Reading::No,
        };
        session.read_balance(commands);
        session.read_orders(commands);
        session
    }

    pub(super) fn act(&mut self, action: Action, keys: &mut Keys, commands: &mut Vec<Command>) {
        match action {
            Action::OpenAccount => self.open_account(commands),
            Action::TopUp => {
                let amount = self.account.currency().cloned();
                if let Some(amount) = amount.and_then(|currency| self.top_up.read(&currency)) {
                    self.send_top_up(amount, keys, commands);
                }
            }
            Action::Add(amount) => {
                self.top_up.added = None;
                self.top_up.amount_error = None;
                self.send_top_up(amount, keys, commands);
            }
            Action::Order => self.place_order(keys, commands),
            Action::Older => {
                let older = self.orders.older().map(str::to_owned);
                if let Some(older) = older.filter(|_| !self.orders.reading) {
                    self.orders.reading = true;
                    self.call(Call::Orders { older: Some(older) }, commands);
                }
            }
            Action::Refresh => {
                self.read_balance(commands);
                self.read_orders(commands);
            }
            Action::Reconnect => commands.push(Command::Reconnect),
            // Of the screen before.
            Action::Enter | Action::EnterFresh | Action::Leave => {}
        }
    }

    pub(super) fn hear(&mut self, news: News, commands: &mut Vec<Command>) {
        match news {
            News::Answer(answer) => self.take(answer, commands),
            News::Frame(Frame::Status(frame)) => match self.orders.hear(frame) {
                Ok(notice) => self.settled(notice, commands),
                // Of another window, or faster than the answer to our own.
                Err(()) => self.read_orders(commands),
            },
            News::Frame(Frame::Ready) => {
                self.line = Line::Live;
                // What happened while nobody listened.
                self.read_balance(commands);
                self.read_orders(commands);
            }
            News::Frame(Frame::Other) => {}
            News::Line(line) => self.line = line,
        }
    }

    fn take(&mut self, answer: Answer, commands: &mut Vec<Command>) {
        match answer {
            Answer::Opened(result) => {
                if self.account.opened(result) {
                    self.read_balance(commands);
                }
            }
            Answer::Balance(result) => {
                self.account.read(result);
                if self.balance_reading.end() {
                    self.call(Call::Balance, commands);
                }
            }
            Answer::ToppedUp(result) => {
                let missing = matches!(&result, Err(why) if why.has_code("account_not_found"));
                // The balance in the answer is that of the first time, if this
                // was a repeat, and payments go on meanwhile: it is asked for.
                if let Some((_, added)) = self.top_up.intent.end(result) {
                    self.top_up.added = Some(added);
                    self.top_up.amount.clear();
                    self.read_balance(commands);
                } else if missing {
                    self.read_balance(commands);
                }
                self.top_up.place_failure();
            }
            Answer::Ordered(result) => {
                if let Some((order, _)) = self.order.intent.end(result) {
                    self.order.description.clear();
                    self.order.amount.clear();
                    let notice = self.orders.add(order);
                    self.settled(notice, commands);
                }
                self.order.place_failure();
            }
            Answer::Orders { older, page } => {
                if older {
                    self.orders.reading = false;
                } else if self.orders_reading.end() {
                    self.call(Call::Orders { older: None }, commands);
                }
                match page {
                    Ok(page) => {
                        for notice in self.orders.take_page(page, older) {
                            self.settled(Some(notice), commands);
                        }
                    }
                    Err(failure) => self.orders.failure = Some(failure),
                }
            }
        }
    }

    fn settled(&mut self, notice: Option<Notice>, commands: &mut Vec<Command>) {
        if let Some(notice) = notice {
            commands.push(Command::Notify(notice));
            self.read_balance(commands);
        }
    }

    fn open_account(&mut self, commands: &mut Vec<Command>) {
        if let Account::Missing { opening, failure } = &mut self.account
            && !*opening
        {
            *opening = true;
            *failure = None;
            self.call(Call::Open, commands);
        }
    }

    fn send_top_up(&mut self, amount: i64, keys: &mut Keys, commands: &mut Vec<Command>) {
        if !self.top_up.intent.is_sending() {
            let key = self.top_up.intent.send(amount, keys);
            self.call(Call::TopUp { amount, key }, commands);
        }
    }

    fn place_order(&mut self, keys: &mut Keys, commands: &mut Vec<Command>) {
        let Some(currency) = self.account.currency().cloned() else {
            return;
        };
        if self.order.intent.is_sending() {
            return;
        }
        if let Some((amount, description)) = self.order.read(&currency) {
            let intent = (amount, description.clone());
            let key = self.order.intent.send(intent, keys);
            let call = Call::Order {
                amount,
                description,
                key,
            };
            self.call(call, commands);
        }
    }

    fn read_balance(&mut self, commands: &mut Vec<Command>) {
        if self.balance_reading.want() {
            self.call(Call::Balance, commands);
        }
    }

    fn read_orders(&mut self, commands: &mut Vec<Command>) {
        if self.orders_reading.want() {
            self.call(Call::Orders { older: None }, commands);
        }
    }

    fn call(&self, call: Call, commands: &mut Vec<Command>) {
        commands.push(Command::Call {
            visit: self.visit,
            user: self.user.clone(),
            call,
        });
    }
}
