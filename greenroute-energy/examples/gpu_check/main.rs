//! Holds the counter of NVIDIA's GPUs against `nvidia-smi`, on a machine that has one:
//!
//! `cargo run --release -p greenroute-energy --example gpu_check -- --seconds 30 --load "python3 matmul.py"`
//!
//! Prints a row for `RECORDS.md`, and fails where the two are more than 5 % apart. Without `--load` it counts whatever
//! runs on the board. Further: `--board 0`, `--warm-up 3`, `--every 50` (ms), `--field power.draw`, `--within 0.05`,
//! `--nvidia-smi PATH`, `--library PATH`.
#![expect(clippy::print_stdout, reason = "a program for people")]

mod check;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let check = check::Check::parse(std::env::args().skip(1))?;
    let record = check.run()?;
    println!("{record}");
    if record.within {
        return Ok(());
    }
    Err(format!("the two are {:+.1} % apart", 100.0 * (record.ratio() - 1.0)).into())
}
