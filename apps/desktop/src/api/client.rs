use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::{Response, header};
use ureq::{Agent, Body, RequestBuilder};

use super::wire::{NewOrder, TopUp};
use super::{Balance, Failure, Order, OrderPage, Server};
use crate::user::UserId;

/// The whole of a call, from the look-up of the name to the last byte.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Far above a page of a hundred orders.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// Calls the shop and waits for each answer, at most [`CALL`].
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    server: Server,
}

impl Client {
    /// A client of this server.
    pub(crate) fn new(server: Server) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(CALL))
            .timeout_connect(Some(CONNECT))
            // Refusals carry a body that says why.
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("gozon-desktop/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            server,
        }
    }

    /// Opens the user's account. One that exists is a refusal, `account_exists`.
    ///
    /// # Errors
    /// See [`Failure`]; so for all calls.
    pub(crate) fn open_account(&self, user: &UserId) -> Result<Balance, Failure> {
        read(self.post("/accounts", user).send_empty())
    }

    /// What the user has.
    pub(crate) fn balance(&self, user: &UserId) -> Result<Balance, Failure> {
        read(self.get("/accounts/balance", user).call())
    }

    /// Adds `amount` minor units; once for one key, however often it is called.
    pub(crate) fn top_up(&self, user: &UserId, amount: i64, key: &str) -> Result<Balance, Failure> {
        let request = self
            .post("/accounts/topup", user)
            .header("idempotency-key", key);
        read(send_json(request, &TopUp { amount }))
    }

    /// Places an order; one for one key, however often it is called.
    pub(crate) fn place_order(
        &self,
        user: &UserId,
        amount: i64,
        description: &str,
        key: &str,
    ) -> Result<Order, Failure> {
        let request = self.post("/orders", user).header("idempotency-key", key);
        let order = NewOrder {
            amount,
            description,
        };
        read(send_json(request, &order))
    }

    /// The newest orders, or the page at `older` of an earlier answer.
    pub(crate) fn orders(&self, user: &UserId, older: Option<&str>) -> Result<OrderPage, Failure> {
        let path = older.unwrap_or("/orders");
        let mut answer = accepted(self.get(path, user).call())?;
        let older = answer
            .headers()
            .get(header::LINK)
            .and_then(|value| value.to_str().ok())
            .and_then(next_page);
        let orders = json(&mut answer)?;
        Ok(OrderPage { orders, older })
    }

    fn get(&self, path: &str, user: &UserId) -> RequestBuilder<ureq::typestate::WithoutBody> {
        self.agent
            .get(self.server.http(path))
            .header("x-user-id", user.as_str())
    }

    fn post(&self, path: &str, user: &UserId) -> RequestBuilder<ureq::typestate::WithBody> {
        self.agent
            .post(self.server.http(path))
            .header("x-user-id", user.as_str())
    }
}

fn send_json(
    request: RequestBuilder<ureq::typestate::WithBody>,
    body: &impl serde::Serialize,
) -> Result<Response<Body>, ureq::Error> {
    let body = serde_json::to_vec(body).map_err(|error| ureq::Error::Other(error.into()))?;
    request
        .header(header::CONTENT_TYPE, "application/json")
        .send(&body)
}

fn read<T: DeserializeOwned>(sent: Result<Response<Body>, ureq::Error>) -> Result<T, Failure> {
    json(&mut accepted(sent)?)
}

/// The answer, unless it is a refusal.
fn accepted(sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
    let mut answer = sent.map_err(unreachable)?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    match json(&mut answer) {
        Ok(problem) => Err(Failure::Refused(problem)),
        Err(Failure::Unreadable(_)) => Err(Failure::Unreadable(status.to_string())),
        Err(other) => Err(other),
    }
}

fn json<T: DeserializeOwned>(answer: &mut Response<Body>) -> Result<T, Failure> {
    let body = answer.body_mut().with_config().limit(LARGEST_ANSWER);
    let body = body.read_to_vec().map_err(unreachable)?;
    serde_json::from_slice(&body).map_err(|error| Failure::Unreadable(error.to_string()))
}

fn unreachable(error: ureq::Error) -> Failure {
    Failure::Unreachable(error.to_string())
}

/// The target of `rel="next"` in a `Link` header
/// ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)), if it lies on this server.
fn next_page(link: &str) -> Option<String> {
    let link = link
        .split(',')
        .find(|link| link.split(';').skip(1).any(|p| p.trim() == "rel=\"next\""))?;
    let target = link.split(';').next()?.trim();
    let path = target.strip_prefix('<')?.strip_suffix('>')?;
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Answers one request with these bytes; what the request was.
    fn server(answer: &'static str) -> (Client, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                assert_ne!(reader.read_line(&mut request).unwrap(), 0);
            }
            let length = request
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            request + &String::from_utf8(body).unwrap()
        });
        (Client::new(url.parse().unwrap()), serving)
    }

    fn anna() -> UserId {
        UserId::parse("anna").unwrap()
    }

    #[test]
    fn a_top_up_names_its_user_and_carries_its_key() {
        let (client, serving) = server(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"user_id\":\"anna\",\"balance\":500,\"currency\":\"RUB\"}",
        );

        let balance = client.top_up(&anna(), 500, "key-1").unwrap();

        assert_eq!(balance.balance, 500);
        let request = serving.join().unwrap();
        assert!(request.starts_with("POST /accounts/topup HTTP/1.1\r\n"));
        for part in [
            "x-user-id: anna\r\n",
            "idempotency-key: key-1\r\n",
            "content-type: application/json\r\n",
            "\r\n\r\n{\"amount\":500}",
        ] {
            assert!(request.contains(part), "{part} in {request}");
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let (client, _serving) = server(
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n{\"status\":404,\"code\":\"account_not_found\"}",
        );
        let refused = client.balance(&anna()).unwrap_err();
        assert!(refused.has_code("account_not_found"), "{refused:?}");
    }

    #[test]
    fn another_server_is_not_taken_for_a_shop() {
        for answer in [
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>",
            "HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n<html>",
            "HTTP/1.1 303 See Other\r\nlocation: /docs\r\nconnection: close\r\n\r\n",
        ] {
            let (client, _serving) = server(answer);
            let failure = client.orders(&anna(), None).unwrap_err();
            assert!(
                matches!(failure, Failure::Unreadable(_)),
                "{answer}: {failure:?}"
            );
        }
    }

    #[test]
    fn no_server_is_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(url.parse().unwrap());
        let failure = client.open_account(&anna()).unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
    }

    #[test]
    fn the_next_page_is_on_the_same_server() {
        let next = "</orders?limit=50&cursor=x>; rel=\"next\"";
        assert_eq!(next_page(next).unwrap(), "/orders?limit=50&cursor=x");
        for other in [
            "</orders>; rel=\"prev\"",
            "<https://evil.example/>; rel=\"next\"",
            "<//evil.example/>; rel=\"next\"",
            "nonsense",
        ] {
            assert_eq!(next_page(other), None, "{other}");
        }
    }
}
