use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use gozon_gateway::{Config, Gateway, Resolver};
use gozon_service::settings::HttpSettings;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Books, Customer, Service};
use crate::http::Client;
use crate::processes::{Process, Program, free_address};
use crate::servers::{amqp_prefix, amqp_url, postgres_database};

/// Any number of instances of orders and of payments behind one gateway, on the
/// same two databases and the same broker, as `docker compose up --scale` runs
/// them.
///
/// The services are processes. The gateway is the real one, in this process,
/// where a list of our own stands for the DNS that names all instances.
pub struct Fleet {
    /// Its databases.
    pub books: Books,
    /// The same by their URLs: of orders, of payments.
    pub databases: [String; 2],
    orders: Vec<Instance>,
    payments: Vec<Instance>,
    running: Arc<Running>,
    gateway: SocketAddr,
    gateways: JoinSet<Result<()>>,
    shutdown: CancellationToken,
    _at_the_end: DropGuard,
}

struct Instance {
    program: Program,
    address: SocketAddr,
    process: Option<Process>,
}

/// What DNS would answer.
#[derive(Default)]
struct Running(Mutex<[Vec<SocketAddr>; 2]>);

/// All instances, or of orders a single one.
struct Names {
    running: Arc<Running>,
    only: Option<SocketAddr>,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let [orders, payments] = &*self.running.lock();
        Ok(match (host, self.only) {
            ("orders", Some(only)) => vec![only],
            ("orders", None) => orders.clone(),
            _ => payments.clone(),
        })
    }
}

impl Running {
    fn lock(&self) -> std::sync::MutexGuard<'_, [Vec<SocketAddr>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fleet {
    /// Starts this many instances of each and waits until all are ready.
    ///
    /// # Errors
    /// When one does not start; the message ends with its log.
    pub async fn start(orders: usize, payments: usize) -> Result<Self> {
        Self::start_from(None, orders, payments).await
    }

    /// Starts the binaries of this folder instead of those just built.
    ///
    /// # Errors
    /// As [`Fleet::start`].
    pub async fn start_from(folder: Option<&Path>, orders: usize, payments: usize) -> Result<Self> {
        let [orders_db, payments_db] = [postgres_database().await?, postgres_database().await?];
        let (amqp, prefix) = (amqp_url().await?, amqp_prefix());
        let instances = |binary, count, database: &str| {
            let program = Program::named(binary)
                .env("DATABASE_URL", database)
                .env("AMQP_URL", &amqp)
                .env("GOZON_AMQP_PREFIX", &prefix)
                // A story that stops instances all the time asks whether they
                // drain, not how busy the machine is.
                .env("GOZON_DRAIN_TIMEOUT", "25s");
            (0..count).map(|_| Instance::new(&program)).collect()
        };
        let orders: Result<Vec<_>> = instances("gozon-orders", orders, &orders_db);
        let payments: Result<Vec<_>> = instances("gozon-payments", payments, &payments_db);
        let running = Arc::new(Running::default());
        let shutdown = CancellationToken::new();
        let mut gateways = JoinSet::new();
        let names = Names {
            running: Arc::clone(&running),
            only: None,
        };
        let gateway = gateway(names, &mut gateways, shutdown.clone()).await?;
        let mut fleet = Self {
            books: Books::postgres([(orders_db.clone(), None), (payments_db.clone(), None)]),
            databases: [orders_db, payments_db],
            orders: orders?,
            payments: payments?,
            running,
            gateway,
            gateways,
            _at_the_end: shutdown.clone().drop_guard(),
            shutdown,
        };
        for instance in fleet.orders.iter_mut().chain(&mut fleet.payments) {
            // All at once: they have a schema to agree on.
            instance.process = Some(instance.program_from(folder).spawn()?);
        }
        for instance in fleet.orders.iter_mut().chain(&mut fleet.payments) {
            instance
                .process
                .as_mut()
                .context("not started")?
                .ready()
                .await?;
        }
        fleet.announce();
        fleet.books.connect().await?;
        Ok(fleet)
    }

    /// The gateway, without an identity.
    pub fn client(&self) -> Client {
        Client::at(self.gateway)
    }

    /// Another gateway, which knows of orders this instance alone: whoever
    /// comes through it is served there.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn client_before(&mut self, orders: usize) -> Result<Client> {
        let names = Names {
            running: Arc::clone(&self.running),
            only: Some(self.orders[orders].address),
        };
        let address = gateway(names, &mut self.gateways, self.shutdown.clone()).await?;
        Ok(Client::at(address))
    }

    /// A new customer with an account and this balance.
    ///
    /// # Errors
    /// When the account cannot be opened or topped up.
    pub async fn customer(&self, balance: i64) -> Result<Customer> {
        let customer = Customer::new(self.client());
        customer.open_account().await?;
        customer.top_up(balance).await?;
        Ok(customer)
    }

    /// Where the `n`-th instance listens.
    pub fn address(&self, service: Service, n: usize) -> SocketAddr {
        match service {
            Service::Payments => self.payments[n].address,
            _ => self.orders[n].address,
        }
    }

    /// Stops an instance with SIGTERM and expects that it drains and exits
    /// with 0. It is taken off the list only then, as an orchestrator may.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(&mut self, service: Service, n: usize) -> Result<()> {
        let process = self.instance(service, n)?.process.take();
        let status = process.context("it does not run")?.stop().await?;
        ensure!(status.success(), "{service:?} {n} ended with {status}");
        self.announce();
        Ok(())
    }

    /// Kills an instance with SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self, service: Service, n: usize) -> Result<()> {
        let process = self.instance(service, n)?.process.take();
        process.context("it does not run")?.kill().await?;
        self.announce();
        Ok(())
    }

    /// Starts an instance again.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_again(&mut self, service: Service, n: usize) -> Result<()> {
        self.start_again_from(None, service, n).await
    }

    /// Starts an instance again, from the binaries of this folder.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_again_from(
        &mut self,
        folder: Option<&Path>,
        service: Service,
        n: usize,
    ) -> Result<()> {
        let instance = self.instance(service, n)?;
        let started = instance.program_from(folder).start().await?;
        instance.process = Some(started);
        self.announce();
        Ok(())
    }

    fn instance(&mut self, service: Service, n: usize) -> Result<&mut Instance> {
        let instances = match service {
            Service::Orders => &mut self.orders,
            Service::Payments => &mut self.payments,
            Service::Gateway | Service::Embedded => anyhow::bail!("{service:?} is no process"),
        };
        instances.get_mut(n).context("there is no such instance")
    }

    fn announce(&self) {
        let addresses = |instances: &[Instance]| {
            let running = instances
                .iter()
                .filter(|instance| instance.process.is_some());
            running.map(|instance| instance.address).collect()
        };
        *self.running.lock() = [addresses(&self.orders), addresses(&self.payments)];
    }
}

impl Instance {
    fn new(program: &Program) -> Result<Self> {
        let address = free_address()?;
        Ok(Self {
            program: program
                .clone()
                .env("GOZON_BIND", address.to_string())
                .ready_at(address),
            address,
            process: None,
        })
    }

    fn program_from(&self, folder: Option<&Path>) -> Program {
        match folder {
            Some(folder) => self.program.clone().from_folder(folder),
            None => self.program.clone(),
        }
    }
}

async fn gateway(
    names: Names,
    gateways: &mut JoinSet<Result<()>>,
    shutdown: CancellationToken,
) -> Result<SocketAddr> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config {
        http: HttpSettings {
            bind: any_port,
            ..HttpSettings::default()
        },
        page_bind: any_port,
        orders_url: "http://orders:8001".parse()?,
        payments_url: "http://payments:8002".parse()?,
        ..Config::default()
    };
    let gateway = Gateway::bind(config).await?.with_resolver(Arc::new(names));
    let address = gateway.api_addr();
    gateways.spawn(gateway.run(shutdown));
    Ok(address)
}
