// SPDX-License-Identifier: MIT
//! What all programs share: arguments, versions, Rayon's pool, and the end when something is wrong.

/// Rayon runs stolen work on top of what waits: T3's tree needs more than the default of 2 MiB.
const STACK_SIZE: usize = 256 << 20;

pub fn argument(index: usize, fallback: u64) -> u64 {
    match std::env::args().nth(index) {
        Some(text) => text.parse().unwrap_or_else(|_| die(&format!("argument {} is not a count", index))),
        None => fallback,
    }
}

pub fn die(message: &str) -> ! {
    eprintln!("{}", message);
    std::process::exit(1);
}

pub fn describe() {
    println!("version {}", env!("BENCH_RAYON_VERSION"));
    println!("compiler {}", env!("BENCH_RUSTC_VERSION"));
}

pub fn pool(workers: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(workers).stack_size(STACK_SIZE).build().unwrap()
}
