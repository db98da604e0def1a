// SPDX-License-Identifier: MIT
//! kernels/fib.c on Rayon: a join per pair of calls.
mod measure;
mod program;

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (first, second) = rayon::join(|| fib(n - 1), || fib(n - 2));
    first + second
}

fn fibonacci(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

fn main() {
    let order = program::argument(2, 40);
    let times = program::argument(3, 1);
    let run = |warm: bool| if warm { fib(order.min(24)) } else { (0..times).map(|_| fib(order)).sum() };
    measure::measure((times * (fibonacci(order + 1) - 1)) as f64, run, times * fibonacci(order));
}
