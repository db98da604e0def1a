// SPDX-License-Identifier: MIT
//! What fork/main.c is to the kernels in C: each number of workers in turn, a small run first, the whole one timed.
use crate::program;
use std::time::Instant;

/// `run(true)` is the small run. `tasks` is what the time is divided by; 0 where that says nothing.
pub fn measure(tasks: f64, run: impl Fn(bool) -> u64 + Sync, expected: u64) {
    program::describe();
    let usage = || program::die("usage: KERNEL WORKERS[,WORKERS...] ARGUMENTS...");
    let list = std::env::args().nth(1).unwrap_or_else(usage);
    for word in list.split(',') {
        let workers: usize = word.parse().unwrap_or_else(|_| program::die("workers are not a list of numbers"));
        let pool = program::pool(workers);
        pool.install(|| run(true));
        let begin = Instant::now();
        let result = pool.install(|| run(false));
        let elapsed_ns = begin.elapsed().as_nanos() as f64;
        if result != expected {
            program::die(&format!("the result is {}, not {}", result, expected));
        }
        println!("sample {} ms {:.6}", word, elapsed_ns / 1e6);
        if tasks > 0.0 {
            println!("sample {} ns_per_task {:.6}", word, elapsed_ns / tasks);
        }
    }
}
