//! `dashboard`: forwards a local port to the Aspire dashboard of a release.

use super::args::{Common, Dashboard};
use super::which_release;
use super::{CliError, Exit, output};
use crate::pipeline::{self, Forward};
use crate::support::diagnostic::Code;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Opens the way, prints the link and stays. The token is printed because that is what the verb is for.
pub(super) fn dashboard(common: &Common, options: &Dashboard) -> Result<Exit, CliError> {
    let release = which_release::release(common, &options.source, &options.on)?;
    let wanted = Forward { local: options.port.unwrap_or(0), with_token: !options.no_token };
    let opened = |port: u16, token: Option<&str>| {
        output::line(&link(port, token));
        output::say(&format!("forwarded to the dashboard of {} until Ctrl-C", release.described()));
    };
    pipeline::dashboard(&release, wanted, &opened, &|text| output::warn(Code::DashboardUnavailable, text))?;
    Ok(Exit::Done)
}

fn link(port: u16, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("http://localhost:{port}/login?t={}", utf8_percent_encode(token, NON_ALPHANUMERIC)),
        None => format!("http://localhost:{port}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_part_of_the_link() {
        assert_eq!(link(5, None), "http://localhost:5/");
        assert_eq!(link(5, Some("aB1")), "http://localhost:5/login?t=aB1");
        assert_eq!(link(5, Some("a&b=\u{1b}")), "http://localhost:5/login?t=a%26b%3D%1B");
    }
}
