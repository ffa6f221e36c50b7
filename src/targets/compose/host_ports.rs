//! Ports of the host: each is given once. Must not know what is published there.

use std::collections::BTreeSet;

/// Where ports are looked for when the wanted one is taken.
const FIRST_FREE: u16 = 8000;

/// The ports that are given already.
#[derive(Debug)]
pub(super) struct HostPorts {
    /// Each with whether it is UDP.
    taken: BTreeSet<(u16, bool)>,
    /// From here on ports are looked for; all before were looked at.
    next: u16,
}

impl Default for HostPorts {
    fn default() -> Self {
        Self { taken: BTreeSet::new(), next: FIRST_FREE }
    }
}

impl HostPorts {
    /// As many ports in a row as there are containers, as `80` or `80-82`: from the wanted one on, else from the first free
    /// ones; none if there are none.
    pub(super) fn take(&mut self, wanted: u16, udp: bool, containers: u32) -> Option<String> {
        let more = u16::try_from(containers.saturating_sub(1)).ok()?;
        let row = |first: u16| first.checked_add(more).map(|last| first..=last);
        let is_free =
            |first: &u16| row(*first).is_some_and(|mut row| row.all(|port| !self.taken.contains(&(port, udp))));
        let found = std::iter::once(wanted).chain(self.next..=u16::MAX).find(is_free)?;
        let row = row(found)?;
        if found != wanted {
            self.next = row.end().saturating_add(1);
        }
        self.taken.extend(row.clone().map(|port| (port, udp)));
        Some(if more == 0 { found.to_string() } else { format!("{found}-{}", row.end()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let mut ports = HostPorts::default();
        for (wanted, udp, containers, given) in [
            (80, false, 1, Some("80")),
            (80, true, 1, Some("80")),
            (80, false, 1, Some("8000")),
            (80, false, 3, Some("8001-8003")),
            (8003, false, 1, Some("8004")),
            (65535, false, 2, Some("8005-8006")),
            (1, false, 70_000, None),
        ] {
            assert_eq!(ports.take(wanted, udp, containers).as_deref(), given, "{wanted} {containers}");
        }
    }
}
