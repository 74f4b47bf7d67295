//! Hashes of output pixels and of pairs of inputs, by which pixels and pairs are chosen without a pattern.

/// Scrambles 64 bits (SplitMix64, Steele et al. 2014).
pub(super) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A scrambled name of an output pixel.
pub(super) fn name(x: usize, y: usize) -> u64 {
    mix((((y as u64) << 32) | x as u64).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// That of a pair, from [`name`]s of its inputs.
pub(super) fn salt([a, b]: [usize; 2]) -> u64 {
    name(a, b)
}

/// The rank of a pixel for a pair: half of all have 0, a quarter 1, and so on, without a pattern and for each pair others: what
/// noise does to the pixels of an input that are kept is not the same for all its partners.
pub(super) fn rank(name: u64, salt: u64) -> u8 {
    (name ^ salt).wrapping_mul(0xbf58_476d_1ce4_e5b9).leading_zeros() as u8
}
