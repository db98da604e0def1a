// SPDX-License-Identifier: MIT
//! loop/loop.c on Rayon: a parallel iterator over the cells.
mod program;

use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// On a line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Worker(AtomicU64);

fn run_loops(cells: &mut [u32], loops: u64) {
    for _ in 0..loops {
        cells.par_iter_mut().for_each(|cell| *cell = cell.wrapping_add(1));
    }
}

/// The same, telling who did how many: fold's state is one leaf of the splitting. Not timed: it costs several times
/// more.
fn count_loops(cells: &mut [u32], workers: &[Worker], loops: u64) {
    for _ in 0..loops {
        let increments = cells.par_iter_mut().fold(|| 0, |items, cell| {
            *cell = cell.wrapping_add(1);
            items + 1
        });
        increments.for_each(|items| {
            workers[rayon::current_thread_index().unwrap()].0.fetch_add(items, Relaxed);
        });
    }
}

fn main() {
    program::describe();
    let workers = program::argument(1, 2);
    let count = program::argument(2, 1000) as usize;
    let loops = program::argument(3, 1000);
    let pool = program::pool(workers as usize);
    let done: Vec<Worker> = (0..workers).map(|_| Worker::default()).collect();
    let mut cells = vec![0u32; count];
    let counted = loops / 8 + 1;
    pool.install(|| count_loops(&mut cells, &done, counted));
    let elapsed = pool.install(|| {
        let begin = Instant::now();
        run_loops(&mut cells, loops);
        begin.elapsed()
    });
    let items: Vec<u64> = done.iter().map(|worker| worker.0.load(Relaxed)).collect();
    let all = count as u64 * counted;
    if items.iter().sum::<u64>() != all || cells.iter().any(|&cell| cell != (counted + loops) as u32) {
        program::die("not every index was incremented once per loop");
    }
    println!("sample {} us_per_loop {:.6}", workers, elapsed.as_nanos() as f64 / 1e3 / loops as f64);
    println!("sample {} other_share {:.6}", workers, 100.0 - 100.0 * *items.iter().max().unwrap() as f64 / all as f64);
}
