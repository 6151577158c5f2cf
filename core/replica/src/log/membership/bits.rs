//! Sets of small numbers: places in the order in which entries came.

/// A set of numbers, 64 to a word. Equal sets are equal values: there is no zero word at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Adds a number; false if it was there.
    pub(super) fn insert(&mut self, bit: usize) -> bool {
        let (word, mask) = (bit / 64, 1 << (bit % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & mask == 0;
        self.0[word] |= mask;
        new
    }

    /// True if the number is in the set.
    pub(super) fn contains(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word & 1 << (bit % 64) != 0)
    }

    /// True if the set is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in the set.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds all numbers of another set.
    pub(super) fn union(&mut self, other: &Self) {
        if other.0.len() > self.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Keeps only the numbers of another set.
    pub(super) fn intersect(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        self.0.iter_mut().zip(&other.0).for_each(|(word, kept)| *word &= kept);
        self.trim();
    }

    /// Takes out all numbers of another set.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, less)| *word &= !less);
        self.trim();
    }

    /// The numbers that are not in another set.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// True if every number is in the other set, too.
    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(|(word, all)| word & !all == 0)
    }

    /// The numbers, lowest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| Ones(*word).map(move |bit| at * 64 + bit))
    }

    fn trim(&mut self) {
        let length = self.0.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        self.0.truncate(length);
    }
}

/// The places of the ones in a word.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit as usize)
    }
}

impl DoubleEndedIterator for Ones {
    fn next_back(&mut self) -> Option<usize> {
        let bit = 63_u32.checked_sub(self.0.leading_zeros())?;
        self.0 &= !(1 << bit);
        Some(bit as usize)
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<T: IntoIterator<Item = usize>>(bits: T) -> Self {
        let mut set = Self::default();
        bits.into_iter().for_each(|bit| _ = set.insert(bit));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SETS: [&[usize]; 6] = [&[], &[0], &[63, 64], &[1, 64, 200], &[0, 1, 63, 64, 200, 300], &[300]];

    fn set(bits: &Bits) -> BTreeSet<usize> {
        bits.iter().collect()
    }

    #[test]
    fn a_set_of_bits_behaves_as_a_set_of_numbers() {
        for (a, b) in SETS.iter().flat_map(|a| SETS.iter().map(move |b| (*a, *b))) {
            let (x, y): (BTreeSet<_>, BTreeSet<_>) = (a.iter().copied().collect(), b.iter().copied().collect());
            let (bits, other): (Bits, Bits) = (a.iter().copied().collect(), b.iter().copied().collect());
            assert_eq!((set(&bits), bits.len(), bits.is_empty()), (x.clone(), x.len(), x.is_empty()));
            assert_eq!(bits.is_subset(&other), x.is_subset(&y));
            assert!((0..400).all(|bit| bits.contains(bit) == x.contains(&bit)));
            let mut joined = bits.clone();
            joined.union(&other);
            assert_eq!(set(&joined), &x | &y);
            let mut common = bits.clone();
            common.intersect(&other);
            assert_eq!(common, (&x & &y).into_iter().collect());
            assert_eq!(bits.without(&other), (&x - &y).into_iter().collect());
            assert!(bits.iter().rev().eq(x.iter().rev().copied()));
        }
    }
}
