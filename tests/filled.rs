//! The set of pixels that are filled, at poles, at seams and all over the sky, against reproject_interp over the full grid
//! (tests/golden/make_filled.py): nothing is lost, by planning or by the cheap coordinates, and nothing is invented.

mod common;
mod distorted;
mod random;

use common::Golden;
use common::field::wcs;
use distorted::{DISTORTIONS, distorted};
use ndarray::Array2;
use random::{Frame, Random, header, projection};
use skymosaic::{Input, Options, PixelMap, Resample, Wcs, WcsMap, reproject_and_coadd};

#[test]
fn same_pixels_as_reproject() {
    let golden = Golden::open("filled");
    let packed = common::read_npy(&golden.folder.join("masks.npy"));
    let mut bits = packed.iter().flat_map(|byte| (0..8).rev().map(move |bit| *byte as u8 >> bit & 1 == 1));
    let shape = |value: &serde_json::Value| [0, 1].map(|axis| value[axis].as_u64().unwrap() as usize);
    let mut wrong = Vec::new();
    for case in golden.cases() {
        let image = Array2::from_elem(shape(&case["image_shape"]), 1.0_f32);
        let target = wcs(case["target"].as_str().unwrap());
        let input = Input::from_array(image.view(), wcs(case["image"].as_str().unwrap()));
        let mut output = Array2::<f32>::zeros(shape(&case["shape"]));
        let mut footprint = output.clone();
        let options = Options::default().resample(Resample::Nearest).tile(64);
        reproject_and_coadd(&[input], &target, output.view_mut(), footprint.view_mut(), &options).unwrap();
        let (mut lost, mut invented) = (Vec::new(), Vec::new());
        for ((at, footprint), filled) in footprint.indexed_iter().zip(&mut bits) {
            match (*footprint > 0.0, filled) {
                (false, true) => lost.push(at),
                (true, false) => invented.push(at),
                _ => {}
            }
        }
        println!("{}: of {} filled, {} lost, {} more", case["name"], case["filled"], lost.len(), invented.len());
        if case["more"] == true {
            assert_eq!(footprint.iter().filter(|footprint| **footprint > 0.0).count(), footprint.len(), "found whole");
            invented.clear();
        }
        if lost.len() + invented.len() > 0 {
            wrong.push(format!(
                "{}: lost {:?} invented {:?}",
                case["name"],
                &lost[..lost.len().min(8)],
                &invented[..invented.len().min(8)]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pixels that planning and the cheap coordinates fill of a target, against the exact map of every one of them.
fn compare(name: &str, input: Wcs, target: &Wcs, image: [usize; 2], shape: [usize; 2]) -> usize {
    let map = WcsMap::new(target, &input).unwrap();
    let pixels = Array2::from_elem(image, 1.0_f32);
    let (mut output, mut footprint) = (Array2::<f32>::zeros(shape), Array2::<f32>::zeros(shape));
    let options = Options::default().resample(Resample::Nearest).tile(64);
    let inputs = [Input::from_array(pixels.view(), input)];
    reproject_and_coadd(&inputs, target, output.view_mut(), footprint.view_mut(), &options).unwrap();
    let mut filled = 0;
    for (y, row) in footprint.outer_iter().enumerate() {
        let (mut xs, mut ys): (Vec<f64>, _) = ((0..shape[1]).map(|x| x as f64).collect(), vec![y as f64; shape[1]]);
        map.to_input(&mut xs, &mut ys);
        for (x, footprint) in row.iter().enumerate() {
            // How far inside of the image; the bound on the coordinates decides nothing nearer to its edge.
            let depth = |at: f64, n: usize| (at + 0.5).min(n as f64 - 0.5 - at);
            let depth = [depth(xs[x], image[1]), depth(ys[x], image[0])].into_iter().reduce(f64::min).unwrap();
            let depth = if xs[x].is_nan() || ys[x].is_nan() { f64::NEG_INFINITY } else { depth };
            filled += usize::from(depth > 0.0);
            let wrong = if depth > 0.0 { *footprint == 0.0 } else { *footprint > 0.0 };
            assert!(!wrong || depth.abs() < 1e-4, "{name}: ({y}, {x}) is {depth} inside, footprint {footprint}");
        }
    }
    filled
}

#[test]
fn distortions_lose_nothing() {
    let mut random = Random(0xF111);
    let mut total = 0;
    for (kind, name) in DISTORTIONS.iter().enumerate() {
        let (image, shape) = ([150, 170], [180, 200]);
        for (target_kind, target_name) in DISTORTIONS.iter().enumerate() {
            let scale = 10.0_f64.powf(random.between(-4.0, -2.0));
            let place = random.place();
            let target = distorted(&mut random, target_kind, place, scale, shape);
            let dx = random.between(-80.0, 80.0) * scale / place[1].to_radians().cos().max(0.01);
            let near = [place[0] + dx, (place[1] + random.between(-80.0, 80.0) * scale).clamp(-90.0, 90.0)];
            let input = distorted(&mut random, kind, near, scale, image);
            total += compare(&format!("{name} on {target_name}"), input, &target, image, shape);
        }
        // On the whole sky, at its poles and seams.
        for (place, code) in [
            ([77.0, 89.9], "CAR"),
            ([5.0, -89.0], "AIT"),
            ([0.2, 3.0], "CAR"),
            ([180.1, -40.0], "MOL"),
            ([260.0, 41.0], "HPX"),
        ] {
            let shape = [180, 360];
            let text = header(projection(code), [0.0, 0.0], 1.0, 0.0, shape, Frame::Icrs);
            let input = distorted(&mut random, kind, place, 0.1, image);
            let filled = compare(&format!("{name} on {code}"), input, &wcs(&text), image, shape);
            assert!(filled > 100, "{name} on {code}: {filled} filled");
            total += filled;
        }
    }
    println!("{total} pixels filled, none lost and none invented");
    assert!(total > 500_000);
}
