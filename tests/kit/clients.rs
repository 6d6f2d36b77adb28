//! The clients.

use std::net::SocketAddr;

use anyhow::Result;
use gozon_tests::http::{Client, raw};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that reads one request, gives one answer and hands out what it read.
async fn server(answer: &'static str) -> Result<(SocketAddr, JoinHandle<Result<String>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await?;
        stream.write_all(answer.as_bytes()).await?;
        Ok(String::from_utf8(request[..length].to_vec())?)
    });
    Ok((address, served))
}

#[tokio::test]
async fn a_client_sends_its_headers_and_reads_the_whole_answer() -> Result<()> {
    let created =
        "HTTP/1.1 201 Created\r\nlocation: /orders/1\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
    let (address, served) = server(created).await?;

    let anna = Client::at(address).as_user("anna");
    let answer = anna
        .post("/orders", &json!({"amount": 1}))
        .await?
        .having(201)?;

    assert_eq!(answer.json()?, json!({"id": 1}));
    assert_eq!(answer.header("location"), Some("/orders/1"));
    let request = served.await??;
    assert!(
        request.starts_with("POST /orders HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-user-id: anna\r\n"), "{request}");
    assert!(
        request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    Ok(())
}

#[tokio::test]
async fn another_status_than_expected_is_an_error_that_shows_the_body() -> Result<()> {
    let (address, _served) =
        server("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone").await?;

    let answer = Client::at(address).get("/").await?;

    let message = answer.having(200).unwrap_err().to_string();
    assert_eq!(message, "expected 200, got 404: gone");
    Ok(())
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() -> Result<()> {
    let (address, served) = server("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?;

    let answer = raw(address, b"NONSENSE\r\n\r\n").await?;

    assert_eq!(answer.status, 400);
    assert_eq!(served.await??, "NONSENSE\r\n\r\n");
    Ok(())
}

#[tokio::test]
async fn a_refused_websocket_shows_the_answer() -> Result<()> {
    let (address, _served) =
        server("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await?;

    let answer = Client::at(address).websocket_refused("/ws").await?;

    assert_eq!(answer.status, 404);
    Ok(())
}
