use std::net::SocketAddr;

use anyhow::Result;
use tempfile::TempDir;

use super::{Books, Shop};
use crate::processes::{Program, free_address};
use crate::servers::{amqp_prefix, amqp_url, postgres_database};

/// How a shop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One process, SQLite, in-process transport.
    Embedded,
    /// A process per service, PostgreSQL, RabbitMQ.
    Production,
}

/// A kind of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `gozon-gateway`.
    Gateway,
    /// `gozon-orders`.
    Orders,
    /// `gozon-payments`.
    Payments,
    /// `gozon`: all of them in one.
    Embedded,
}

/// What a shop is to be started like.
#[derive(Debug, Clone)]
pub struct Plan {
    mode: Mode,
    instances: usize,
    amqp: Option<String>,
    databases: Option<[String; 2]>,
    schemas: Option<[String; 2]>,
    environment: Vec<(String, String)>,
    failpoints: Vec<(Service, String)>,
}

impl Plan {
    /// One instance of each service on the servers of the run.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            instances: 1,
            amqp: None,
            databases: None,
            schemas: None,
            environment: Vec::new(),
            failpoints: Vec::new(),
        }
    }

    /// This many instances of orders and payments, each pair behind a gateway
    /// of its own, all on the same databases and broker. Production alone.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.instances = count;
        self
    }

    /// A broker of the story's own.
    #[must_use]
    pub fn amqp(mut self, url: impl Into<String>) -> Self {
        self.amqp = Some(url.into());
        self
    }

    /// Databases of the story's own, for orders and for payments.
    #[must_use]
    pub fn databases(mut self, orders: impl Into<String>, payments: impl Into<String>) -> Self {
        self.databases = Some([orders.into(), payments.into()]);
        self
    }

    /// Schemas for orders and for payments, to share one database.
    #[must_use]
    pub fn schemas(mut self, orders: &str, payments: &str) -> Self {
        self.schemas = Some([orders.to_owned(), payments.to_owned()]);
        self
    }

    /// A setting of every process.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Places at which the first instance of a service dies; in the embedded
    /// shop, the one process.
    #[must_use]
    pub fn failpoints(mut self, service: Service, places: &str) -> Self {
        self.failpoints.push((service, places.to_owned()));
        self
    }

    /// Starts everything and waits until orders can be paid.
    ///
    /// # Errors
    /// When a part does not start; the message ends with its log.
    pub async fn start(self) -> Result<Shop> {
        let folder = tempfile::tempdir()?;
        let mut shop = match self.mode {
            Mode::Embedded => self.embedded(folder).await?,
            Mode::Production => self.production(folder).await?,
        };
        for (_, program) in &shop.programs {
            // All at once: each waits for the others to become ready.
            shop.processes.push(Some(program.spawn()?));
        }
        for process in shop.processes.iter_mut().flatten() {
            process.ready().await?;
        }
        shop.books.connect().await?;
        Ok(shop)
    }

    async fn embedded(&self, folder: TempDir) -> Result<Shop> {
        let [gateway, page, orders, payments] = addresses()?;
        let program = Program::named("gozon")
            .env("GOZON_BIND", gateway.to_string())
            .env("GOZON_PAGE_BIND", page.to_string())
            .env("GOZON_ORDERS_BIND", orders.to_string())
            .env("GOZON_PAYMENTS_BIND", payments.to_string())
            .env("GOZON_DATA_DIR", folder.path().to_string_lossy())
            .ready_at(gateway);
        let program = self.with_settings(program, None);
        Ok(Shop {
            mode: self.mode,
            books: Books::sqlite(folder.path()),
            programs: vec![(Service::Embedded, program)],
            processes: Vec::new(),
            gateways: vec![gateway],
            orders: vec![orders],
            payments: vec![payments],
            _folder: folder,
        })
    }

    async fn production(&self, folder: TempDir) -> Result<Shop> {
        let amqp = match &self.amqp {
            Some(url) => url.clone(),
            None => amqp_url().await?,
        };
        let [orders_db, payments_db] = match &self.databases {
            Some(databases) => databases.clone(),
            None => [postgres_database().await?, postgres_database().await?],
        };
        let schemas = match &self.schemas {
            Some([orders, payments]) => [Some(orders.clone()), Some(payments.clone())],
            None => [None, None],
        };
        let prefix = amqp_prefix();
        let mut shop = Shop {
            mode: self.mode,
            books: Books::postgres([
                (orders_db.clone(), schemas[0].clone()),
                (payments_db.clone(), schemas[1].clone()),
            ]),
            programs: Vec::new(),
            processes: Vec::new(),
            gateways: Vec::new(),
            orders: Vec::new(),
            payments: Vec::new(),
            _folder: folder,
        };
        for n in 0..self.instances {
            let [gateway, page, orders, payments] = addresses()?;
            let service =
                |binary, service, address: SocketAddr, database: &str, schema: &Option<String>| {
                    let program = Program::named(binary)
                        .env("GOZON_DB_SCHEMA", schema.clone().unwrap_or_default())
                        .env("GOZON_BIND", address.to_string())
                        .env("DATABASE_URL", database)
                        .env("AMQP_URL", &amqp)
                        .env("GOZON_AMQP_PREFIX", &prefix)
                        .ready_at(address);
                    self.with_settings(program, (n == 0).then_some(service))
                };
            let orders_program = service(
                "gozon-orders",
                Service::Orders,
                orders,
                &orders_db,
                &schemas[0],
            );
            let payments_program = service(
                "gozon-payments",
                Service::Payments,
                payments,
                &payments_db,
                &schemas[1],
            );
            let gateway_program = Program::named("gozon-gateway")
                .env("GOZON_BIND", gateway.to_string())
                .env("GOZON_PAGE_BIND", page.to_string())
                .env("GOZON_ORDERS_URL", format!("http://{orders}"))
                .env("GOZON_PAYMENTS_URL", format!("http://{payments}"))
                .ready_at(gateway);
            let gateway_program =
                self.with_settings(gateway_program, (n == 0).then_some(Service::Gateway));
            shop.programs.push((Service::Orders, orders_program));
            shop.programs.push((Service::Payments, payments_program));
            shop.programs.push((Service::Gateway, gateway_program));
            shop.gateways.push(gateway);
            shop.orders.push(orders);
            shop.payments.push(payments);
        }
        Ok(shop)
    }

    /// Adds the plan's settings; `armed` is the service whose failpoints to
    /// arm, `None` for all of them in one process.
    fn with_settings(&self, mut program: Program, armed: Option<Service>) -> Program {
        for (name, value) in &self.environment {
            program = program.env(name, value);
        }
        let embedded = self.mode == Mode::Embedded;
        let places: Vec<&str> = self
            .failpoints
            .iter()
            .filter(|(service, _)| embedded || Some(*service) == armed)
            .map(|(_, places)| places.as_str())
            .collect();
        if places.is_empty() {
            return program;
        }
        program.failpoints(places.join(","))
    }
}

fn addresses() -> Result<[SocketAddr; 4]> {
    Ok([
        free_address()?,
        free_address()?,
        free_address()?,
        free_address()?,
    ])
}
