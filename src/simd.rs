//! Run-time dispatch to the widest SIMD instructions of the processor, and operations that are one of them.

use multiversion::multiversion;

/// Runs `work` compiled for AVX-512 or AVX2 where the processor has it, and for the baseline instruction set elsewhere. `work` and the functions that it
/// calls must be `#[inline(always)]` or be inlined: a function that stays a call of its own is compiled for the baseline.
///
/// The results are the same to the last bit: the same operations are done, more of them per instruction; none is reordered or fused.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The larger of two numbers; `b` if one is NaN.
#[inline(always)]
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller of two numbers; `b` if one is NaN.
#[inline(always)]
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}
