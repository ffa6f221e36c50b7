//! One request to the API server and its response, retried if that may help. This module does not know which object it
//! is about.

use std::time::{Duration, Instant};

use kube::core::Status;
use serde_json::Value;

use super::retry::{self, Effect};

/// What the API server answered.
pub(crate) struct Reply {
    pub code: u16,
    /// How long it asks us to wait before another try.
    pub pause: Option<Duration>,
    pub body: Vec<u8>,
}

/// Sends a request once. A macro, because the type of a request has no name here.
macro_rules! send_once {
    ($client:expr, $request:expr) => {
        async {
            let answer = $client.send($request.clone().map(kube::client::Body::from)).await?;
            let pause = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            kube::Result::Ok($crate::cluster::api::send::Reply {
                code: answer.status().as_u16(),
                pause: pause.map(std::time::Duration::from_secs),
                body: answer.into_body().collect_bytes().await?.to_vec(),
            })
        }
    };
}
pub(crate) use send_once;

/// Sends a request, again when that may help, but not beyond the limit. The second part says whether a try that failed may
/// have been done all the same.
pub(crate) async fn send_with_retry<F>(limit: Duration, ask: impl Fn() -> F) -> (kube::Result<Value>, Effect)
where
    F: Future<Output = kube::Result<Reply>>,
{
    let (start, mut tries, mut before) = (Instant::now(), 0, Effect::None);
    loop {
        let (asked, report) = match ask().await.map(Reply::read) {
            Ok((_, Ok(value))) => return (Ok(value), before),
            Ok((asked, Err(report))) => (asked, report),
            Err(report) => (None, report),
        };
        tries += 1;
        let effect = retry::effect(&report);
        let pause = effect.and_then(|_| retry::pause(tries, asked));
        let Some(pause) = pause.filter(|pause| start.elapsed() + *pause < limit) else { return (Err(report), before) };
        if effect == Some(Effect::Unknown) {
            before = Effect::Unknown;
        }
        tokio::time::sleep(pause).await;
    }
}

impl Reply {
    fn read(self) -> (Option<Duration>, kube::Result<Value>) {
        let value = if self.code < 400 {
            serde_json::from_slice(&self.body).map_err(kube::Error::SerdeError)
        } else {
            let text = || String::from_utf8_lossy(&self.body).trim().to_owned();
            let status = serde_json::from_slice(&self.body).unwrap_or_else(|_| Status::failure(&text(), ""));
            Err(kube::Error::Api(status.with_code(self.code).boxed()))
        };
        (self.pause, value)
    }
}
