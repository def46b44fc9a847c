use sk_tickets_core::{Entropy, platform::system::SeededEntropy};

/// What inputs may have in them, in the syntax of libFuzzer.
const DICTIONARY: &str = include_str!("../../dictionary.txt");
const CHANGES_MAX: usize = 4;
/// No input grows beyond this, in bytes.
const LENGTH_MAX: usize = 8_192;

/// Makes inputs from others by chance: the same for the same seed.
#[derive(Debug)]
pub(crate) struct Mutation {
    chance: SeededEntropy,
    words: Vec<Vec<u8>>,
}

impl Mutation {
    pub(crate) fn new(seed: u64) -> Self {
        let words: Vec<_> = DICTIONARY.lines().filter_map(word).collect();
        assert!(words.len() > 20, "the dictionary was read");
        Self { chance: SeededEntropy::new(seed), words }
    }

    /// One of the inputs, changed here and there.
    pub(crate) fn of(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(inputs).clone();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut input, inputs);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let to = at + self.below(input.len() - at + 1);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.byte(),
            2 => drop(input.drain(at..to)),
            3 => {
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let words = std::mem::take(&mut self.words);
                let word = self.one_of(&words).clone();
                self.words = words;
                input.splice(at..to.min(at + self.below(2) * word.len()), word);
            }
            5 => {
                let other = self.one_of(inputs).clone();
                let from = self.below(other.len() + 1);
                input.splice(at..to, other[from..].iter().copied());
            }
            6 => input.truncate(at),
            _ => input.insert(at, self.byte()),
        }
    }

    fn one_of<'a, T>(&self, many: &'a [T]) -> &'a T {
        &many[self.below(many.len())]
    }

    fn byte(&self) -> u8 {
        let mut byte = [0];
        self.chance.fill(&mut byte);
        byte[0]
    }

    /// A number below `bound`, which is not 0.
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(bound).expect("a number")).expect("below")
    }
}

/// The word on a line of the dictionary: in quotation marks, with `\\`, `\"` and `\xNN`.
fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut word = Vec::new();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        match rest.next()? {
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                word.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            escaped => word.push(escaped),
        }
    }
    Some(word)
}
