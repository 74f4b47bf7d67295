//! Columns of numbers of which `N` are computed together.

/// The length of a column for `n` numbers from which whole batches can be taken at every multiple of `N` below `n`, and one index later.
pub(super) fn padded<const N: usize>(n: usize) -> usize {
    n.next_multiple_of(N) + 1
}

/// The batch of a [`padded`] column from an index on; NaN if there is none.
#[inline(always)]
pub(super) fn batch<const N: usize>(column: &[f64], at: usize) -> &[f64; N] {
    column.get(at..).and_then(<[f64]>::first_chunk).unwrap_or(&[f64::NAN; N])
}
