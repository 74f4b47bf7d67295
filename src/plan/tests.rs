//! Planning against brute force: every output pixel that falls into an input lies in a touched tile and in a rectangle.

use super::bounds::Extent;
use super::overlap::{TileTree, extent_of_wcs, rectangles};
use crate::map::{PixelMap, WcsMap};
use crate::window::{Tiles, Window};
use crate::{Header, Wcs};
use std::time::Instant;

#[path = "../../tests/random/mod.rs"]
mod random;

use random::{Frame, PROJECTIONS, Random, header, projection};

struct Image {
    wcs: Wcs,
    shape: [usize; 2],
    name: &'static str,
}

impl Image {
    fn new(kind: usize, crval: [f64; 2], scale: f64, angle: f64, shape: [usize; 2], frame: Frame) -> Image {
        let text = header(kind, crval, scale, angle, shape, frame);
        let wcs = Header::parse(&text).and_then(|header| Wcs::from_header(&header)).unwrap();
        Image { wcs, shape, name: PROJECTIONS[kind].0 }
    }

    /// Anywhere on the sky.
    fn anywhere(random: &mut Random, kind: usize, scale: f64, shape: [usize; 2]) -> Image {
        let frame = if random.below(3) == 0 { Frame::Galactic } else { Frame::Icrs };
        let angle = random.between(0.0, 360.0);
        Image::new(kind, random.place(), scale, angle, shape, frame)
    }

    fn extent(&self, target: &Wcs) -> Option<Extent> {
        extent_of_wcs(&self.wcs, self.shape, 0.0, target.frame()).unwrap()
    }

    fn tree(&self, side: usize) -> (Tiles, TileTree<'_>) {
        let tiles = Tiles::new(Window { x0: 0, y0: 0, nx: self.shape[1], ny: self.shape[0] }, side);
        (tiles, TileTree::new(&self.wcs, tiles))
    }
}

#[derive(Default)]
struct Tally {
    filled: usize,
    touched: usize,
    needed: usize,
    rectangles: usize,
    area: usize,
    tight: usize,
    lost: Vec<String>,
}

impl Tally {
    fn check(&mut self, target: &Image, input: &Image) {
        let [ny, nx] = target.shape;
        let (tiles, tree) = target.tree(32);
        let touched = input.extent(&target.wcs).map(|extent| tree.touched(&extent)).unwrap_or_default();
        let map = WcsMap::new(&target.wcs, &input.wcs).unwrap();
        let found = rectangles(&map, &tiles, &touched, input.shape, 0.0);
        let mut needed = vec![false; tiles.count()];
        let mut tight: Vec<Option<Window>> = vec![None; found.len()];
        for y in 0..ny {
            let (mut xs, mut ys): (Vec<f64>, _) = ((0..nx).map(|x| x as f64).collect(), vec![y as f64; nx]);
            map.to_input(&mut xs, &mut ys);
            for x in 0..nx {
                let [my, mx] = input.shape.map(|n| n as f64 - 0.5);
                if !(-0.5..=mx).contains(&xs[x]) || !(-0.5..=my).contains(&ys[x]) {
                    continue;
                }
                self.filled += 1;
                let tile = tiles.holding(x, y);
                needed[tile] = true;
                let is_touched = touched.binary_search(&tile).is_ok();
                let pixel = Window { x0: x, y0: y, nx: 1, ny: 1 };
                let holder = found.iter().position(|window| window.hull(&pixel) == *window);
                match holder {
                    Some(k) if is_touched => tight[k] = Some(tight[k].map_or(pixel, |window| window.hull(&pixel))),
                    _ => self.lost.push(format!(
                        "{} on {}: ({x}, {y}) falls to ({}, {}); touched {is_touched}, rectangle {holder:?}",
                        input.name, target.name, xs[x], ys[x]
                    )),
                }
            }
        }
        self.touched += touched.len();
        self.needed += needed.iter().filter(|needed| **needed).count();
        self.rectangles += found.len();
        self.area += found.iter().map(|window| window.nx * window.ny).sum::<usize>();
        self.tight += tight.iter().flatten().map(|window| window.nx * window.ny).sum::<usize>();
    }

    fn finish(&self, name: &str) {
        println!(
            "{name:20} {:8} pixels filled, {} lost; tiles touched {} for {} needed; {} rectangles, {:.1} % larger than tight",
            self.filled,
            self.lost.len(),
            self.touched,
            self.needed,
            self.rectangles,
            100.0 * (self.area as f64 / self.tight.max(1) as f64 - 1.0)
        );
        self.lost.iter().step_by(self.lost.len() / 20 + 1).for_each(|lost| println!("{lost}"));
        assert!(self.filled > 0);
        assert_eq!(self.lost.len(), 0);
    }
}

/// All projections on all, of the sizes given: (target, input).
fn everything_on_everything(name: &str, sizes: impl Fn(&mut Random) -> [(f64, [usize; 2]); 2]) {
    let mut random = Random(0x21 + name.len() as u64);
    let mut tally = Tally::default();
    for k in 0..2 * PROJECTIONS.len() {
        let [target, input] = sizes(&mut random);
        let target = Image::anywhere(&mut random, k % PROJECTIONS.len(), target.0, target.1);
        let kind = random.below(PROJECTIONS.len());
        let input = Image::anywhere(&mut random, kind, input.0, input.1);
        tally.check(&target, &input);
    }
    tally.finish(name);
}

#[test]
fn small_on_all_sky() {
    everything_on_everything("small on all-sky", |random| {
        [(0.6, [300, 600]), (random.between(0.02, 0.2), [30 + random.below(200), 30 + random.below(200)])]
    });
}

#[test]
fn all_sky_on_all_sky() {
    everything_on_everything("all-sky on all-sky", |_| [(0.6, [300, 600]), (0.5, [360, 720])]);
}

#[test]
fn all_sky_on_small() {
    everything_on_everything("all-sky on small", |random| [(random.between(0.01, 0.2), [300, 300]), (0.5, [360, 720])]);
}

/// The poles and the seam of an all-sky grid that stands upright, with images around them.
#[test]
fn poles_and_seams() {
    for code in ["CAR", "AIT", "MOL", "HPX", "CEA", "SFL"] {
        let mut random = Random(5);
        let mut tally = Tally::default();
        let target = Image::new(projection(code), [0.0, 0.0], 0.5, 0.0, [400, 760], Frame::Icrs);
        for k in 0..24 {
            let crval = match k % 4 {
                0 => [random.between(0.0, 360.0), random.between(87.0, 90.0)],
                1 => [random.between(0.0, 360.0), random.between(-90.0, -87.0)],
                _ => [random.between(175.0, 185.0), random.between(-60.0, 60.0)],
            };
            let angle = random.between(0.0, 360.0);
            let kind = projection(["TAN", "ZEA", "SIN"][k % 3]);
            tally.check(&target, &Image::new(kind, crval, 0.2, angle, [90, 120], Frame::Icrs));
        }
        tally.finish(&format!("around {code}"));
        // What straddles the seam has a rectangle at each end.
        assert!(tally.rectangles > 24 && tally.area < 24 * 400 * 760 / 10);
    }
}

#[test]
fn ordinary_images() {
    let mut random = Random(11);
    let mut tally = Tally::default();
    let target = Image::new(projection("TAN"), [150.0, 2.0], 0.0006, 0.0, [600, 600], Frame::Icrs);
    for _ in 0..40 {
        let crval = [150.0 + random.between(-0.3, 0.3), 2.0 + random.between(-0.3, 0.3)];
        let angle = random.between(0.0, 360.0);
        tally.check(&target, &Image::new(projection("TAN"), crval, 0.0005, angle, [200, 150], Frame::Icrs));
    }
    tally.finish("TAN on TAN");
}

/// Time for many inputs on 64 × 32 tiles of an all-sky grid, part of it undefined.
#[test]
fn cost() {
    let mut random = Random(3);
    let target = Image::new(projection("AIT"), [0.0, 0.0], 0.02, 0.0, [8192, 16384], Frame::Galactic);
    let start = Instant::now();
    let (tiles, tree) = target.tree(256);
    println!("caps of {} tiles: {:.3} s", tiles.count(), start.elapsed().as_secs_f64());
    let images: Vec<Image> = (0..5_000)
        .map(|k| Image::anywhere(&mut random, projection(["TAN", "CAR"][k % 2]), 0.001, [2000, 2000]))
        .collect();
    let start = Instant::now();
    let touched: usize =
        images.iter().filter_map(|image| image.extent(&target.wcs)).map(|extent| tree.touched(&extent).len()).sum();
    let each = start.elapsed().as_secs_f64() / images.len() as f64;
    let per_image = touched as f64 / images.len() as f64;
    println!("{:.1} µs an input, {:.1} s for 100,000; {per_image:.2} tiles each", each * 1e6, each * 1e5);
}
