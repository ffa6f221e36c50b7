//! The labels on the helm records of third-party charts, with which a later run, on another machine and without files,
//! recognizes who installed them. Helm since 3.13 keeps such labels on every revision.

use super::PlannedChart;
use crate::support::digest::sha256;
use serde_json::Value;
use std::collections::BTreeMap;

const APPLICATION: &str = "aspire-k8s/application";
const RELEASE: &str = "aspire-k8s/for-release";
const NAMESPACE: &str = "aspire-k8s/for-namespace";
const CHART: &str = "aspire-k8s/chart";
const DESTROY: &str = "aspire-k8s/destroy";
const ORDER: &str = "aspire-k8s/order";
const DIGEST: &str = "aspire-k8s/digest";

/// The marks of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The application that it was installed for, as a label says it.
    pub application: String,
    /// The release of that application.
    pub release: String,
    /// The namespace of that release.
    pub namespace: String,
    /// What it is called among the charts of the application.
    pub chart: String,
    /// Whether `destroy` removes it.
    pub destroy: bool,
    /// Its place among the charts: what needs others has a higher one.
    pub order: usize,
    /// Beginning of the digest of the chart that was installed.
    pub digest: String,
}

impl Marks {
    /// Those of a chart. `order` is its place among all, `digest` the SHA-256 of what was fetched.
    pub fn new(chart: &PlannedChart, owner: (&str, &str, &str), order: usize, digest: &str) -> Self {
        let (application, release, namespace) = owner;
        Self {
            application: label(application),
            release: label(release),
            namespace: label(namespace),
            chart: label(&chart.name),
            destroy: chart.destroy,
            order,
            digest: digest.chars().take(40).collect(),
        }
    }

    /// Reads them from the labels of a record; none when we did not install the release.
    pub fn read(labels: &Value) -> Option<Self> {
        let text = |key: &str| labels[key].as_str().map(str::to_owned);
        Some(Self {
            application: text(APPLICATION)?,
            release: text(RELEASE)?,
            namespace: text(NAMESPACE)?,
            chart: text(CHART)?,
            destroy: text(DESTROY)? == "true",
            order: text(ORDER).and_then(|order| order.parse().ok()).unwrap_or_default(),
            digest: text(DIGEST).unwrap_or_default(),
        })
    }

    /// The labels, for helm's `--labels`.
    pub fn labels(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (APPLICATION, self.application.clone()),
            (RELEASE, self.release.clone()),
            (NAMESPACE, self.namespace.clone()),
            (CHART, self.chart.clone()),
            (DESTROY, self.destroy.to_string()),
            (ORDER, self.order.to_string()),
            (DIGEST, self.digest.clone()),
        ])
    }

    /// Whether it was installed for this release of this application.
    pub fn is_of(&self, application: &str, release: &str, namespace: &str) -> bool {
        (&self.application, &self.release, &self.namespace) == (&label(application), &label(release), &label(namespace))
    }

    /// Whether it was installed for this release, of whatever application.
    pub fn is_for(&self, release: &str, namespace: &str) -> bool {
        (&self.release, &self.namespace) == (&label(release), &label(namespace))
    }

    /// Finds the records of all releases that were installed for a release.
    pub fn selector(release: &str, namespace: &str) -> String {
        format!("owner=helm,{RELEASE}={},{NAMESPACE}={}", label(release), label(namespace))
    }
}

/// A text as the value of a label: what does not fit keeps its beginning and gets its digest, so that two stay two.
fn label(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let framed =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if text.len() <= 63 && framed && text.chars().all(legal) {
        return text.to_owned();
    }
    let plain: String =
        text.chars().filter(|c| legal(*c)).skip_while(|c| !c.is_ascii_alphanumeric()).take(40).collect();
    let start = if plain.is_empty() { "x" } else { &plain };
    format!("{start}-{}", &sha256(text)[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_are_read_back_and_belong_to_one_release() {
        let chart = PlannedChart { name: "nginx".into(), destroy: true, ..PlannedChart::default() };
        let marks = Marks::new(&chart, ("My Shop", "shop", "prod"), 3, &"a".repeat(64));
        let labels = json!(marks.labels());
        assert_eq!(Marks::read(&labels), Some(marks.clone()));
        assert!(marks.is_of("My Shop", "shop", "prod") && !marks.is_of("MyShop", "shop", "prod"));
        assert!(!marks.is_of("My Shop", "shop", "test"));
        assert_eq!(Marks::read(&json!({"owner": "helm"})), None);
        for value in labels.as_object().unwrap().values() {
            let value = value.as_str().unwrap();
            assert!(value.len() <= 63 && !value.contains(' '), "{value}");
        }
    }

    #[test]
    fn any_text_becomes_a_label() {
        assert_eq!(label("shop.v2"), "shop.v2");
        let odd = ["a b", "a_b ", "_a", "é", &"x".repeat(64), ""].map(label);
        for text in &odd {
            assert!(text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{text}");
        }
        assert_eq!(odd.iter().collect::<std::collections::BTreeSet<_>>().len(), odd.len());
    }
}
