//! Small symmetric systems of equations.

/// A symmetric positive 3 × 3 matrix as L D Lᵀ; directions in which it is zero to rounding are left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triangle {
    lower: [[f64; 3]; 3],
    diagonal: [f64; 3],
}

impl Triangle {
    /// Of its lower half.
    pub(super) fn of(matrix: &[[f64; 3]; 3]) -> Triangle {
        let (mut lower, mut diagonal) = ([[0.0; 3]; 3], [0.0; 3]);
        for row in 0..3 {
            for column in 0..row {
                let known: f64 = (0..column).map(|k| lower[row][k] * diagonal[k] * lower[column][k]).sum();
                let pivot = diagonal[column];
                lower[row][column] = if pivot > 0.0 { (matrix[row][column] - known) / pivot } else { 0.0 };
            }
            let known: f64 = (0..row).map(|k| lower[row][k] * lower[row][k] * diagonal[k]).sum();
            let pivot = matrix[row][row] - known;
            diagonal[row] = if pivot > 1e-12 * matrix[row][row] { pivot } else { 0.0 };
        }
        Triangle { lower, diagonal }
    }

    /// xᵀ L D Lᵀ x.
    pub(super) fn square(&self, x: [f64; 3]) -> f64 {
        let Triangle { lower, diagonal } = self;
        let along = |k: usize| x[k] + (k + 1..3).map(|row| lower[row][k] * x[row]).sum::<f64>();
        (0..3).map(|k| diagonal[k] * along(k) * along(k)).sum()
    }

    pub(super) fn solve(&self, mut right: [f64; 3]) -> [f64; 3] {
        let Triangle { lower, diagonal } = self;
        for row in 0..3 {
            // What is left out has no part in the others either.
            right[row] = if diagonal[row] > 0.0 {
                right[row] - (0..row).map(|k| lower[row][k] * right[k]).sum::<f64>()
            } else {
                0.0
            };
        }
        for row in (0..3).rev() {
            if diagonal[row] > 0.0 {
                right[row] = right[row] / diagonal[row] - (row + 1..3).map(|k| lower[k][row] * right[k]).sum::<f64>();
            }
        }
        right
    }
}
