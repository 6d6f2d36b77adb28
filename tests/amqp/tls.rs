//! `amqps`, with an authority of one's own.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::{Outcome, Publisher, Subscription};
use gozon_tests::own_servers::{Tls, own_rabbitmq_with_tls};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use crate::bench::{acked, envelopes, ids, subscribed};

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_counts_only_from_the_given_authority_and_for_the_given_host() -> Result<()> {
    let (ours, another) = (authority()?, authority()?);
    let key = KeyPair::generate()?;
    let host = CertificateParams::new(["localhost".to_owned()])?;
    let certificate = host.signed_by(&key, &ours)?;
    let server = own_rabbitmq_with_tls(Tls {
        authority: ours.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
    .await?;
    let trusting = |authority: Option<String>| AmqpConfig {
        ca_certificates: authority,
        connect_timeout: Duration::from_secs(10),
        ..AmqpConfig::new(server.tls_url())
    };

    let transport = AmqpTransport::connect(trusting(Some(ours.pem()))).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let sent = envelopes("order_created", 20);
    ensure!(transport.publish(&sent).await == vec![Outcome::Confirmed; 20]);
    ensure!(ids(&acked(&mut deliveries, 20).await?) == ids(&sent));
    transport.close().await;

    let elsewhere = AmqpConfig {
        url: server.tls_url().replace("localhost", "127.0.0.1"),
        ..trusting(Some(ours.pem()))
    };
    for (what, config) in [
        ("the public authorities", trusting(None)),
        ("another authority", trusting(Some(another.pem()))),
        ("another host", elsewhere),
    ] {
        let refused = AmqpTransport::connect(config).await.err();
        let told = refused.with_context(|| format!("{what}: it connected"))?;
        ensure!(told.to_string().contains("certificate"), "{what}: {told}");
    }
    Ok(())
}
