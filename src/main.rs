//! The `kubectl-aspire` program, which helm starts as `helm aspire`.

use kubectl_aspire::{Exit, run};

fn main() -> Exit {
    run(std::env::args_os())
}
