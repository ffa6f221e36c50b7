//! The variables with which a .NET project listens on https with its own certificate.

use super::listening::{Meaning, Said};
use crate::manifest::Resource;

/// Where the certificate and its key lie in the container.
pub(crate) const FOLDER: &str = "/etc/aspire/tls";

/// The variables that neither the manifest nor the file says, with their texts. .NET takes names in any case, and half a
/// certificate is not an endpoint, so only a certificate that is specified counts.
pub(super) fn variables<'a>(
    name: &str,
    resource: &Resource,
    said: impl Iterator<Item = &'a String>,
) -> Vec<(&'static str, String)> {
    let (mut has_certificate, mut listens) = (false, false);
    for said in said.filter_map(|variable| Said::new(variable, "", false)) {
        has_certificate |= said.meaning == Meaning::Certificate;
        listens |= matches!(said.meaning, Meaning::Urls | Meaning::HttpsPorts) || said.endpoint_url().is_some();
    }
    let mut variables = Vec::new();
    if !has_certificate {
        variables.push(("Kestrel__Certificates__Default__Path", format!("{FOLDER}/tls.crt")));
        variables.push(("Kestrel__Certificates__Default__KeyPath", format!("{FOLDER}/tls.key")));
    }
    let secure = resource.bindings.iter().filter(|(_, binding)| binding.scheme.eq_ignore_ascii_case("https"));
    let ports: Vec<String> = secure.map(|(binding, _)| format!("{{{name}.bindings.{binding}.targetPort}}")).collect();
    if !listens && !ports.is_empty() {
        variables.push(("HTTPS_PORTS", ports.join(";")));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Binding;

    #[test]
    fn what_is_said_is_not_said_again() {
        let https = Binding { scheme: "https".into(), ..Binding::default() };
        let resource = Resource { bindings: [("https".to_owned(), https)].into(), ..Resource::default() };
        let names = |said: &[&str]| {
            let said: Vec<String> = said.iter().map(|name| (*name).to_owned()).collect();
            variables("api", &resource, said.iter()).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let kestrel = ["Kestrel__Certificates__Default__Path", "Kestrel__Certificates__Default__KeyPath"];
        assert_eq!(names(&["OTHER"]), [kestrel[0], kestrel[1], "HTTPS_PORTS"]);
        assert_eq!(names(&["https_ports"]), kestrel);
        assert_eq!(names(&["ASPNETCORE_URLS"]), kestrel);
        assert_eq!(names(&["Kestrel__Endpoints__https__Url"]), kestrel);
        assert_eq!(names(&["Kestrel:Certificates:Default:Path"]), ["HTTPS_PORTS"]);
    }
}
