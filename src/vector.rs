//! Loops compiled for the widest vectors of the processor that the program meets.

use multiversion::multiversion;

/// Does the work in instructions of AVX2 where the processor has them. The closure and what it calls must be `#[inline(always)]`, or be inlined: what
/// stays a function of its own is as it would be elsewhere.
///
/// The bits are the same: the same operations are done, more of them at a time. Nothing is reordered or fused.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn widest<R>(work: impl FnOnce() -> R) -> R {
    work()
}
