// SPDX-License-Identifier: MIT
//! kernels/uts.c on Rayon: a parallel iterator over a node's children, split down to single ones.
mod measure;
mod program;

use rayon::prelude::*;

type State = [u32; 5];

/// SHA-1 (FIPS 180-4) of a message of up to 13 words.
fn sha1(message: &[u32]) -> State {
    const START: State = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    let mut w = [0u32; 16];
    w[..message.len()].copy_from_slice(message);
    w[message.len()] = 0x80000000;
    w[15] = message.len() as u32 * 32;
    let [mut a, mut b, mut c, mut d, mut e] = START;
    // Unrolled, so that every index is a constant.
    macro_rules! round {
        ($i:expr, $f:expr, $k:expr) => {
            if $i >= 16 {
                w[$i % 16] = (w[($i + 13) % 16] ^ w[($i + 8) % 16] ^ w[($i + 2) % 16] ^ w[$i % 16]).rotate_left(1);
            }
            let next = a.rotate_left(5).wrapping_add($f).wrapping_add(e).wrapping_add($k).wrapping_add(w[$i % 16]);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        };
    }
    macro_rules! rounds {
        ($f:expr, $k:expr, $($i:expr)*) => { $(round!($i, $f, $k);)* };
    }
    rounds!((b & c) | (!b & d), 0x5a827999u32, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
    rounds!(b ^ c ^ d, 0x6ed9eba1u32, 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
    rounds!((b & c) | (b & d) | (c & d), 0x8f1bbcdcu32, 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59);
    rounds!(b ^ c ^ d, 0xca62c1d6u32, 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);
    let add = |i: usize, word: u32| START[i].wrapping_add(word);
    [add(0, a), add(1, b), add(2, c), add(3, d), add(4, e)]
}

#[derive(Clone, Copy)]
struct Node {
    state: State,
    height: u32,
}

impl Node {
    fn root(seed: u32) -> Node {
        Node { state: sha1(&[0, 0, 0, 0, seed]), height: 0 }
    }

    fn child(&self, index: u32) -> Node {
        let s = &self.state;
        Node { state: sha1(&[s[0], s[1], s[2], s[3], s[4], index]), height: self.height + 1 }
    }
}

#[derive(Clone, Copy)]
enum Tree {
    Geometric { depth: u32, children: f64 },
    Binomial { root: u32, chance: f64, arity: u32 },
}

impl Tree {
    fn children_of(&self, node: &Node) -> u32 {
        let random = (node.state[4] & 0x7fffffff) as f64 / 2147483648.0;
        match *self {
            Tree::Geometric { depth, .. } if node.height >= depth => 0,
            Tree::Geometric { children, .. } => {
                let stop = 1.0 / (1.0 + children);
                (((1.0 - random).ln() / (1.0 - stop).ln()).floor() as u32).min(100)
            }
            Tree::Binomial { root, .. } if node.height == 0 => root,
            Tree::Binomial { chance, arity, .. } => if random < chance { arity } else { 0 },
        }
    }
}

fn uts(tree: Tree, node: Node) -> u64 {
    match tree.children_of(&node) {
        0 => 1,
        children => {
            let count = |index: u32| uts(tree, node.child(index));
            1 + (0..children).into_par_iter().with_max_len(1).map(count).sum::<u64>()
        }
    }
}

fn main() {
    let (tree, seed, nodes, skip) = match program::argument(2, 1) {
        1 => (Tree::Geometric { depth: 10, children: 4.0 }, 19, 4130071, 5),
        3 => (Tree::Binomial { root: 2000, chance: 0.124875, arity: 8 }, 42, 4112897, 1),
        _ => program::die("the trees are 1 and 3"),
    };
    let run = |warm: bool| (0..if warm { skip } else { 0 }).fold(Node::root(seed), |node, _| node.child(0));
    measure::measure(nodes as f64, |warm| uts(tree, run(warm)), nodes);
}
