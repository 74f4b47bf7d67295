//! Sums in twice the precision of `f64`.

/// A sum of `f64`. Exact, and so the same in whatever order the terms come, as long as their bits span about a hundred binary digits: `f32` pixels whose
/// magnitudes lie within 2⁶⁰ of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    high: f64,
    /// What rounding took from `high`.
    low: f64,
}

impl Sum {
    #[inline(always)]
    pub(super) fn add(&mut self, term: f64) {
        // Knuth's sum without error.
        let high = self.high + term;
        let added = high - self.high;
        self.low += (self.high - (high - added)) + (term - added);
        self.high = high;
    }

    #[inline(always)]
    pub(super) fn merge(&mut self, other: Sum) {
        self.add(other.high);
        self.low += other.low;
    }

    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter() {
        let mut terms: Vec<f64> =
            (0..1000).map(|k: i32| f64::from(((k * 7919 % 1000) as f32 - 300.7) * 2_f32.powi(k % 50 - 25))).collect();
        let sum = |terms: &[f64]| {
            let mut parts = terms.chunks(37).map(|part| {
                let mut sum = Sum::default();
                part.iter().for_each(|term| sum.add(*term));
                sum
            });
            let first = parts.next().unwrap_or_default();
            parts.fold(first, |mut all, part| {
                all.merge(part);
                all
            })
        };
        let value = sum(&terms).value();
        terms.reverse();
        assert_eq!(sum(&terms).value().to_bits(), value.to_bits());
        terms.sort_by(f64::total_cmp);
        assert_eq!(sum(&terms).value().to_bits(), value.to_bits());
    }

    #[test]
    fn nothing_is_lost_to_a_large_term() {
        let mut sum = Sum::default();
        for term in [1e16, 1.0, 1.0, 1.0, -1e16] {
            sum.add(term);
        }
        assert_eq!(sum.value(), 3.0);
    }
}
