//! Command line of the test bed: builds its programs, runs a control plane in the foreground.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::process::ExitCode;

const USAGE: &str = "usage: testbed tools [--all]    build the programs of level A, or all
       testbed images           make the images of level B (root)
       testbed packages         install the Debian packages of level B (root)
       testbed demo [--node]    the example application on faked pods, or on a real node (root);
                                with --once it ends by itself
       testbed up               run a control plane until Ctrl-C
       testbed up --node        the same with a real node (root)";

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["tools"] => testbed::tools::ensure(testbed::tools::LEVEL_A).map(|bin| show(&bin.display())),
        ["tools", "--all"] => testbed::tools::ensure(&testbed::tools::all()).map(|bin| show(&bin.display())),
        ["images"] => testbed::images::ensure().map(|tars| tars.iter().for_each(|tar| show(&tar.display()))),
        ["packages"] => packages(),
        ["demo", ref options @ ..] if options.iter().all(|option| ["--node", "--once"].contains(option)) => {
            testbed::demo::run(options.contains(&"--node"), options.contains(&"--once"))
        }
        ["up"] => up(),
        ["up", "--node"] => up_node(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a control plane until the process is ended; the kernel then ends its children.
#[cfg(target_os = "linux")]
fn up() -> Result<(), testbed::Error> {
    let plane = testbed::ControlPlane::start()?;
    wait(&plane)
}

/// The same with a real node.
#[cfg(target_os = "linux")]
fn up_node() -> Result<(), testbed::Error> {
    let node = testbed::Node::start()?;
    wait(&node)
}

#[cfg(target_os = "linux")]
fn wait(plane: &testbed::ControlPlane) -> ! {
    show(&format_args!("export KUBECONFIG={}", plane.kubeconfig().display()));
    eprintln!("testbed: running; Ctrl-C ends it");
    loop {
        std::thread::park();
    }
}

/// Installs what a real node needs of Debian.
#[cfg(target_os = "linux")]
fn packages() -> Result<(), testbed::Error> {
    let status = std::process::Command::new("sh")
        .args(["-c", include_str!("../assets/packages.sh")])
        .status()
        .map_err(|error| testbed::Error::new(format!("Cannot run sh: {error}")))?;
    if status.success() { Ok(()) } else { Err(testbed::Error::new("The packages were not installed; see above.")) }
}

fn show(line: &dyn std::fmt::Display) {
    println!("{line}");
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("testbed: only Linux can run the test bed");
    ExitCode::FAILURE
}
