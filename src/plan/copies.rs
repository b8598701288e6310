//! Unique-ids that a listing has several times (RFC 1939 §7).

use crate::model::{Listed, Octets, Row};

/// Guesses which row is which copy's, so that a bad copy is blamed on one row from run to run: rows of the same size
/// first, and delivered, waiting and vanished ones in this order. Content decides in the end.
pub(super) fn pair_by_size<'a>(copies: &[&'a Listed], rows: &[&'a Row]) -> Vec<(&'a Listed, Option<&'a Row>)> {
    let mut free: Vec<&Row> = rows.to_vec();
    free.sort_by_key(|row| (row.gone.is_some(), row.content.is_none()));
    let mut pairs: Vec<(&Listed, Option<&Row>)> = Vec::with_capacity(copies.len());
    for copy in copies {
        let same_size = free.iter().position(|row| row.size == copy.size);
        pairs.push((copy, same_size.map(|at| free.remove(at))));
    }
    // Of another size, what waits is likelier to be a copy than what is delivered.
    free.sort_by_key(|row| (row.gone.is_some(), row.content.is_some()));
    let mut free = free.into_iter();
    for (_, row) in pairs.iter_mut().filter(|(_, row)| row.is_none()) {
        *row = free.next();
    }
    pairs
}

/// Sizes of which only what and how many they are counts.
pub(super) fn sorted_sizes(sizes: impl Iterator<Item = Option<Octets>>) -> Vec<Option<Octets>> {
    let mut sizes: Vec<_> = sizes.collect();
    sizes.sort_unstable();
    sizes
}
