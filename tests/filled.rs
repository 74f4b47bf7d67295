//! The set of pixels that are filled, at poles, at seams and all over the sky, against reproject_interp over the full grid
//! (tests/golden/make_filled.py): nothing is lost, by planning or by the cheap coordinates, and nothing is invented.

mod common;

use common::Golden;
use common::field::wcs;
use ndarray::Array2;
use skymosaic::{Input, Options, Resample, reproject_and_coadd};

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
