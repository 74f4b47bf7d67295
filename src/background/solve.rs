//! The differences of pairs → the correction of each input: the sparse least-squares problem
//!
//! ```text
//! minimise Σ w |D_ab - (C_a - C_b)|²   over the pairs ab, the square being the mean over the overlap's pixels for planes
//! ```
//!
//! by conjugate gradients with a block Jacobi preconditioner, one group at a time. Every operation has its place in a fixed order and is one of
//! + - × ÷ √, so the bits are the same on every machine. The cost of a step is linear in inputs and pairs.

use super::{fit::Fit, triangle::Triangle};

/// Two inputs, what is known of their difference, and how much it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) inputs: [usize; 2],
    pub(super) fit: Fit,
    pub(super) weight: f64,
}

/// The corrections of `inputs` inputs as value at `centre` and slopes, and the groups that the links connect. Each group has mean zero, but that of
/// `reference`, where the reference has zero.
pub(super) fn solve(
    inputs: usize,
    links: &[Link],
    centre: [f64; 2],
    reference: Option<usize>,
) -> (Vec<[f64; 3]>, Vec<Vec<usize>>) {
    let groups = groups(inputs, links);
    let mut place = vec![(0, 0); inputs];
    for (group, members) in groups.iter().enumerate() {
        members.iter().enumerate().for_each(|(position, member)| place[*member] = (group, position));
    }
    let mut own: Vec<Vec<Link>> = vec![Vec::new(); groups.len()];
    for link in links {
        let [a, b] = link.inputs.map(|input| place[input]);
        own[a.0].push(Link { inputs: [a.1, b.1], ..*link });
    }
    let mut corrections = vec![[0.0; 3]; inputs];
    for (members, links) in groups.iter().zip(&own) {
        let mut solved = System::new(members.len(), links).solve(centre);
        let zero = match reference.and_then(|reference| members.iter().position(|member| *member == reference)) {
            Some(reference) => solved[reference],
            None => {
                let sum = solved.iter().fold([0.0; 3], |sum, one| std::array::from_fn(|k| sum[k] + one[k]));
                sum.map(|sum| sum / members.len() as f64)
            }
        };
        for (member, solved) in members.iter().zip(&mut solved) {
            corrections[*member] = std::array::from_fn(|k| solved[k] - zero[k]);
        }
    }
    (corrections, groups)
}

/// The inputs that links connect.
fn groups(inputs: usize, links: &[Link]) -> Vec<Vec<usize>> {
    let mut first: Vec<usize> = (0..inputs).collect();
    let root = |first: &mut Vec<usize>, mut input: usize| {
        while first[input] != input {
            first[input] = first[first[input]];
            input = first[input];
        }
        input
    };
    for link in links {
        let [a, b] = link.inputs.map(|input| root(&mut first, input));
        first[a.max(b)] = a.min(b);
    }
    let mut groups = vec![Vec::new(); inputs];
    for input in 0..inputs {
        groups[root(&mut first, input)].push(input);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Curvature along a direction, relative to that of the blocks alone, that is nothing but rounding. A chain of a million inputs has 1e-12.
const FLAT: f64 = 1e-13;

/// The normal equations of one group, in each input's value and slopes about a centre of its own, where they are least coupled. The first
/// input is held at zero: its block counts twice, which costs nothing as the links know no common plane, and rounding finds none either.
struct System<'l> {
    links: &'l [Link],
    centres: Vec<[f64; 2]>,
    held: [[f64; 3]; 3],
    blocks: Vec<Triangle>,
}

impl<'l> System<'l> {
    fn new(inputs: usize, links: &'l [Link]) -> Self {
        let mut centres = vec![[0.0; 2]; inputs];
        let mut sums = vec![([0.0; 2], 0.0); inputs];
        for link in links {
            for input in link.inputs {
                let (sum, weight) = &mut sums[input];
                if *weight == 0.0 {
                    centres[input] = link.fit.centre;
                }
                // From the first, so that the centre of equal ones is the same to the last bit: constants have no lever at all.
                (0..2).for_each(|axis| sum[axis] += link.weight * (link.fit.centre[axis] - centres[input][axis]));
                *weight += link.weight;
            }
        }
        for (centre, (sum, weight)) in centres.iter_mut().zip(sums).filter(|(_, (_, weight))| *weight > 0.0) {
            (0..2).for_each(|axis| centre[axis] += sum[axis] / weight);
        }
        let mut blocks = vec![[[0.0; 3]; 3]; inputs];
        for link in links {
            for input in link.inputs {
                for column in 0..3 {
                    let mut unit = [0.0; 3];
                    unit[column] = 1.0;
                    let part = link.back(link.weigh(link.there(unit, centres[input])), centres[input]);
                    (0..3).for_each(|row| blocks[input][row][column] += part[row]);
                }
            }
        }
        let held = blocks[0];
        blocks[0].iter_mut().flatten().for_each(|element| *element *= 2.0);
        System { links, centres, held, blocks: blocks.iter().map(Triangle::of).collect() }
    }

    /// Value at `centre` and slopes of each input. What the links leave undetermined beside the common plane stays near zero.
    fn solve(&self, centre: [f64; 2]) -> Vec<[f64; 3]> {
        let largest = self.links.iter().flat_map(|link| link.fit.value).fold(0.0, |a: f64, b| a.max(b.abs()));
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let mut x = vec![[0.0; 3]; self.centres.len()];
        let mut left = f64::INFINITY;
        // The second time improves what rounding has left of the first.
        for _ in 0..3 {
            let residual = self.residual(&x, unit);
            let size = product(&residual, &self.precondition(&residual));
            if !(size < left) {
                break;
            }
            left = size;
            let step = self.gradients(residual);
            x.iter_mut().zip(step).for_each(|(x, step)| (0..3).for_each(|k| x[k] += step[k]));
        }
        let absolute = |(x, own): (&[f64; 3], &[f64; 2])| {
            let value = x[0] + x[1] * (centre[0] - own[0]) + x[2] * (centre[1] - own[1]);
            [value, x[1], x[2]].map(|value| value * unit)
        };
        x.iter().zip(&self.centres).map(absolute).collect()
    }

    /// Conjugate gradients (Hestenes & Stiefel 1952) from zero.
    fn gradients(&self, mut residual: Vec<[f64; 3]>) -> Vec<[f64; 3]> {
        let mut x = vec![[0.0; 3]; residual.len()];
        let mut z = self.precondition(&residual);
        let mut direction = z.clone();
        let mut size = product(&residual, &z);
        let small = 1e-30 * size;
        for _ in 0..200 + 20 * x.len() {
            let image = self.apply(&direction);
            let curvature = product(&direction, &image);
            let blocks: f64 = self.blocks.iter().zip(&direction).map(|(block, d)| block.square(*d)).sum();
            // Below, rounding has turned the direction into one that the links leave undetermined.
            if !(size > small && curvature > FLAT * blocks) {
                break;
            }
            let step = size / curvature;
            for ((x, residual), (direction, image)) in x.iter_mut().zip(&mut residual).zip(direction.iter().zip(&image))
            {
                for k in 0..3 {
                    x[k] += step * direction[k];
                    residual[k] -= step * image[k];
                }
            }
            z = self.precondition(&residual);
            let next = product(&residual, &z);
            let turn = next / size;
            size = next;
            direction.iter_mut().zip(&z).for_each(|(d, z)| *d = std::array::from_fn(|k| z[k] + turn * d[k]));
        }
        x
    }

    fn precondition(&self, residual: &[[f64; 3]]) -> Vec<[f64; 3]> {
        self.blocks.iter().zip(residual).map(|(block, residual)| block.solve(*residual)).collect()
    }

    fn apply(&self, x: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let mut image = self.gather(x, |_, difference| difference);
        self.hold(&mut image[0], x[0], 1.0);
        image
    }

    /// Right-hand side minus image of x, everything in units of `unit`.
    fn residual(&self, x: &[[f64; 3]], unit: f64) -> Vec<[f64; 3]> {
        let mut residual =
            self.gather(x, |link, difference| std::array::from_fn(|k| link.fit.value[k] / unit - difference[k]));
        self.hold(&mut residual[0], x[0], -1.0);
        residual
    }

    /// What holds the first input.
    fn hold(&self, sum: &mut [f64; 3], first: [f64; 3], sign: f64) {
        for (sum, row) in sum.iter_mut().zip(&self.held) {
            *sum += sign * (row[0] * first[0] + row[1] * first[1] + row[2] * first[2]);
        }
    }

    fn gather(&self, x: &[[f64; 3]], of: impl Fn(&Link, [f64; 3]) -> [f64; 3]) -> Vec<[f64; 3]> {
        let mut sum = vec![[0.0; 3]; x.len()];
        for link in self.links {
            let [a, b] = link.inputs;
            let [xa, xb] = [a, b].map(|input| link.there(x[input], self.centres[input]));
            let weighed = link.weigh(of(link, std::array::from_fn(|k| xa[k] - xb[k])));
            for (input, sign) in [(a, 1.0), (b, -1.0)] {
                let part = link.back(weighed, self.centres[input]);
                (0..3).for_each(|k| sum[input][k] += sign * part[k]);
            }
        }
        sum
    }
}

impl Link {
    /// A plane about `centre` as one about the link's centre.
    fn there(&self, [value, x, y]: [f64; 3], centre: [f64; 2]) -> [f64; 3] {
        [value + x * (self.fit.centre[0] - centre[0]) + y * (self.fit.centre[1] - centre[1]), x, y]
    }

    /// The transpose of [`there`](Self::there).
    fn back(&self, [value, x, y]: [f64; 3], centre: [f64; 2]) -> [f64; 3] {
        [value, x + value * (self.fit.centre[0] - centre[0]), y + value * (self.fit.centre[1] - centre[1])]
    }

    fn weigh(&self, [value, x, y]: [f64; 3]) -> [f64; 3] {
        let [xx, xy, yy] = self.fit.moments;
        [value, xx * x + xy * y, xy * x + yy * y].map(|part| self.weight * part)
    }
}

fn product(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(a: usize, b: usize, value: f64, weight: f64) -> Link {
        let fit = Fit { centre: [329.5, 0.1], value: [value, 0.0, 0.0], moments: [0.0; 3] };
        Link { inputs: [a, b], fit, weight }
    }

    fn random(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    /// reproject/mosaicking/tests/test_background.py: its sizes and scales, to 1e-12 of the scale where it asks for 1e-7.
    #[test]
    fn reprojects_cases() {
        for (n, scale) in [(4, 1.0), (33, 1e30), (44, 1e-50), (132, 1e10), (1441, 1e-5)] {
            let mut seed = n as u64;
            let mut expected: Vec<f64> = (0..n).map(|_| 2.0 * scale * random(&mut seed)).collect();
            let mut links = Vec::new();
            for a in 0..n {
                links.extend((a + 1..n).map(|b| constant(a, b, expected[a] - expected[b], 1.0)));
            }
            // The one that is missing.
            links.retain(|link| link.inputs != [1, 2]);
            let mean = expected.iter().sum::<f64>() / n as f64;
            expected.iter_mut().for_each(|value| *value -= mean);
            let (solved, groups) = solve(n, &links, [0.0; 2], None);
            let worst = solved.iter().zip(&expected).map(|(got, wanted)| (got[0] - wanted).abs()).fold(0.0, f64::max);
            println!("{n} inputs, scale {scale:e}: worst {:.1e} of the scale", worst / scale);
            assert!(worst < 1e-12 * scale && groups.len() == 1);
            let (tied, _) = solve(n, &links, [0.0; 2], Some(0));
            assert_eq!(tied[0], [0.0; 3]);
        }
    }

    /// Against the normal equations of a small inconsistent system solved by hand: 0-1: 1 (weight 2), 1-2: 2 (weight 1), 0-2: 4 (weight 1).
    #[test]
    fn inconsistent_differences_meet_in_the_middle() {
        let links = [constant(0, 1, 1.0, 2.0), constant(1, 2, 2.0, 1.0), constant(0, 2, 4.0, 1.0)];
        let (solved, _) = solve(3, &links, [0.0; 2], Some(2));
        // 3a - 2b = 6, -2a + 3b = 0.
        assert!((solved[0][0] - 3.6).abs() < 1e-14 && (solved[1][0] - 2.4).abs() < 1e-14, "{solved:?}");
    }

    #[test]
    fn groups_are_centred_each() {
        let links = [constant(0, 3, 8.0, 5.0), constant(2, 5, -2.0, 1.0)];
        let (solved, groups) = solve(6, &links, [0.0; 2], Some(5));
        assert_eq!(groups, [vec![0, 3], vec![1], vec![2, 5], vec![4]]);
        let values: Vec<f64> = solved.iter().map(|one| one[0]).collect();
        assert_eq!(values, [4.0, 0.0, -2.0, -4.0, 0.0, 0.0]);
    }

    /// Weights and values with nothing round about them: what rounding leaves in the undetermined mean must not grow.
    #[test]
    fn the_mean_stays_at_zero() {
        for n in [3, 9, 50, 400] {
            let mut seed = n as u64;
            let mut links = Vec::new();
            for a in 0..n {
                for step in [1, 2, 7] {
                    let weight = 100.0 * (1.0 + random(&mut seed));
                    links.extend((a + step < n).then(|| constant(a, a + step, 20.0 * random(&mut seed), weight)));
                }
            }
            let (solved, _) = solve(n, &links, [84.5; 2], None);
            let mut left = vec![0.0; n];
            for link in &links {
                let [a, b] = link.inputs;
                let pull = link.weight * (link.fit.value[0] - (solved[a][0] - solved[b][0]));
                left[a] += pull;
                left[b] -= pull;
            }
            let worst = left.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            println!("{n} inputs: worst normal equation off by {worst:.1e}");
            assert!(worst < 1e-9);
        }
    }

    /// A chain is the worst that can happen to gradients.
    #[test]
    fn long_chains() {
        let n = 3000;
        let mut seed = 7;
        let steps: Vec<f64> = (0..n - 1).map(|_| random(&mut seed)).collect();
        let links: Vec<Link> = steps.iter().enumerate().map(|(k, step)| constant(k, k + 1, -step, 1e4)).collect();
        let (solved, _) = solve(n, &links, [0.0; 2], Some(0));
        let (mut sum, mut worst) = (0.0, 0.0_f64);
        for (k, step) in steps.iter().enumerate() {
            sum += step;
            worst = worst.max((solved[k + 1][0] - sum).abs());
        }
        println!("worst {worst:.1e}");
        assert!(worst < 1e-9);
    }

    /// Planes over a lattice of images with narrow overlaps, exactly known: everything but the common plane is found.
    #[test]
    fn planes_over_a_lattice() {
        let side = 12;
        let mut seed = 3;
        let truth: Vec<[f64; 3]> = (0..side * side)
            .map(|_| [20.0 * random(&mut seed), 0.05 * random(&mut seed), 0.05 * random(&mut seed)])
            .collect();
        let middle = [600.0; 2];
        let mut links = Vec::new();
        let mut link = |a: usize, b: usize, centre: [f64; 2], moments: [f64; 3]| {
            let difference: [f64; 3] = std::array::from_fn(|k| truth[a][k] - truth[b][k]);
            let value =
                difference[0] + difference[1] * (centre[0] - middle[0]) + difference[2] * (centre[1] - middle[1]);
            let fit = Fit { centre, value: [value, difference[1], difference[2]], moments };
            links.push(Link { inputs: [a, b], fit, weight: 1500.0 });
        };
        for y in 0..side {
            for x in 0..side {
                let (a, cx, cy) = (y * side + x, 100.0 * x as f64 + 50.0, 100.0 * y as f64 + 50.0);
                if x + 1 < side {
                    link(a, a + 1, [cx + 50.0, cy], [20.0, 0.0, 800.0]);
                }
                if y + 1 < side {
                    link(a, a + side, [cx, cy + 50.0], [800.0, 0.0, 20.0]);
                }
            }
        }
        let (solved, _) = solve(side * side, &links, middle, Some(0));
        let mut worst = 0.0_f64;
        for (got, wanted) in solved.iter().zip(&truth) {
            let difference: [f64; 3] = std::array::from_fn(|k| got[k] - (wanted[k] - truth[0][k]));
            worst = worst.max(difference[0].abs().max(600.0 * (difference[1].abs() + difference[2].abs())));
        }
        println!("worst {worst:.1e}");
        assert!(worst < 1e-9);
    }
}
