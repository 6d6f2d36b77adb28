//! Bytes on a socket: what no HTTP library would send.

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::{Answer, BOUND};

/// Sends the bytes as they are and reads one answer.
///
/// # Errors
/// When the server closes the connection, or stays silent for 30 seconds,
/// before its answer is whole.
pub async fn raw(address: impl ToSocketAddrs, request: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    // A server that has refused already may have closed its side: the answer
    // counts, not that we could not finish.
    let _ = stream.write_all(request).await;
    timeout(BOUND, answer(&mut stream))
        .await
        .context("no whole answer within 30 s")?
}

async fn answer(stream: &mut TcpStream) -> Result<Answer> {
    let mut received = BytesMut::new();
    let head_end = loop {
        if let Some(end) = position(&received, b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut received).await? == 0 {
            bail!("closed after {:?}", String::from_utf8_lossy(&received));
        }
    };
    let head = received.split_to(head_end);
    received.advance(4);
    let (status, headers) = parse_head(&head)?;

    let length = headers.get("content-length").and_then(|v| v.to_str().ok());
    let chunked = headers.get("transfer-encoding").is_some();
    loop {
        let whole = if chunked {
            unchunk(&received)
        } else {
            let length: usize = length.unwrap_or("0").parse()?;
            received.get(..length).map(Bytes::copy_from_slice)
        };
        if let Some(body) = whole {
            return Ok(Answer {
                status,
                headers,
                body,
            });
        }
        if stream.read_buf(&mut received).await? == 0 {
            bail!("closed within the body of an answer with status {status}");
        }
    }
}

fn parse_head(head: &[u8]) -> Result<(u16, HeaderMap)> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .with_context(|| format!("no status line in {head:?}"))?
        .parse()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.append(
            HeaderName::try_from(name)?,
            HeaderValue::try_from(value.trim())?,
        );
    }
    Ok((status, headers))
}

/// The content of a chunked body, once its last chunk has come.
fn unchunk(mut body: &[u8]) -> Option<Bytes> {
    let mut content = BytesMut::new();
    loop {
        let line_end = position(body, b"\r\n")?;
        let size = std::str::from_utf8(&body[..line_end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(content.freeze());
        }
        let chunk = body.get(line_end + 2..line_end + 2 + size)?;
        content.extend_from_slice(chunk);
        body = body.get(line_end + 2 + size + 2..)?;
    }
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_once_the_last_has_come() {
        assert_eq!(
            unchunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap(),
            "abcde"
        );
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nd"), None);
    }
}
