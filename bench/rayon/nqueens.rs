// SPDX-License-Identifier: MIT
//! kernels/nqueens.c on Rayon: a parallel iterator over the free columns, split down to single ones.
mod measure;
mod program;

use rayon::prelude::*;

const SIZE_MAX: usize = 15;
const SOLUTIONS: [u64; SIZE_MAX + 1] =
    [1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184];

#[derive(Clone, Copy)]
struct Board {
    size: i8,
    rows: i8,
    column: [i8; SIZE_MAX],
}

impl Board {
    fn attacked(&self, column: i8) -> bool {
        self.column[..self.rows as usize].iter().enumerate().any(|(row, &other)| {
            let distance = (other - column).abs();
            distance == 0 || distance == self.rows - row as i8
        })
    }

    fn with(mut self, column: i8) -> Board {
        self.column[self.rows as usize] = column;
        self.rows += 1;
        self
    }
}

fn nqueens(board: Board) -> u64 {
    if board.rows == board.size {
        return 1;
    }
    let mut free = [0; SIZE_MAX];
    let mut count = 0;
    for column in (0..board.size).filter(|&column| !board.attacked(column)) {
        free[count] = column;
        count += 1;
    }
    free[..count].par_iter().with_max_len(1).map(|&column| nqueens(board.with(column))).sum()
}

fn main() {
    let size = program::argument(2, 12) as usize;
    if size > SIZE_MAX {
        program::die("more queens have no room");
    }
    let run = |warm: bool| {
        let size = if warm { size.min(8) } else { size };
        nqueens(Board { size: size as i8, rows: 0, column: [0; SIZE_MAX] })
    };
    measure::measure(0.0, run, SOLUTIONS[size]);
}
