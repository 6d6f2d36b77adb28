//! Servers that tests may stop and kill.

use anyhow::Result;
use gozon_tests::own_servers::{own_postgres, own_rabbitmq};
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn postgres_keeps_what_was_committed_through_a_stop_and_a_kill() -> Result<()> {
    let server = own_postgres().await?;
    let database = server.database().await?;
    let mut session = PgConnection::connect(&database).await?;
    sqlx::query("CREATE TABLE kept (n int)")
        .execute(&mut session)
        .await?;

    server.stop().await?;
    assert!(PgConnection::connect(&database).await.is_err());
    server.start().await?;
    let mut session = PgConnection::connect(&database).await?;
    sqlx::query("INSERT INTO kept VALUES (1)")
        .execute(&mut session)
        .await?;
    server.kill().await?;
    assert!(PgConnection::connect(&database).await.is_err());
    server.start().await?;

    let mut session = PgConnection::connect(&database).await?;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(&mut session)
        .await?;
    assert_eq!(kept, 1);
    Ok(())
}

#[tokio::test]
async fn rabbitmq_keeps_what_was_confirmed_through_a_stop_and_a_kill() -> Result<()> {
    let server = own_rabbitmq().await?;
    publish_one(&server_channel(server.url()).await?).await?;

    server.stop().await?;
    assert!(server_channel(server.url()).await.is_err());
    server.start().await?;
    publish_one(&server_channel(server.url()).await?).await?;
    server.kill().await?;
    assert!(server_channel(server.url()).await.is_err());
    server.start().await?;

    let channel = server_channel(server.url()).await?;
    for _ in 0..2 {
        let get = BasicGetOptions { no_ack: true };
        let message = channel.basic_get("kept".into(), get).await?;
        assert_eq!(message.map(|m| m.delivery.data), Some(b"once".to_vec()));
    }
    Ok(())
}

async fn server_channel(url: &str) -> Result<Channel> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    Ok(connection.create_channel().await?)
}

async fn publish_one(channel: &Channel) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare("kept".into(), durable, FieldTable::default())
        .await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    channel
        .basic_publish(
            "".into(),
            "kept".into(),
            BasicPublishOptions::default(),
            b"once",
            BasicProperties::default().with_delivery_mode(2),
        )
        .await?
        .await?;
    Ok(())
}
