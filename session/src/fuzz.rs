//! Fuzzing without a tool of its own: inputs on file, and random changes of them.
//!
//! In: a target, which panics if a rule is broken, and the name of its folder in `corpus`. Out: a panic that shows the input. The tests
//! replay the corpora and a fixed number of changes; `FUZZ_SECONDS=600 cargo test --release --lib fuzz` goes on for that long with each
//! target, from another seed, and puts what it finds into the corpus.

#![allow(clippy::print_stderr)] // in a test this is how to tell

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, Instant},
};

/// How many changed inputs a test tries.
const CHANGES: usize = 3000;

/// No input grows beyond this.
const LONGEST: usize = 4096;

/// A generator of random numbers that starts where it is told to (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % limit.max(1)
    }

    /// `input` with one to four changes; `other` and `words` are what it may get parts of.
    fn change(&mut self, input: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = at + self.below(bytes.len() - at + 1);
            match self.below(6) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap_or_default()),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 => drop(bytes.splice(at..end, words[self.below(words.len())].iter().copied())),
                4 => {
                    let from = self.below(other.len() + 1);
                    let to = from + self.below(other.len() - from + 1);
                    drop(bytes.splice(at..at, other[from..to].iter().copied()));
                }
                _ => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
            }
            bytes.truncate(LONGEST);
        }
        bytes
    }
}

/// Runs `target` on the inputs in the folder `name` of `corpus`, and on changes of them; `words` are what such inputs are made of.
pub(crate) fn fuzz(name: &str, words: &[&[u8]], target: impl Fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let run = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
            let path = folder.join(format!(
                "found-{:08x}",
                input
                    .iter()
                    .fold(7_u32, |hash, byte| { hash.wrapping_mul(31).wrapping_add(u32::from(*byte)) })
            ));
            if seconds.is_some() {
                fs::write(&path, input).unwrap();
            }
            eprintln!("{name} fails with {:?}", input.escape_ascii().to_string());
            std::panic::resume_unwind(panic);
        }
    };
    for input in &inputs {
        run(input);
    }
    let begun = Instant::now();
    let seed = seconds
        .map_or(0, |_: u64| u64::from(begun.elapsed().subsec_nanos()) << 32 | u64::from(std::process::id()));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    for nth in 0.. {
        let is_over =
            seconds.map_or(nth >= CHANGES, |seconds| begun.elapsed() > Duration::from_secs(seconds));
        if is_over {
            eprintln!("{name}: {nth} inputs");
            return;
        }
        let (one, other) = (dice.below(inputs.len()), dice.below(inputs.len()));
        let input = dice.change(&inputs[one], &inputs[other], words);
        run(&input);
        // Some changed inputs are changed again, so that changes add up.
        if inputs.len() < 256 {
            inputs.push(input);
        } else if nth % 8 == 0 && inputs.len() > paths.len() {
            let at = paths.len() + dice.below(inputs.len() - paths.len());
            inputs[at] = input;
        }
    }
}
