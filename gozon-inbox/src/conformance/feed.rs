use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Delivery, Envelope, Incoming, MessageId, Received, Settle, SettleError, Subscriber,
    Subscription, TransportError,
};
use tokio::sync::mpsc;

/// A transport that delivers what the test says, in the batches that the test
/// says, and remembers what was acknowledged.
#[derive(Clone)]
pub struct Feed {
    sender: mpsc::Sender<Next>,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<Next>>>,
    settled: Arc<Mutex<Settled>>,
}

/// What a stream says next.
enum Next {
    Deliver(Vec<Delivery>),
    Resume,
    End,
    Panic,
}

#[derive(Default)]
struct Settled {
    acked: Vec<MessageId>,
    requeued: Vec<MessageId>,
}

impl Default for Feed {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(64);
        Self {
            sender,
            receiver: Arc::new(tokio::sync::Mutex::new(receiver)),
            settled: Arc::default(),
        }
    }
}

impl Feed {
    /// Delivers messages together, for the first time.
    pub async fn deliver(&self, messages: &[Envelope]) {
        self.send(messages, false).await;
    }

    /// Delivers messages together, saying that they may have come before.
    pub async fn redeliver(&self, messages: &[Envelope]) {
        self.send(messages, true).await;
    }

    /// Delivers anything.
    pub async fn incoming(&self, id: MessageId, incoming: Incoming, redelivered: bool) {
        let delivery = self.delivery(id, incoming, redelivered);
        self.sender
            .send(Next::Deliver(vec![delivery]))
            .await
            .unwrap();
    }

    /// The subscription was interrupted and stands again.
    pub async fn resume(&self) {
        self.sender.send(Next::Resume).await.unwrap();
    }

    /// Ends one stream, though the transport is open. The next one goes on.
    pub async fn end(&self) {
        self.sender.send(Next::End).await.unwrap();
    }

    /// Makes one stream panic.
    pub async fn panic(&self) {
        self.sender.send(Next::Panic).await.unwrap();
    }

    /// What was acknowledged, in order.
    pub fn acked(&self) -> Vec<MessageId> {
        self.settled.lock().unwrap().acked.clone()
    }

    /// What was given back.
    pub fn requeued(&self) -> Vec<MessageId> {
        self.settled.lock().unwrap().requeued.clone()
    }

    async fn send(&self, messages: &[Envelope], redelivered: bool) {
        let batch = messages.iter().map(|message| {
            self.delivery(message.id, Incoming::Message(message.clone()), redelivered)
        });
        let batch = Next::Deliver(batch.collect());
        self.sender.send(batch).await.unwrap();
    }

    fn delivery(&self, id: MessageId, incoming: Incoming, redelivered: bool) -> Delivery {
        let settled = Arc::clone(&self.settled);
        Delivery::new(incoming, redelivered, Box::new(Slip { id, settled }))
    }
}

#[async_trait]
impl Subscriber for Feed {
    async fn declare(&self, _: &Subscription) -> Result<(), TransportError> {
        Ok(())
    }

    async fn subscribe(&self, _: &Subscription) -> Result<Box<dyn Deliveries>, TransportError> {
        Ok(Box::new(Stream(Arc::clone(&self.receiver))))
    }
}

struct Stream(Arc<tokio::sync::Mutex<mpsc::Receiver<Next>>>);

#[async_trait]
impl Deliveries for Stream {
    async fn receive(&mut self, _max: usize) -> Received {
        let next = self.0.lock().await.recv().await;
        match next {
            Some(Next::Deliver(batch)) => Received::Batch(batch),
            Some(Next::Resume) => Received::Resumed,
            Some(Next::Panic) => panic!("scripted"),
            Some(Next::End) | None => Received::Closed,
        }
    }
}

struct Slip {
    id: MessageId,
    settled: Arc<Mutex<Settled>>,
}

#[async_trait]
impl Settle for Slip {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        self.settled.lock().unwrap().acked.push(self.id);
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        self.settled.lock().unwrap().requeued.push(self.id);
        Ok(())
    }
}
