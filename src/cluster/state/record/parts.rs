//! The JSON of a record, parsed so that helm cannot parse it differently, and at a cost that grows linearly with its
//! length: the stored payload is small, and anyone may have written what it unpacks to.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A hook of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Kind of its object.
    pub kind: String,
    /// Name of its object.
    pub name: String,
    /// When helm runs it: `pre-delete`, `test`...
    pub events: Vec<String>,
    /// What helm applies, whatever the fields before say.
    pub manifest: String,
}

/// The keys of an object of JSON as they are written, with what stands behind each, not read yet.
#[derive(Default)]
pub(crate) struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Entries<'a> {
    fn find(&self, key: &str) -> Option<&'a RawValue> {
        let mut found = self.0.iter().filter(|(name, raw)| name == key && raw.get() != "null");
        found.next().map(|(_, raw)| *raw)
    }

    /// What stands behind a key, when it is of that type.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.find(key)?.get()).ok()
    }

    /// A text; empty if it is absent.
    pub(crate) fn text(&self, key: &str) -> String {
        self.read(key).unwrap_or_default()
    }

    /// An object, empty if it is absent; nothing when it is something else, or could be read in two ways.
    fn object(&self, key: &str) -> Option<Self> {
        self.find(key).map_or_else(|| Some(Self::default()), |raw| plain_entries(raw.get()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Entries<'de>, M::Error> {
                let mut found = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    found.push(entry);
                }
                Ok(Entries(found))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Keys that this program or helm reads.
const READ: [&str; 15] = [
    "name",
    "info",
    "chart",
    "config",
    "manifest",
    "hooks",
    "version",
    "namespace",
    "status",
    "events",
    "metadata",
    "annotations",
    "kind",
    "deleted",
    "last_deployed",
];

/// The parts of a record that are looked at. The rest, a tree of any size, is not built.
pub(crate) struct Parts<'a> {
    /// The record itself.
    pub all: Entries<'a>,
    /// What helm says of the revision.
    pub info: Entries<'a>,
    /// What the chart says of itself.
    pub metadata: Entries<'a>,
    pub hooks: Vec<Hook>,
}

impl<'a> Parts<'a> {
    /// None where helm may read something else than we do. Go takes a key in any case, and of two the last, so that a second
    /// `Hooks` would be seen by helm alone.
    pub(crate) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str::<Anything>(json).ok()?;
        let all = plain_entries(json)?;
        let hooks: Option<Vec<&RawValue>> = match all.find("hooks") {
            Some(raw) => serde_json::from_str(raw.get()).ok(),
            None => Some(Vec::new()),
        };
        Some(Self {
            info: all.object("info")?,
            metadata: all.object("chart")?.object("metadata")?,
            hooks: hooks?.into_iter().map(|raw| hook(&plain_entries(raw.get())?)).collect::<Option<_>>()?,
            all,
        })
    }
}

fn hook(entries: &Entries) -> Option<Hook> {
    let (kind, name, manifest) = (entries.text("kind"), entries.text("name"), entries.text("manifest"));
    Some(Hook { kind, name, events: entries.read("events")?, manifest })
}

fn plain_entries(json: &str) -> Option<Entries<'_>> {
    let entries: Entries = serde_json::from_str(json).ok()?;
    let mut seen = std::collections::BTreeSet::new();
    let good = entries.0.iter().all(|(key, _)| {
        let lower = key.to_ascii_lowercase();
        // Go folds a few letters beyond ASCII too, such as the sign of Kelvin.
        key.is_ascii() && (*key == lower || !READ.contains(&&*lower)) && seen.insert(lower)
    });
    good.then_some(entries)
}

/// Whatever the reader of whole trees would take: nested as deep, with numbers as large.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Self, M::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
