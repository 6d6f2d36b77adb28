//! The whole shop as one handle, embedded or on PostgreSQL and RabbitMQ.
//!
//! Both are the binaries that users run, as processes, so that a story can kill
//! them. One story tells both: `for_both_modes!` makes two tests of it.

mod books;
mod customer;
mod fleet;
mod plan;
mod traffic;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tempfile::TempDir;

pub use self::books::{Books, Settled};
pub use self::customer::Customer;
pub use self::fleet::Fleet;
pub use self::plan::{Mode, Plan, Service};
pub use self::traffic::Traffic;

use crate::http::Client;
use crate::processes::{Process, Program};

/// A running shop.
pub struct Shop {
    /// How it was started.
    pub mode: Mode,
    /// Its databases, for audits and for messages from outside.
    pub books: Books,
    programs: Vec<(Service, Program)>,
    processes: Vec<Option<Process>>,
    gateways: Vec<SocketAddr>,
    orders: Vec<SocketAddr>,
    payments: Vec<SocketAddr>,
    _folder: TempDir,
}

impl Shop {
    /// Starts a shop in this mode, one instance of each service.
    ///
    /// # Errors
    /// When a part does not start; the message ends with its log.
    pub async fn start(mode: Mode) -> Result<Self> {
        Plan::new(mode).start().await
    }

    /// The gateway, without an identity.
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// The `n`-th gateway, which stands before the `n`-th instances.
    pub fn client_of(&self, n: usize) -> Client {
        Client::at(self.gateways[n])
    }

    /// A new customer, at the first gateway, without an account.
    pub fn stranger(&self) -> Customer {
        Customer::new(self.client())
    }

    /// A new customer with an account and this balance.
    ///
    /// # Errors
    /// When the account cannot be opened or topped up.
    pub async fn customer(&self, balance: i64) -> Result<Customer> {
        let customer = self.stranger();
        customer.open_account().await?;
        if balance > 0 {
            customer.top_up(balance).await?;
        }
        Ok(customer)
    }

    /// Where the `n`-th instance of a service listens.
    pub fn address(&self, service: Service, n: usize) -> SocketAddr {
        match service {
            Service::Gateway | Service::Embedded => self.gateways[n],
            Service::Orders => self.orders[n],
            Service::Payments => self.payments[n],
        }
    }

    /// The `n`-th process of a service; in the embedded shop every service is
    /// the one process.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn process(&mut self, service: Service, n: usize) -> Result<&mut Process> {
        let index = self.index(service, n)?;
        self.processes[index].as_mut().context("it was stopped")
    }

    /// Kills the `n`-th process of a service with SIGKILL.
    ///
    /// # Errors
    /// When it was stopped before.
    pub async fn kill(&mut self, service: Service, n: usize) -> Result<()> {
        let index = self.index(service, n)?;
        let process = self.processes[index].take().context("it was stopped")?;
        process.kill().await
    }

    /// Stops the `n`-th process of a service with SIGTERM and expects that it
    /// drains and exits with 0.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(&mut self, service: Service, n: usize) -> Result<()> {
        let index = self.index(service, n)?;
        let process = self.processes[index].take().context("it was stopped")?;
        let status = process.stop().await?;
        anyhow::ensure!(status.success(), "{service:?} ended with {status}");
        Ok(())
    }

    /// Starts the `n`-th process of a service again, without failpoints.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&mut self, service: Service, n: usize) -> Result<()> {
        let index = self.index(service, n)?;
        // Dropped first: the addresses and the data folder must be free.
        drop(self.processes[index].take());
        let program = self.programs[index].1.clone().failpoints("");
        self.processes[index] = Some(program.start().await?);
        Ok(())
    }

    fn index(&self, service: Service, n: usize) -> Result<usize> {
        let service = match self.mode {
            Mode::Embedded => Service::Embedded,
            Mode::Production => service,
        };
        let mut of_service = self
            .programs
            .iter()
            .enumerate()
            .filter(|(_, (kind, _))| *kind == service);
        let (index, _) = of_service.nth(n).context("there is no such instance")?;
        Ok(index)
    }
}

/// Tells one story in both modes.
///
/// `for_both_modes!(an_order_gets_paid, async |mode| { … Ok(()) });`
#[macro_export]
macro_rules! for_both_modes {
    ($($(#[$attribute:meta])* $name:ident = $story:path;)+) => {
        mod embedded {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                $story($crate::shop::Mode::Embedded).await
            })+
        }
        mod production {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                $story($crate::shop::Mode::Production).await
            })+
        }
    };
}
