//! The `kubectl-aspire` program, which helm runs as `helm aspire`.

use kubectl_aspire::{Exit, run};

fn main() -> Exit {
    run(std::env::args_os())
}
