//! Reads that are repeated during a rollout: cheap lists, and the last log lines of a container.

use kube::api::{ListParams, LogParams};
use kube::core::Request;
use serde_json::{Value, json};

use super::{Attempt, Cluster, built, complete};
use crate::cluster::api::address::segment;
use crate::cluster::api::send::{Reply, send_once};
use crate::k8s::error::Result;
use crate::k8s::kind;
use crate::k8s::kind::Kind;
use crate::support::redact::mask;

/// Most bytes of a log that are read.
const LOG_BYTES: i64 = 64 * 1024;

impl Cluster {
    /// Objects of a kind in a namespace as the API server has them at hand, which costs it little; they may be a moment
    /// old. `fields` narrows them like `labels` does (`type!=Normal`).
    pub(crate) fn recent(&self, kind: &Kind, namespace: &str, labels: &str, fields: &str) -> Result<Vec<Value>> {
        let attempt = Attempt { verb: "list", kind, namespace, name: "" };
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let parameters =
            ListParams { label_selector: given(labels), field_selector: given(fields), ..ListParams::default() };
        let request = built(attempt, Request::new(kind.path(namespace)?).list(&parameters.match_any()))?;
        let mut page = self.send(attempt, || send_once!(self.client, request))?;
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else { return Ok(Vec::new()) };
        Ok(items.into_iter().map(|item| complete(item, kind)).collect())
    }

    /// The last lines that a container wrote, the whole of each, without what is hidden; `previous` for its run before
    /// this one.
    pub(crate) fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        last: u32,
    ) -> Result<Vec<String>> {
        let attempt = Attempt { verb: "get", kind: &kind::POD, namespace, name: pod };
        let parameters = LogParams {
            container: Some(container.to_owned()).filter(|name| !name.is_empty()),
            previous,
            tail_lines: Some(i64::from(last)),
            limit_bytes: Some(LOG_BYTES),
            ..LogParams::default()
        };
        let request = built(attempt, Request::new(kind::POD.path(namespace)?).logs(segment(pod)?, &parameters))?;
        // A log is any bytes; what reads answers reads JSON objects.
        let as_json = |reply: Reply| match json!({"log": String::from_utf8_lossy(&reply.body)}).to_string() {
            text if reply.code < 400 => Reply { body: text.into_bytes(), ..reply },
            _ => reply,
        };
        let answer = self.send(attempt, || async {
            let reply: kube::Result<Reply> = send_once!(self.client, request).await;
            reply.map(as_json)
        })?;
        let text = answer["log"].as_str().unwrap_or_default();
        // A line that was cut off could hold half a secret, which no mask would match.
        let is_cut = i64::try_from(text.len()).is_ok_and(|length| length >= LOG_BYTES);
        let whole = if is_cut { text.rsplit_once('\n').map_or("", |(whole, _)| whole) } else { text };
        Ok(mask(whole, &self.hidden()).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use crate::k8s::kind::POD;
    use serde_json::json;

    #[test]
    fn lists_are_cheap_and_logs_are_masked_and_whole() {
        let log = format!("a hunter22 b\n{}", "hunter2".repeat(20_000));
        let (cluster, asked) = server(vec![(200, json!({"items": [{"metadata": {}}]})), (200, json!(log))]);
        cluster.hide(["hunter22".to_owned()]);
        let listed = cluster.recent(&POD, "n", "a=b", "type!=Normal").unwrap();
        assert_eq!(listed[0]["kind"], "Pod");
        // The script answers in JSON, where the line break is two characters: the whole is one line that was cut.
        assert_eq!(cluster.logs("n", "p", "c", true, 9).unwrap(), [""; 0]);
        let lines: Vec<String> = asked.iter().map(|asked| asked.line).collect();
        assert_eq!(
            lines,
            [
                "GET /api/v1/namespaces/n/pods?&fieldSelector=type%21%3DNormal&labelSelector=a%3Db&resourceVersion=0&resourceVersionMatch=NotOlderThan",
                "GET /api/v1/namespaces/n/pods/p/log?&container=c&limitBytes=65536&previous=true&tailLines=9",
            ]
        );
    }
}
