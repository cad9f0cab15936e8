//! A connection that is made and closed.

use super::{Question, address, within};
use model::Status;
use model::check::Outcome;
use tokio::net::TcpStream;
use tokio::time::Instant;

pub(super) async fn check(question: Question<'_>) -> Result<Outcome, String> {
    within(question.time, async {
        let address = address(question.target, None).await?;
        let begun = Instant::now();
        TcpStream::connect(address)
            .await
            .map_err(|error| format!("no connection to {address}: {error}"))?;
        let took = begun.elapsed();
        Ok(Outcome {
            status: Status::Up,
            detail: format!(
                "{address} took a connection in {:.1} ms",
                took.as_secs_f64() * 1e3
            ),
            duration_secs: Some(took.as_secs_f64()),
            ..Outcome::default()
        })
    })
    .await
}
