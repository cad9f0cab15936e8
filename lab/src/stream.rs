//! Listening to the server's WebSocket.

use crate::client::Client;
use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// An open stream.
pub struct Stream {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Stream {
    /// Opens it with a one-time ticket.
    pub async fn open(client: &Client) -> anyhow::Result<Self> {
        let answer = client.post("stream/tickets", &json!({})).await?;
        let ticket = answer["ticket"].as_str().context("no ticket")?;
        let base = client.base().replacen("http", "ws", 1);
        let url = format!("{base}/api/v1/stream?ticket={ticket}");
        let (socket, _) = connect_async(url).await?;
        Ok(Self { socket })
    }

    /// Subscribes, and waits until the server says so.
    pub async fn subscribe(&mut self, subscription: &Value) -> anyhow::Result<()> {
        let message = Message::text(subscription.to_string());
        self.socket.send(message).await?;
        loop {
            let told = self.next().await?;
            match told["type"].as_str() {
                Some("subscribed") => return Ok(()),
                Some("error") => bail!("not subscribed: {told}"),
                _ => {}
            }
        }
    }

    /// The next message; an error where the stream ended.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            match self.socket.next().await.context("the stream ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(reason) => bail!("the stream was closed: {reason:?}"),
                _ => {}
            }
        }
    }

    /// The next samples of any subscribed device.
    pub async fn next_samples(&mut self) -> anyhow::Result<Value> {
        loop {
            let message = self.next().await?;
            if message["event"] == "samples" {
                return Ok(message["data"].clone());
            }
            if message["type"] == "lagged" {
                bail!("the stream lagged: {message}");
            }
        }
    }
}
